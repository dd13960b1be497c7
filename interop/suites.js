/** What is proven with other people's programs: each suite is a script of its own that exits non-zero on a failure. */
export const suites = [
  { name: 'h2spec', script: 'interop/h2spec/run.js', needs: ['go'], proves: 'HTTP/2 conformance, strict mode too' },
  {
    name: 'grpc',
    script: 'interop/grpc/run.js',
    needs: ['go'],
    proves: 'calls end as on a Go server, frames by hand too',
  },
  { name: 'wal', script: 'interop/wal/run.js', needs: ['go'], proves: 'Go reads our log, and we read its' },
  {
    name: 'transcripts',
    script: 'interop/raft/transcripts.js',
    needs: ['go'],
    proves: "raft says what etcd's says, line by line",
  },
  {
    name: 'codec',
    script: 'interop/raft/codec.js',
    needs: ['go'],
    proves: "whatever comes as a raft message is read as Go's raftpb reads it",
  },
  {
    name: 'clients',
    script: 'interop/clients/run.js',
    needs: ['go', 'python3', 'etcdctl'],
    proves: 'clients of four languages',
  },
  { name: 'twin', script: 'interop/twin/run.js', needs: ['go'], proves: 'every answer equals that of Go etcd' },
  {
    name: 'raft',
    script: 'interop/raft/twin.js',
    needs: ['go'],
    proves: "raft does step by step what Go's library does",
  },
  {
    name: 'floods',
    script: 'interop/floods/run.js',
    needs: [],
    proves: 'every known flood ends with the right error, and others do not feel it',
  },
  {
    name: 'peers',
    script: 'interop/peers/run.js',
    needs: ['go'],
    proves: "messages and snapshots cross to etcd's rafthttp and back, and strangers get its answers",
  },
  {
    name: 'members',
    script: 'interop/cluster/members/run.js',
    needs: ['go'],
    proves: 'changes of members are answered as three Go members answer them',
  },
  {
    name: 'snapshot',
    script: 'interop/snapshot/run.js',
    needs: ['go', 'etcdctl'],
    proves: 'snapshots of either program are described and restored by the other',
  },
  {
    name: 'leases',
    script: 'interop/cluster/leases/run.js',
    needs: ['go'],
    proves:
      'leases on every member of clusters of both kinds, and what members say of them and of hashes to each other',
  },
  { name: 'crash', script: 'interop/crash/run.js', needs: [], proves: 'kill -9 loses no acknowledged write' },
  {
    name: 'failures',
    script: 'interop/failures/run.js',
    needs: [],
    proves: 'three members killed, stopped and cut off lose no write and answer no stale read',
  },
  {
    name: 'mixed',
    script: 'interop/cluster/mixed/run.js',
    needs: ['go'],
    proves: 'Go and ours in one cluster, whoever leads, falls behind, comes and goes',
  },
  {
    name: 'migrate',
    script: 'interop/cluster/migrate/run.js',
    needs: ['go'],
    proves: 'a cluster of Go becomes ours member by member under load, and Go again',
  },
  {
    name: 'bad-peers',
    script: 'interop/cluster/badpeers/run.js',
    needs: ['go'],
    proves: 'what no peer should send is refused as Go does, and leaves no mark',
  },
];
