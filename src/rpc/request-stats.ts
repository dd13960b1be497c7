/**
 * The line "request stats" for a unary call that took long (`--warning-unary-request-duration`), and at the level debug for every
 * one, as etcd's `logUnaryRequestStats` writes it. What was asked is found where it still is when the answer goes out: in the entry that
 * is being applied, or with the read that waited.
 */
import { requestField } from '../apply/request-field.js';
import { requestText } from '../apply/request-text.js';
import { type Bytes, noBytes } from '../base/bytes.js';
import { printDuration } from '../base/go-text.js';
import type { Log } from '../base/log.js';
import type { SlowCall } from '../wire/grpc/slow-calls.js';
import { TxnRequest } from '../wire/messages/txn-request.js';
import { decodeFailure } from '../wire/proto/failure.js';
import { Reader } from '../wire/proto/reader.js';

/** A request that stands in `bytes[start, end)`. */
export interface Standing {
  readonly field: number;
  readonly bytes: Bytes;
  readonly start: number;
  readonly end: number;
}

export interface RequestStatsParts {
  readonly log: Log;
  /** What takes longer is a warning. */
  readonly warningMs: number;
  /** The time of day so long ago, as the log prints it. */
  timeAgo(agoMs: number): string;
  /** The entry whose outcome is being told right now. */
  applying(): Standing | undefined;
}

interface Kind {
  readonly field: number;
  /** Field of the answer that says how many keys it is about. */
  readonly countTag: number | undefined;
}

const kinds: Readonly<Record<string, Kind>> = {
  '/etcdserverpb.KV/Range': { field: requestField.range, countTag: 0x20 },
  '/etcdserverpb.KV/Put': { field: requestField.put, countTag: undefined },
  '/etcdserverpb.KV/DeleteRange': { field: requestField.deleteRange, countTag: 0x10 },
  '/etcdserverpb.KV/Txn': { field: requestField.txn, countTag: undefined },
};

const succeededTag = 0x10;
/** What etcd says of the kinds it does not look into. */
const unknownCounts = { requestCount: -1, responseCount: -1, content: '' };

export function tellRequestStats(parts: RequestStatsParts, { call, tookMs, requestBytes, answer }: SlowCall): void {
  const { log, warningMs, timeAgo } = parts;
  const isSlow = tookMs > warningMs;
  if (!isSlow && !log.debugEnabled) return;
  const kind = kinds[call.path];
  const counts = kind === undefined ? unknownCounts : countsOf(parts, kind, call.state, answer);
  const fields = {
    'start time': timeAgo(tookMs),
    'time spent': printDuration(tookMs),
    remote: call.peer,
    'response type': call.path,
    'request count': counts.requestCount,
    'request size': kind === undefined ? -1 : requestBytes,
    'response count': counts.responseCount,
    'response size': kind === undefined ? -1 : answer.length,
    'request content': counts.content,
  };
  if (log.debugEnabled) log.debug('request stats', fields);
  else log.warn('request stats', fields);
}

function countsOf(parts: RequestStatsParts, kind: Kind, kept: unknown, answer: Bytes) {
  const standing = standingOf(parts, kind.field, kept);
  const content =
    standing === undefined ? '' : requestText(standing.field, standing.bytes, standing.start, standing.end);
  const responseCount = kind.countTag === undefined ? 0 : numberAt(answer, kind.countTag);
  if (kind.field === requestField.put) return { requestCount: 1, responseCount, content };
  if (kind.field !== requestField.txn) return { requestCount: 0, responseCount, content };
  return { requestCount: standing === undefined ? 0 : operationsRun(standing, answer), responseCount, content };
}

function standingOf({ applying }: RequestStatsParts, field: number, kept: unknown): Standing | undefined {
  if (kept instanceof Uint8Array) return { field, bytes: kept, start: 0, end: kept.length };
  const entry = applying();
  return entry?.field === field ? entry : undefined;
}

/** Of the branch that was taken. */
function operationsRun({ bytes, start, end }: Standing, answer: Bytes): number {
  const txn = new TxnRequest();
  if (answer === noBytes || txn.decode(bytes, start, end) !== decodeFailure.none) return 0;
  return numberAt(answer, succeededTag) === 0 ? txn.failure.length : txn.success.length;
}

/** A number at the top of a message; 0 where it is missing. */
function numberAt(message: Bytes, wanted: number): number {
  const reader = new Reader();
  reader.open(message, 0, message.length);
  let found = 0;
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === wanted) found = reader.int64();
    else reader.skip(tag);
  }
  return found;
}
