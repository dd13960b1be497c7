/**
 * What is measured, and what is wished for. `atLeast` and `atMost` are multiples of Go etcd's figure.
 *
 * `go` is Go's clientv3 (bench/go/load), which takes about as much of the processor as a server: what most users would see
 * on one machine. `own` is our client half (src/client/load), a quarter of that: it leaves the processor to the server.
 */
export const targets = [
  {
    name: 'put, 1,000 clients on 100 connections',
    load: { work: 'put', clients: 1000, connections: 100 },
    wishes: {
      go: { rate: { atLeast: 1.5 }, p99Ms: { atMost: 0.8 }, serverCpuMicrosPerOperation: { atMost: 0.5 } },
      own: { rate: { atLeast: 2 } },
    },
  },
  {
    name: 'put, 100 clients on 10 connections',
    load: { work: 'put', clients: 100, connections: 10 },
    wishes: {
      go: { rate: { atLeast: 1.5 }, serverCpuMicrosPerOperation: { atMost: 0.5 } },
      own: { rate: { atLeast: 2 } },
    },
  },
  {
    name: 'put, 1 client',
    load: { work: 'put', clients: 1, connections: 1 },
    wishes: { go: { rate: { atLeast: 0.95 } }, own: { rate: { atLeast: 1 } } },
  },
  {
    name: 'linearizable get, 100 clients on 10',
    fill: 100_000,
    load: { work: 'get', clients: 100, connections: 10 },
    wishes: {
      go: { rate: { atLeast: 1.3 }, serverCpuMicrosPerOperation: { atMost: 0.55 } },
      own: { rate: { atLeast: 2 } },
    },
  },
  {
    name: 'txn (compare, put, get), 100 clients on 10',
    fill: 100_000,
    load: { work: 'txn', clients: 100, connections: 10 },
    wishes: { go: { rate: { atLeast: 1.3 } }, own: { rate: { atLeast: 1.7 } } },
  },
  {
    name: 'watch, 1,000 watchers on 10 connections',
    load: { work: 'watch', clients: 1000, connections: 10 },
    wishes: { go: { p99Ms: { atMost: 1 } } },
  },
  {
    name: 'range of 1,000 keys, 50 clients',
    load: { work: 'range', clients: 50, connections: 10 },
    wishes: { go: { rate: { atLeast: 1.5 } }, own: { rate: { atLeast: 1.5 } } },
  },
  {
    name: '1,000,000 puts over 100,000 keys',
    once: true,
    load: { work: 'fill', clients: 200, connections: 20, total: 1_000_000 },
    wishes: { own: { serverRssMiB: { atMost: 1.5 } } },
  },
];

/** Three members on one machine; gets are linearizable. `to`: only the leader is asked, or all members in turn, as etcd's own benchmark does by default. */
export const clusterTargets = [
  {
    name: '3 members, put to leader, 1,000 on 100',
    members: 3,
    to: 'leader',
    load: { work: 'put', clients: 1000, connections: 100 },
    wishes: clusterPutWishes(),
  },
  {
    name: '3 members, put to all, 1,000 on 100',
    members: 3,
    to: 'all',
    load: { work: 'put', clients: 1000, connections: 100 },
    wishes: clusterPutWishes(),
  },
  {
    name: '3 members, get from leader, 100 on 10',
    members: 3,
    to: 'leader',
    fill: 100_000,
    load: { work: 'get', clients: 100, connections: 10 },
    wishes: { go: { rate: { atLeast: 1.6 } }, own: {} },
  },
  {
    name: '3 members, get from all, 100 on 10',
    members: 3,
    to: 'all',
    fill: 100_000,
    load: { work: 'get', clients: 100, connections: 10 },
    wishes: { go: { rate: { atLeast: 1.6 } }, own: {} },
  },
];

function clusterPutWishes() {
  return {
    go: { rate: { atLeast: 2 }, p99Ms: { atMost: 0.7 }, serverCpuMicrosPerOperation: { atMost: 0.5 } },
    own: {},
  };
}
