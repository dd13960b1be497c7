/**
 * `node interop/peers/run.js [SEED]`: etcd's own rafthttp as a peer of ours. Messages of all kinds and sizes, by streams and by posts,
 * and snapshots cross both ways and arrive as they were sent; strangers get the same answers from both.
 */
import { deepStrictEqual, equal, ok } from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Random } from '../../dist/base/random.js';
import { messageType } from '../../dist/wire/raftpb/types.js';
import { root } from '../../tools/run.js';
import { attacks, Victim } from './garbage.js';
import { GoPeer } from './go-peer.js';
import { brief, fromHex, hex, message, snapshotMessage, traffic } from './messages.js';
import { Place, until } from './place.js';
import { strangers } from './strangers.js';

const here = dirname(fileURLToPath(import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'quorate-peers-'));
const binary = join(work, 'gopeer');
execFileSync('go', ['build', '-o', binary, '.'], { cwd: here, stdio: 'inherit' });

const random = new Random(Number(process.argv[2] ?? Date.now() % 1_000_000));
console.log(`seed ${random.seed}`);
const [ours, theirs, cluster] = [0xa1a1a1a1a1a1a1a1n, 0xb2n, 0xcdf818194e3a8c32n];
const streamsOf = (place) => place.lines.filter(({ msg }) => msg.startsWith('established TCP')).length;

async function both(otherCluster = cluster) {
  const go = new GoPeer(binary, work, theirs, otherCluster);
  const place = await new Place().start(ours, cluster);
  return { go, place, url: await go.url() };
}

async function connected() {
  const { go, place, url } = await both();
  go.tell('peer', ours.toString(16), place.url);
  place.transport.add(theirs, [url]);
  await until(() => streamsOf(place) === 4, 'four streams');
  return { go, place, url };
}

function end({ go, place }) {
  go.stop();
  place.stop();
}

/** What Go hands on by a channel of its own keeps its own order: appends, proposals, and the rest. */
function sameStreams(came, sent, what) {
  for (const type of [messageType.app, messageType.prop, 'else']) {
    const ofType = (each) =>
      (each.type === messageType.app || each.type === messageType.prop ? each.type : 'else') === type;
    // Appends that leave gaps, as these do, are put in order when they come to us.
    const inOrder = (list) => (type === messageType.app ? list.map(brief).sort() : list.map(brief));
    deepStrictEqual(inOrder(came.filter(ofType)), inOrder(sent.filter(ofType)), `messages ${what}`);
  }
}

const scenarios = {
  async 'messages by streams'() {
    const link = await connected();
    const { go, place } = link;
    const [there, back] = [traffic(random, ours, theirs, 1500), traffic(random, theirs, ours, 1500)];
    for (const [i, each] of there.entries()) {
      place.transport.send(theirs, each);
      go.tell('send', hex(back[i]));
      if (random.oneIn(8)) await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => go.received.length === there.length && place.received.length === back.length, 'all messages');
    sameStreams(go.received.map(fromHex), there, 'to Go');
    sameStreams(place.received, back, 'from Go');
    end(link);
  },

  async 'messages by posts'() {
    const link = await both();
    const { go, place, url } = link;
    const [there, back] = [traffic(random, ours, theirs, 60), traffic(random, theirs, ours, 60)];
    // Neither opens a stream to the other: Go does not know us, then we do not know Go.
    place.transport.add(theirs, [url]);
    for (const each of there) place.transport.send(theirs, each);
    await until(() => go.received.length === there.length, 'posts to Go');
    place.transport.remove(theirs);
    go.tell('peer', ours.toString(16), place.url);
    for (const each of back) go.tell('send', hex(each));
    await until(() => place.received.length === back.length, 'posts from Go');
    // Four posts at once arrive in any order.
    deepStrictEqual(go.received.map(fromHex).map(brief).sort(), there.map(brief).sort());
    deepStrictEqual(place.received.map(brief).sort(), back.map(brief).sort());
    end(link);
  },

  async 'snapshots both ways'() {
    const link = await connected();
    const { go, place } = link;
    for (const [i, size] of [0, 1, 70_000, 5_000_000, 80_000_000].entries()) {
      const index = 100 + i;
      const bytes = madeBytes(size);
      const hash = createHash('sha256').update(bytes).digest('hex');
      const arrived = await sendDump(place, snapshotMessage(ours, theirs, index), bytes);
      ok(arrived, `a snapshot of ${size} bytes arrived at Go`);
      await until(() => go.told.includes(`database ${index} ${hash}`), 'the database at Go');
      go.tell('snapshot', hex(snapshotMessage(theirs, ours, index)), size, -1);
      await until(
        () => go.told.filter((line) => line === `snapshot ${ours.toString(16)} finished`).length > i,
        'report',
      );
      const database = place.databases.at(-1);
      deepStrictEqual([database.state, database.bytes, database.hash.digest('hex')], ['kept', size, hash]);
      equal(place.received.at(-1).snapshot.metadata.index, index);
    }
    end(link);
  },

  async 'snapshots cut short'() {
    const link = await connected();
    const { go, place } = link;
    go.tell('snapshot', hex(snapshotMessage(theirs, ours, 7)), 5_000_000, 3_000_000);
    await until(() => go.told.includes(`snapshot ${ours.toString(16)} failed`), 'report');
    await until(() => place.databases.at(-1)?.state === 'aborted', 'abort');
    ok(place.has('failed to save incoming database snapshot'));
    const sending = sendDump(place, snapshotMessage(ours, theirs, 8), madeBytes(5_000_000), 3_000_000, () =>
      place.stop(),
    );
    equal(await sending, false);
    await until(() => go.log.includes('failed to save incoming database snapshot'), 'refusal');
    deepStrictEqual([place.received.length, go.received.length], [0, 0]);
    deepStrictEqual(readdirSync(go.dir), []);
    go.stop();
  },

  async 'another cluster'() {
    const link = await both(cluster + 1n);
    const { go, place, url } = link;
    go.tell('peer', ours.toString(16), place.url);
    place.transport.add(theirs, [url]);
    go.tell('send', hex(message(messageType.heartbeat, theirs, ours)));
    place.transport.send(theirs, message(messageType.heartbeat, ours, theirs));
    const said = 'request sent was ignored by remote peer due to cluster ID mismatch';
    await until(() => place.has(said) && go.log.includes(said), 'refusal of streams');
    const post = 'request sent was ignored due to cluster ID mismatch';
    await until(() => place.has(post) && go.log.includes(post), 'refusal of posts');
    deepStrictEqual([place.received.length, go.received.length], [0, 0]);
    equal(place.transport.activeSinceMs(theirs), undefined);
    end(link);
  },

  async 'removed members'() {
    const first = await both();
    first.go.tell('removed', ours.toString(16));
    first.place.transport.add(theirs, [first.url]);
    await until(() => first.place.removedByPeer > 0, 'Go tells us that we were removed');
    end(first);
    const second = await both();
    second.place.removed.add(theirs);
    second.go.tell('peer', ours.toString(16), second.place.url);
    const told = 'error the member has been permanently removed from the cluster';
    await until(() => second.go.told.includes(told), 'we tell Go that it was removed');
    end(second);
  },

  async 'a peer that comes back elsewhere'() {
    const link = await connected();
    const { go, place } = link;
    go.stop();
    await until(() => place.unreachable.length > 0 && place.transport.activeSinceMs(theirs) === undefined, 'loss');
    const again = new GoPeer(binary, work, theirs, cluster);
    place.transport.update(theirs, ['http://127.0.0.1:1', await again.url()]);
    again.tell('peer', ours.toString(16), place.url);
    await until(() => streamsOf(place) === 8, 'new streams');
    const sent = traffic(random, ours, theirs, 100);
    for (const each of sent) place.transport.send(theirs, each);
    await until(() => again.received.length === sent.length, 'messages');
    sameStreams(again.received.map(fromHex), sent, 'to the new Go');
    end({ go: again, place });
  },

  async 'a silent link lives by its heartbeats'() {
    const link = await connected();
    const { go, place } = link;
    await new Promise((resolve) => setTimeout(resolve, 7000));
    equal(streamsOf(place), 4);
    ok(!go.log.includes('lost TCP streaming connection'), 'Go lost no stream');
    ok(!go.log.includes('unhealthy'), 'Go finds us healthy');
    ok(!place.has('prober detected unhealthy status'), 'we find Go healthy');
    ok(place.counters.of('b2').roundTripSeconds.count >= 2);
    end(link);
  },

  async strangers() {
    const go = new GoPeer(binary, work, ours, cluster);
    const place = await new Place().start(ours, cluster);
    const goUrl = await go.url();
    place.removed.add(0xc3n);
    go.tell('removed', 'c3');
    go.tell('peer', theirs.toString(16), 'http://127.0.0.1:1');
    place.transport.add(theirs, ['http://127.0.0.1:1']);
    await until(() => go.log.includes('added remote peer'), 'peer');
    for (const { method, path, headers, body } of strangers({ ours, theirs, cluster, removed: 0xc3n })) {
      const [a, b] = [
        await call(goUrl + path, method, headers, body),
        await call(place.url + path, method, headers, body),
      ];
      deepStrictEqual(b, a, `${method} ${path} ${JSON.stringify(headers)}`);
    }
    end({ go, place });
  },

  async 'what no member sends'() {
    const victim = await Victim.start(root, work);
    for (const { name, run, status, said } of attacks(victim, random.seed)) {
      const before = victim.log.length;
      const answer = await run().catch((cause) => cause);
      await new Promise((resolve) => setTimeout(resolve, 5));
      equal(victim.exit, undefined, `alive after ${name}: ${victim.log.slice(before).slice(-3000)}`);
      if (status !== undefined) equal(answer.status, status, `${name}: ${answer}`);
      if (said !== undefined)
        await until(() => victim.log.slice(before).includes(said), `${name}: "${said}" in the log`, 5000);
    }
    const version = await fetch(`${victim.url}/version`);
    equal(version.status, 200);
    // That one may be its fault, as far as it knows.
    const lines = victim.log.split('\n').filter((line) => !line.includes('was it damaged, cut off or lost?'));
    const grave = lines.filter((line) => /"level":"(error|panic|fatal)"/.test(line));
    deepStrictEqual(grave, [], 'nothing of it is its own fault');
    victim.stop();
  },
};

function madeBytes(size) {
  const bytes = Buffer.alloc(size);
  for (let at = 0; at < size; at++) bytes[at] = at * 7 + Math.floor(at / 512);
  return bytes;
}

/** `atCut` is called when so many bytes are made. */
function sendDump(place, message, bytes, cutAt = -1, atCut = () => {}) {
  let at = 0;
  const dump = {
    sizeBytes: bytes.length,
    plan: () => true,
    next(most) {
      if (cutAt >= 0 && at >= cutAt) atCut();
      if (at === bytes.length) return undefined;
      const piece = bytes.subarray(at, at + most);
      at += piece.length;
      return piece;
    },
    close() {},
  };
  return new Promise((resolve) => place.transport.sendSnapshot(theirs, message, dump, resolve));
}

function call(url, method, headers, body) {
  return new Promise((resolve) => {
    const request = httpRequest(url, { method, headers, agent: false }, (response) => {
      const pieces = [];
      response.on('data', (piece) => pieces.push(piece));
      response.on('error', () => resolve('cut'));
      response.on('end', () => {
        const named = ['x-etcd-cluster-id', 'x-server-version', 'content-type', 'allow', 'x-content-type-options'];
        const told = Object.fromEntries(named.map((name) => [name, response.headers[name]]));
        // Go's protobuf varies its spaces, lest anyone compare its texts.
        const body = Buffer.concat(pieces).toString().replaceAll('\u00a0', ' ');
        resolve({ status: response.statusCode, body, ...told });
      });
    });
    request.on('error', () => resolve('cut'));
    request.end(body);
  });
}

/** One scenario alone: `--only` and a part of its name. */
const only = process.argv.includes('--only') ? process.argv.at(-1) : '';
let failed = 0;
for (const [name, run] of Object.entries(scenarios)) {
  if (!name.includes(only)) continue;
  const began = Date.now();
  try {
    await run();
    console.log(`ok      ${name} (${Date.now() - began} ms)`);
  } catch (cause) {
    failed++;
    console.error(`FAILED  ${name}:`, cause);
  }
}
rmSync(work, { recursive: true, force: true });
process.exit(failed === 0 ? 0 : 1);
