/** What the table of options says of each one. */
import type { Kind } from './kinds.js';

export interface Option<T> {
  readonly flag: string;
  readonly fallback: T;
  readonly kind: Kind<T>;
  readonly about: string;
  /** Path of its key in the configuration file; undefined when the file cannot set it. */
  readonly fileKey: string | undefined;
}

/** `fileKey`: the flag itself unless said otherwise; `inFlagsOnly` when the file cannot set it. */
export function option<T>(flag: string, fallback: T, kind: Kind<T>, about: string, fileKey?: string | null): Option<T> {
  return { flag, fallback, kind, about, fileKey: fileKey === null ? undefined : (fileKey ?? flag) };
}

export const inFlagsOnly = null;
export const none: readonly string[] = [];
