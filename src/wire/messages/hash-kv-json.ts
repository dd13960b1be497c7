/**
 * How members ask each other for a hash: `HashKVRequest` and `HashKVResponse` as Go's `encoding/json` writes them, with plain
 * numbers, and without what is zero.
 */
import { type Bytes, text, utf8 } from '../../base/bytes.js';
import { jsonText, parseJson } from '../../base/json.js';

export interface PeerHash {
  readonly hash: number;
  readonly compactRevision: number;
  /** The revision that was hashed. */
  readonly revision: number;
  /** The member's newest when it answered. */
  readonly current: number;
}

export function encodeHashKvRequest(revision: number): Bytes {
  return utf8(jsonText({ revision: revision || undefined }));
}

/** Undefined for what Go would not read. A revision beyond what a number holds is as far away as one at its edge. */
export function decodeHashKvRequest(bytes: Bytes): number | undefined {
  const fields = tableOf(bytes);
  return fields === undefined ? undefined : integerOf(fields, 'revision');
}

export function encodeHashKvResponse({ hash, compactRevision, revision, current }: PeerHash): Bytes {
  return utf8(
    jsonText({
      header: { revision: current || undefined },
      hash: hash || undefined,
      compact_revision: compactRevision || undefined,
      hash_revision: revision || undefined,
    }),
  );
}

export function decodeHashKvResponse(bytes: Bytes): PeerHash | undefined {
  const fields = tableOf(bytes);
  if (fields === undefined) return undefined;
  const hash = integerOf(fields, 'hash');
  const compactRevision = integerOf(fields, 'compact_revision');
  const revision = integerOf(fields, 'hash_revision');
  const current = isTable(fields.header) ? integerOf(fields.header, 'revision') : 0;
  if (hash === undefined || compactRevision === undefined || revision === undefined || current === undefined) return;
  return { hash, compactRevision, revision, current };
}

type Table = Readonly<Record<string, unknown>>;
const isTable = (value: unknown): value is Table =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** `null` is an empty object to Go. */
function tableOf(bytes: Bytes): Table | undefined {
  const value = parseJson(text(bytes));
  if (value === null) return {};
  return isTable(value) ? value : undefined;
}

/** Long integers come as text from `parseJson`. */
const longInteger = /^-?\d{16,19}$/;

/** A member of the object, 0 when it is missing: Go looks for its name in any case. */
function integerOf(table: Table, name: string): number | undefined {
  const key = Object.keys(table).findLast((each) => each.toLowerCase() === name);
  const value = key === undefined ? null : table[key];
  if (value === null) return 0;
  if (typeof value === 'string' && longInteger.test(value)) return clamp(Number(value));
  return typeof value === 'number' && Number.isInteger(value) ? clamp(value) : undefined;
}

const clamp = (value: number) => Math.max(-Number.MAX_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, value));
