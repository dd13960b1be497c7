/**
 * `node bench/micro/peers.js`: what it costs to send an append to a peer and to hear its answer, over real sockets, both ends in
 * this process. Build first: `npm run build`.
 */
import { PeerCounters } from '../../dist/base/counters.js';
import { silentLog } from '../../dist/base/log.js';
import { notFound } from '../../dist/http/message.js';
import { createHttp1Server, http1Limits } from '../../dist/io/http1.js';
import { PeerTransport } from '../../dist/io/peers/transport.js';
import { Turn } from '../../dist/io/turn.js';
import { messageType } from '../../dist/wire/raftpb/types.js';

const [left, right] = [0xa1ff00ff00ff00ffn, 0xb2ff00ff00ff00ffn];
const data = new Uint8Array(300);
const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

async function place(id, received) {
  let transport;
  const server = createHttp1Server((_, respond) => respond(notFound), http1Limits(1024), {
    first: (request, response) => transport.serve(request, response),
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${server.address().port}`;
  const events = { received, unreachable() {}, removedByPeer() {}, isRemoved: () => false };
  const who = { memberId: id, clusterId: 7n, peerUrls: [url], dialTimeoutMs: 1000 };
  transport = new PeerTransport({ ...who, log: silentLog, counters: new PeerCounters(), turn: new Turn(), events });
  return { url, transport };
}

const message = (type, from, to, more) => ({
  ...{ type, to, from, term: 1, logTerm: 1, index: 0, entries: [], commit: 0, vote: 0n, snapshot: undefined },
  ...{ reject: false, rejectHint: 0, context: undefined, responses: [], ...more },
});

let answers = 0;
const leader = await place(left, () => answers++);
const follower = await place(right, ({ type, index, entries }) => {
  if (type !== messageType.app) return;
  follower.transport.send(left, message(messageType.appResp, right, left, { index: index + entries.length }));
});
leader.transport.add(right, [follower.url]);
follower.transport.add(left, [leader.url]);
await new Promise((resolve) => setTimeout(resolve, 300));

for (const perTurn of [1, 10, 100]) {
  const turns = 30_000 / Math.sqrt(perTurn);
  let index = 0;
  answers = 0;
  const before = process.cpuUsage();
  for (let sent = 0; sent < turns; sent++) {
    const entries = Array.from({ length: perTurn }, (_, i) => ({ type: 0, term: 1, index: index + 1 + i, data }));
    leader.transport.send(right, message(messageType.app, left, right, { index, entries, commit: index }));
    index += perTurn;
    // A few are always under way, as in a cluster that is asked much.
    do await nextTurn();
    while (answers < sent - 3);
  }
  while (answers < turns) await nextTurn();
  const { user, system } = process.cpuUsage(before);
  const micros = (user + system) / turns;
  console.log(
    `${perTurn} entries a turn: ${micros.toFixed(1)} us a turn, ${(micros / perTurn).toFixed(2)} us an entry`,
  );
}
process.exit(0);
