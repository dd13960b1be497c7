/** The kinds of work, each a table row: which method, which request, which key comes next, what the answer must hold. */
import { create, toBinary } from '@bufbuild/protobuf';
import { type Bytes, utf8 } from '../../base/bytes.js';
import { Random } from '../../base/random.js';
import {
  Compare_CompareResult,
  Compare_CompareTarget,
  PutRequestSchema,
  RangeRequestSchema,
  TxnRequestSchema,
} from '../../gen/etcdserverpb/rpc_pb.js';
import type { LoadFlags } from './flags.js';
import { AimedRequest, firstKey, keyPrefix } from './request.js';

export interface Work {
  readonly path: string;
  readonly request: AimedRequest;
  /** Puts before the load begins. */
  readonly prepare?: readonly Bytes[];
  /** Keys in order, so that each is written; else at random. */
  readonly inOrder?: boolean;
  /** Keys that each answer must hold. */
  readonly keysAnswered?: number;
}

export const putPath = '/etcdserverpb.KV/Put';
export const rangePath = '/etcdserverpb.KV/Range';

const works: Record<string, (flags: LoadFlags) => Work> = {
  put: (flags) => ({ path: putPath, request: new AimedRequest(put(firstKey, flags)) }),
  fill: (flags) => ({ path: putPath, request: new AimedRequest(put(firstKey, flags)), inOrder: true }),
  get: () => ({ path: rangePath, request: new AimedRequest(rangeOf(firstKey)) }),
  txn: (flags) => ({ path: '/etcdserverpb.KV/Txn', request: new AimedRequest(txn(flags)) }),
  range: (flags) => ({
    path: rangePath,
    request: new AimedRequest(rangeOf(utf8('range/'), utf8('range0'))),
    prepare: Array.from({ length: flags['range-keys'] }, (_, i) =>
      put(utf8(`range/${String(i).padStart(6, '0')}`), flags),
    ),
    keysAnswered: flags['range-keys'],
  }),
  /** All that `fill` has written, in one answer. */
  scan: (flags) => ({
    path: rangePath,
    request: new AimedRequest(rangeOf(utf8(keyPrefix), utf8(`${keyPrefix.slice(0, -1)}0`))),
    keysAnswered: flags.keys,
  }),
};

export function workOf(flags: LoadFlags): Work {
  const make = works[flags.work];
  if (make === undefined) throw new Error(`no such work: ${flags.work}; known: ${Object.keys(works).join(', ')}`);
  return make(flags);
}

function put(key: Bytes, flags: LoadFlags): Bytes {
  const value = new Random(1).bytes(flags['value-bytes']);
  return toBinary(PutRequestSchema, create(PutRequestSchema, { key, value }));
}

export function rangeOf(key: Bytes, rangeEnd?: Bytes): Bytes {
  return toBinary(RangeRequestSchema, create(RangeRequestSchema, { key, ...(rangeEnd && { rangeEnd }) }));
}

/** If the key's mod revision is over -1 (always): put it, and get it. */
function txn(flags: LoadFlags): Bytes {
  const value = new Random(1).bytes(flags['value-bytes']);
  const compare = {
    key: firstKey,
    target: Compare_CompareTarget.MOD,
    result: Compare_CompareResult.GREATER,
    targetUnion: { case: 'modRevision' as const, value: -1n },
  };
  const request = create(TxnRequestSchema, {
    compare: [compare],
    success: [
      { request: { case: 'requestPut', value: { key: firstKey, value } } },
      { request: { case: 'requestRange', value: { key: firstKey } } },
    ],
  });
  return toBinary(TxnRequestSchema, request);
}
