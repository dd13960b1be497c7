/**
 * `node tools/raft-speed.js [SECONDS]`: what consensus itself costs, one process, no disk, storage told by messages, entries
 * of 100 bytes. Garbage collection as a share of the time at full speed, and at 400,000 entries a second (60,000 one at a time).
 * Go's library on the same schedule: `cd interop/raft && go run . speed`.
 */
import { PerformanceObserver, performance } from 'node:perf_hooks';
import { defaults, localAppendThread, localApplyThread, MemoryStorage, RawNode } from '../dist/raft/index.js';

let collecting = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) collecting += entry.duration;
}).observe({ entryTypes: ['gc'] });

class Cluster {
  constructor(size) {
    const voters = Array.from({ length: size }, (_, at) => BigInt(at + 1));
    const confState = { voters, learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
    this.members = voters.map((id) => {
      const storage = new MemoryStorage();
      storage.applySnapshot({ data: new Uint8Array(0), metadata: { confState, index: 1, term: 1 } });
      const node = new RawNode({
        ...defaults,
        id,
        storage,
        applied: 1,
        random: () => 0,
        asyncStorageWrites: true,
        maxMessageBytes: 512 * 1024,
        maxUncommittedBytes: 1 << 30,
      });
      return { id, node, storage, applied: 1, inbox: [] };
    });
    this.leader = this.members[0];
    this.leader.node.campaign();
    this.settle();
  }

  settle() {
    for (let busy = true; busy; ) {
      busy = false;
      for (const member of this.members) {
        if (member.inbox.length > 0) {
          const inbox = member.inbox;
          member.inbox = [];
          for (const message of inbox) member.node.step(message);
        }
        while (member.node.hasReady()) {
          busy = true;
          for (const message of member.node.ready().messages) this.#deal(member, message);
        }
      }
    }
  }

  #deal(member, message) {
    if (message.to === localAppendThread) member.storage.append(message.entries);
    else if (message.to === localApplyThread) {
      member.applied = message.entries[message.entries.length - 1].index;
      // As etcd does: the log is cut now and then.
      if (member.applied % 20_000 < message.entries.length && member.applied > 20_000)
        member.storage.compact(member.applied - 10_000);
    } else {
      this.members[Number(message.to) - 1].inbox.push(message);
      return;
    }
    for (const response of message.responses) {
      if (response.to === member.id) member.node.step(response);
      else this.members[Number(response.to) - 1].inbox.push(response);
    }
  }
}

function measure(size, batch, seconds) {
  const cluster = new Cluster(size);
  const data = new Uint8Array(100);
  const payloads = Array.from({ length: batch }, () => data);
  const round = () => {
    cluster.leader.node.propose(payloads);
    cluster.settle();
  };
  for (let i = 0; i < 20_000 / batch + 2000; i++) round();
  const before = cluster.leader.applied;
  collecting = 0;
  const begin = performance.now();
  let rounds = 0;
  while (performance.now() - begin < seconds * 1000) {
    for (let i = 0; i < 10; i++) round();
    rounds += 10;
  }
  const ms = performance.now() - begin;
  const entries = cluster.leader.applied - before;
  if (entries !== rounds * batch) throw new Error('not all was applied');
  return new Promise((resolve) =>
    setTimeout(() => {
      const row = {
        nodes: size,
        batch,
        'entries/s': Math.round((entries / ms) * 1000),
        'us/round': +((ms * 1000) / rounds).toFixed(2),
        'us/entry': +((ms * 1000) / entries).toFixed(3),
        'gc %': +((collecting / ms) * 100).toFixed(1),
        'gc % at pace': +((collecting / entries) * (batch === 1 ? 6000 : 40_000)).toFixed(1),
      };
      resolve(row);
    }, 50),
  );
}

const rows = [];
for (const [size, batch] of [
  [1, 1],
  [1, 100],
  [1, 2000],
  [3, 1],
  [3, 100],
  [3, 2000],
])
  rows.push(await measure(size, batch, Number(process.argv[2] ?? 2)));
console.table(rows);
