/**
 * Histories for `main.go`, from seeds: small key spaces, so that keys are deleted and made again, and compacted at each of these moments.
 *
 * No transaction changes a key twice. The API lets one do so in one way, a deletion with an open end before a put, and
 * there etcd 3.7.1 loses data: a compaction to that very revision drops the value that was put.
 */
import { Random } from '../../dist/base/random.js';

const keys = ['a', 'b', 'c', 'd', 'e'];

function history(random) {
  let revision = 1;
  const alive = new Set();
  const steps = [];
  for (let turn = 0; turn < 40; turn++) {
    const txn = [];
    const touched = new Set();
    let changed = false;
    for (let count = 1 + random.below(3); count > 0; count--) {
      const key = random.pick(keys);
      const end = random.oneIn(4) ? random.pick(['c', '', 'z']) : undefined;
      const met = keys.filter((each) => (end === undefined ? each === key : each >= key && (end === '' || each < end)));
      if (met.some((each) => touched.has(each))) continue;
      for (const each of met) touched.add(each);
      if (end !== undefined || random.oneIn(3)) {
        txn.push(end === undefined ? { key, delete: true } : { key, delete: true, end });
        for (const each of met) changed = alive.delete(each) || changed;
      } else {
        alive.add(key);
        changed = true;
        const value = 'v'.repeat(random.below(20)) + turn;
        txn.push(random.oneIn(3) ? { key, value, lease: random.pick([1, 128, -5, 7587843981023]) } : { key, value });
      }
    }
    if (txn.length > 0) steps.push({ txn });
    if (changed) revision++;
    if (random.oneIn(5)) steps.push({ compact: random.below(revision + 2) });
    if (random.oneIn(2)) steps.push({ hash: random.oneIn(3) ? 0 : random.below(revision + 3) - 1 });
  }
  for (let at = -2; at <= revision + 1; at++) steps.push({ hash: at });
  return steps;
}

const histories = [
  [{ hash: 0 }, { compact: 0 }, { hash: 0 }, { hash: 1 }],
  // All keys deleted: etcd then skips nothing.
  [
    { txn: [{ key: 'a', value: 'x' }] },
    { txn: [{ key: 'a', delete: true }] },
    { compact: 3 },
    { hash: 0 },
    { hash: 3 },
  ],
];
for (let seed = 1; seed <= 6; seed++) histories.push(history(new Random(seed)));
console.log(JSON.stringify(histories));
