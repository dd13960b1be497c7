/** The log as the core sees it: a line has a level, a message that never varies, and fields that do. */

export type Level = 'debug' | 'info' | 'warn' | 'error' | 'panic' | 'fatal';

/** What a field may hold. 64-bit ids are given as hex text; durations through `durationText` of the writer. */
export type FieldValue =
  | string
  | number
  | boolean
  | bigint
  | null
  | undefined
  | readonly FieldValue[]
  | { readonly [key: string]: FieldValue };
/** Written in their order; an undefined field is left out. */
export type Fields = { readonly [key: string]: FieldValue };

export interface Log {
  /** Whether debug lines are wanted at all: ask before building fields for one. */
  readonly debugEnabled: boolean;
  debug(msg: string, fields?: Fields): void;
  info(msg: string, fields?: Fields): void;
  warn(msg: string, fields?: Fields): void;
  error(msg: string, fields?: Fields): void;
  /** The same log under a name: `raft` lines carry `"logger":"raft"`. */
  named(name: string): Log;
}

class SilentLog implements Log {
  readonly debugEnabled = false;
  debug(): void {}
  info(): void {}
  warn(): void {}
  error(): void {}
  named(): Log {
    return this;
  }
}

export const silentLog: Log = new SilentLog();
