/**
 * Histories for `main.go`, from seeds: nested transactions with all compares, ranges with all options, and compactions.
 * No transaction puts a key that it changes elsewhere: the API refuses nearly all of these, and etcd crashes on the others.
 */
import { create, toBinary } from '@bufbuild/protobuf';
import { Random } from '../../dist/base/random.js';
import { RangeRequestSchema, TxnRequestSchema } from '../../dist/gen/etcdserverpb/rpc_pb.js';

const keys = ['a', 'b', 'c', 'd', 'e', 'f'];
const ends = ['', '', '', '\0', 'c', 'z', 'a'];
const bytes = (text) => Uint8Array.from(Buffer.from(text, 'latin1'));
const base64 = (message) => Buffer.from(message).toString('base64');

function range(random, newest) {
  const filter = () => (random.oneIn(8) ? BigInt(random.below(newest + 1)) : 0n);
  return {
    key: bytes(random.pick(keys)),
    rangeEnd: bytes(random.pick(ends)),
    limit: BigInt(random.oneIn(2) ? 0 : random.below(5) - 1),
    revision: BigInt(random.oneIn(2) ? 0 : random.below(newest + 2) - 1),
    sortOrder: random.oneIn(2) ? 0 : random.below(3),
    sortTarget: random.oneIn(2) ? 0 : random.below(5),
    keysOnly: random.oneIn(3),
    countOnly: random.oneIn(8),
    minModRevision: filter(),
    maxModRevision: filter(),
    minCreateRevision: filter(),
    maxCreateRevision: filter(),
  };
}

/** `free`: the keys that may still be changed. */
function op(random, newest, depth, free) {
  const kind = random.below(depth > 2 ? 3 : 4);
  const prevKv = random.oneIn(2);
  if (kind === 1 && free.length > 0) {
    const key = free.splice(random.below(free.length), 1)[0];
    const [ignoreValue, ignoreLease] = [random.oneIn(10), random.oneIn(10)];
    const value = bytes(ignoreValue ? '' : random.pick(['', 'x', 'yy', 'z'.repeat(200)]));
    const lease = ignoreLease || random.oneIn(2) ? 0n : random.oneIn(20) ? 8n : 7n;
    return { case: 'requestPut', value: { key: bytes(key), value, lease, prevKv, ignoreValue, ignoreLease } };
  }
  if (kind === 2 && free.length > 0) {
    const key = random.pick(free);
    const end = random.pick(ends);
    const met = keys.filter((each) => (end === '' ? each === key : each >= key && (end === '\0' || each < end)));
    if (met.every((each) => free.includes(each))) {
      for (const each of met) free.splice(free.indexOf(each), 1);
      return { case: 'requestDeleteRange', value: { key: bytes(key), rangeEnd: bytes(end), prevKv } };
    }
  }
  if (kind === 3) return { case: 'requestTxn', value: txn(random, newest, depth + 1, free) };
  return { case: 'requestRange', value: range(random, newest) };
}

function txn(random, newest, depth, free) {
  const ops = () => Array.from({ length: random.below(4) }, () => ({ request: op(random, newest, depth, free) }));
  const compare = Array.from({ length: random.below(3) }, () => ({
    key: bytes(random.pick(keys)),
    rangeEnd: bytes(random.pick(ends)),
    target: random.below(6),
    result: random.below(5),
    targetUnion: random.pick([
      { case: 'version', value: BigInt(random.below(3)) },
      { case: 'createRevision', value: BigInt(random.below(newest)) },
      { case: 'modRevision', value: BigInt(random.below(newest)) },
      { case: 'value', value: bytes(random.pick(['', 'x', 'yy'])) },
      { case: 'lease', value: random.pick([0n, 7n]) },
    ]),
  }));
  return { compare, success: ops(), failure: ops() };
}

const seeds = Number(process.argv[2] ?? 4);
const histories = [];
for (let seed = 1; seed <= seeds; seed++) {
  const random = new Random(seed);
  const steps = [];
  for (let turn = 2; turn < 42; turn++) {
    // About as many transactions change something as not.
    const newest = turn >> 1;
    const message = create(TxnRequestSchema, txn(random, newest, 0, [...keys]));
    steps.push({ txn: base64(toBinary(TxnRequestSchema, message)) });
    if (random.oneIn(12)) steps.push({ compact: 1 + random.below(newest) });
    const asked = create(RangeRequestSchema, range(random, newest));
    steps.push({ range: base64(toBinary(RangeRequestSchema, asked)) });
  }
  histories.push(steps);
}
console.log(JSON.stringify(histories));
