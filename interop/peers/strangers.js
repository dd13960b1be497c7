/** Requests that no member sends, and some that one would: both kinds of member must answer them alike. */

import { messageType } from '../../dist/wire/raftpb/types.js';
import { encoded, message, snapshotMessage } from './messages.js';

export function* strangers({ ours, theirs, cluster, removed }) {
  const hex = (id) => id.toString(16);
  const good = {
    'X-Server-From': hex(theirs),
    'X-Server-Version': '3.7.1',
    'X-Min-Cluster-Version': '3.0.0',
    'X-Etcd-Cluster-ID': hex(cluster),
    'X-Raft-To': hex(ours),
  };
  const claims = [
    { 'X-Etcd-Cluster-ID': hex(cluster + 1n) },
    { 'X-Etcd-Cluster-ID': '' },
    { 'X-Etcd-Cluster-ID': hex(cluster).toUpperCase() },
    { 'X-Server-Version': '' },
    { 'X-Server-Version': '2.3.8' },
    { 'X-Server-Version': '3.0.0-alpha.1' },
    { 'X-Server-Version': '9.1.0' },
    { 'X-Min-Cluster-Version': '' },
    { 'X-Min-Cluster-Version': '3.7.9' },
    { 'X-Min-Cluster-Version': '3.8.0' },
    { 'X-Min-Cluster-Version': '4.0.0' },
  ];
  const heartbeat = encoded(message(messageType.heartbeat, theirs, ours));
  const posts = ['/raft', '/raft/snapshot'];
  for (const claim of claims) {
    // A claim that is good would be given a stream, which does not end: it asks for one of nobody.
    yield { method: 'GET', path: '/raft/stream/msgapp/d4', headers: { ...good, ...claim } };
    yield { method: 'POST', path: '/raft', headers: { ...good, ...claim }, body: heartbeat };
  }
  for (const path of [...posts, '/raft/stream/message/b2', '/raft/stream/', '/raft/stream/msgapp/b2'])
    for (const method of ['PUT', 'DELETE', 'HEAD', path.startsWith('/raft/stream') ? 'POST' : 'GET'])
      yield { method, path, headers: good };
  const streams = [
    'other/b2',
    'msgapp/x',
    'msgapp/',
    'msgapp',
    'msgapp/b2/b2',
    'message/11112222333344445',
    'message/0',
  ];
  for (const stream of [...streams, `message/${hex(removed)}`, `msgapp/${hex(removed)}`, 'message/d4'])
    yield { method: 'GET', path: `/raft/stream/${stream}`, headers: good };
  for (const to of ['', 'ff', 'x', `0${hex(ours)}`])
    yield { method: 'GET', path: `/raft/stream/message/${hex(theirs)}`, headers: { ...good, 'X-Raft-To': to } };
  // Asked in the suite of bad peers: what is not for us. etcd once answered 403, which stops who gets it; 3.7.1 answers 500 and cuts.
  const bodies = [Buffer.from('ff', 'hex'), Buffer.from('0a05', 'hex'), heartbeat];
  for (const body of bodies) yield { method: 'POST', path: '/raft', headers: good, body };
  const sized = (length, bytes = Buffer.alloc(0)) => {
    const head = Buffer.alloc(8);
    head.writeBigUint64BE(length);
    return Buffer.concat([head, bytes]);
  };
  const snapshots = [
    Buffer.alloc(0),
    Buffer.alloc(5),
    sized(9n),
    sized(2n, Buffer.from('ffff', 'hex')),
    sized(64n * 1024n * 1024n + 1n),
    sized(1n << 63n),
    sized(BigInt(heartbeat.length), heartbeat),
  ];
  for (const body of snapshots) yield { method: 'POST', path: '/raft/snapshot', headers: good, body };
  const snapshot = encoded(snapshotMessage(theirs, ours, 5));
  const database = Buffer.from('a database');
  yield {
    method: 'POST',
    path: '/raft/snapshot',
    headers: good,
    body: Buffer.concat([sized(BigInt(snapshot.length), snapshot), database]),
  };
  for (const path of ['/raft/', '/raft/other', '/raft/probing/x', '/raft/snapshot/', '//raft', '/raft/../raft/x'])
    yield { method: 'GET', path, headers: good };
}
