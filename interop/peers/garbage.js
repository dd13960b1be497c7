/**
 * A member of a cluster of three, whose two others are us: what no member would send is sent to it on its peer port, as is what only
 * a broken one would. It must refuse, say so in its log, and live.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { Random } from '../../dist/base/random.js';
import { clusterIdOf, memberIdOf } from '../../dist/cluster/ids.js';
import { messageType } from '../../dist/wire/raftpb/types.js';
import { encoded, message, snapshotMessage } from './messages.js';
import { until } from './place.js';

export class Victim {
  log = '';
  exit;

  static async start(root, work) {
    const victim = new Victim();
    const ports = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
    victim.ports = ports;
    const urls = ports.slice(0, 3).map((port) => `http://127.0.0.1:${port}`);
    const token = 'garbage';
    const ids = urls.map((url) => memberIdOf([url], token, undefined));
    [victim.id, victim.other, victim.third] = ids;
    victim.cluster = clusterIdOf(ids);
    victim.url = urls[0];
    const client = `http://127.0.0.1:${ports[3]}`;
    victim.clientUrl = client;
    const flags = {
      name: 'a',
      'data-dir': mkdtempSync(join(work, 'victim-')),
      'initial-cluster': ['a', 'b', 'c'].map((name, i) => `${name}=${urls[i]}`).join(','),
      'initial-cluster-token': token,
      'initial-advertise-peer-urls': urls[0],
      'listen-peer-urls': urls[0],
      'listen-client-urls': client,
      'advertise-client-urls': client,
      'listen-metrics-urls': `http://127.0.0.1:${await freePort()}`,
    };
    const args = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
    victim.process = spawn(process.execPath, [join(root, 'bin', 'quorate.js'), ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    victim.process.stderr.on('data', (chunk) => {
      victim.log += chunk;
    });
    victim.process.on('exit', (code, signal) => {
      victim.exit = code ?? signal;
    });
    await until(() => victim.log.includes('serving peer traffic'), 'a member that serves its peers');
    return victim;
  }

  /** Headers as of one of the others. */
  get headers() {
    return {
      'X-Server-From': this.other.toString(16),
      'X-Server-Version': '3.7.1',
      'X-Min-Cluster-Version': '3.0.0',
      'X-Etcd-Cluster-ID': this.cluster.toString(16),
      'X-Raft-To': this.id.toString(16),
    };
  }

  post(path, body, headers = {}) {
    return fetch(this.url + path, { method: 'POST', body, headers: { ...this.headers, ...headers } });
  }

  /** Sends bytes as they are, and waits until the other side has had enough, or for a moment. */
  raw(bytes) {
    return new Promise((resolve) => {
      const socket = connect(this.ports[0], '127.0.0.1', () => socket.write(bytes));
      socket.on('error', () => {});
      socket.on('close', resolve);
      socket.setTimeout(300, () => socket.destroy());
    });
  }

  stop() {
    this.process.kill('SIGKILL');
  }
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Each is sent to the victim, which lives on. `status`: what it answers. */
export function* attacks(victim, seed) {
  const random = new Random(seed);
  const { id, other, third } = victim;
  const from = (type, more, sender = other) => encoded(message(type, sender, id, more));
  const post = (name, body, status, said) => ({ name, run: () => victim.post('/raft', body), status, said });
  const entry = (more) => ({ type: 0, term: 5, index: 5, data: random.bytes(20), ...more });
  const huge = Number.MAX_SAFE_INTEGER;
  const unreadable = 'failed to unmarshal Raft message';

  for (let i = 0; i < 20; i++) yield { name: 'random bytes', run: () => victim.raw(random.bytes(2000)) };
  yield { name: 'a TLS hello', run: () => victim.raw(Buffer.from('16030100a5010000a1', 'hex')) };
  yield { name: 'the preface of HTTP/2', run: () => victim.raw('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n') };
  yield { name: 'an endless header', run: () => victim.raw(`GET / HTTP/1.1\r\nX: ${'x'.repeat(1e6)}`) };
  yield {
    name: 'half a request',
    run: () => victim.raw('POST /raft HTTP/1.1\r\nContent-Length: 1000000000000\r\n\r\nabc'),
  };
  for (let i = 0; i < 50; i++)
    yield { name: 'a random message', run: () => victim.post('/raft', random.bytes(1 + random.below(200))) };
  for (let i = 0; i < 50; i++) {
    const bytes = Buffer.from(
      from(messageType.app, { index: 3, term: 2, logTerm: 2, entries: [entry({ term: 2, index: 4 })] }),
    );
    bytes[random.below(bytes.length)] ^= 1 << random.below(8);
    yield { name: 'a message with a flipped bit', run: () => victim.post('/raft', bytes) };
  }
  yield post('a heartbeat with a huge commit', from(messageType.heartbeat, { term: 9, commit: huge }), 400, unreadable);
  yield post('a heartbeat with a huge term', from(messageType.heartbeat, { term: huge }), 400, unreadable);
  yield post('an append at a huge index', from(messageType.app, { term: 9, index: huge }), 400, unreadable);
  yield post(
    'an append far ahead',
    from(messageType.app, { term: 9, logTerm: 9, index: 2 ** 40, commit: 2 ** 40 }),
    204,
  );
  yield post(
    'a heartbeat that commits what is not there',
    from(messageType.heartbeat, { term: 9, commit: 2 ** 40 }),
    204,
  );
  yield post(
    'entries that do not follow',
    from(messageType.app, { term: 9, logTerm: 1, index: 3, entries: [entry({ index: 9 })] }),
    400,
  );
  yield post(
    'entries of another type',
    from(messageType.app, { term: 9, entries: [entry({ type: 2, index: 1 })] }),
    204,
  );
  yield post(
    'a proposal that cannot be read',
    from(messageType.prop, { entries: [entry({ index: 0, term: 0 })] }),
    204,
  );
  yield post(
    'a change of members that cannot be read',
    from(messageType.prop, { entries: [entry({ type: 1, index: 0 })] }),
    204,
  );
  for (const type of [0, 1, 10, 11, 12, 19, 20, 21, 22])
    yield post(
      `a message of the local type ${type}`,
      from(type, { term: 9 }),
      204,
      'rejected local Raft message from a peer',
    );
  yield post('a message of a type to come', from(99, { term: 9 }), 204, 'ignored Raft message of an unknown type');
  yield post(
    'entries of a type to come',
    from(messageType.app, { term: 9, entries: [entry({ type: 3, index: 1 })] }),
    400,
  );
  yield post('a message as from ourselves', from(messageType.voteResp, { term: 9 }, id), 204);
  yield post('an answer of a stranger', from(messageType.appResp, { term: 9 }, 0xdeadn), 204);
  yield post(
    'a message for another',
    encoded(message(messageType.vote, other, third)),
    500,
    'rejected Raft message to mismatch member',
  );
  yield post('a read index without a name', from(messageType.readIndex, { entries: [] }), 204);
  yield post('a read index answer without a name', from(messageType.readIndexResp, { term: 9, index: 3 }), 204);
  yield post(
    'a snapshot without a database',
    from(messageType.snap, { term: 9, snapshot: snapshotMessage(other, id, 50).snapshot }),
    400,
  );
  yield* snapshots(victim, random);
  yield* streams(victim, random);
}

function* snapshots(victim, random) {
  const { id, other } = victim;
  const body = (length, ...parts) => {
    const head = Buffer.alloc(8);
    head.writeBigUInt64BE(BigInt(length));
    return Buffer.concat([head, ...parts]);
  };
  const post = (name, bytes, status, said) => ({ name, run: () => victim.post('/raft/snapshot', bytes), status, said });
  const snapshot = (index, term = 9) => {
    const { snapshot } = snapshotMessage(other, id, index);
    return encoded(message(messageType.snap, other, id, { term, snapshot }));
  };
  const unsaved = 'failed to save incoming database snapshot';
  const good = snapshot(100);
  yield post('a snapshot of no database', body(good.length, good), 500, unsaved);
  yield post('a snapshot of garbage', body(good.length, good, random.bytes(100_000)), 500, unsaved);
  const far = snapshot(Number.MAX_SAFE_INTEGER);
  yield post('a snapshot at a huge index', body(far.length, far), 400, 'failed to decode Raft message');
  yield post('a snapshot message of a huge length', body(2 ** 50, good), 400, 'failed to decode Raft message');
  const head = Object.entries({ ...victim.headers, 'Content-Length': 1_000_000 }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  const request = `POST /raft/snapshot HTTP/1.1\r\nHost: x\r\n${head.join('')}\r\n`;
  const cut = Buffer.concat([Buffer.from(request), body(good.length, good), random.bytes(5000)]);
  yield { name: 'a snapshot cut short', run: () => victim.raw(cut), said: unsaved };
}

/** The victim dials the other member, and is answered with a stream of nonsense. */
function* streams(victim, random) {
  const chunks = [
    ['nonsense', () => Buffer.from('nonsense')],
    ['a huge length', () => Buffer.from('020000ffffffffffff', 'hex')],
    ['a huge count of entries', () => Buffer.from('01ffffffffffffffff', 'hex')],
    ['a huge size of an entry', () => Buffer.from('01000000000000000100ffffffffffffff', 'hex')],
    ['random bytes', () => random.bytes(3000)],
  ];
  for (const [name, make] of chunks) {
    yield {
      name: `a stream with ${name}`,
      said: 'lost TCP streaming connection with remote peer',
      run: () => answerDials(victim, make),
    };
  }
}

/** Serves as the other member until it has been dialled a few times. */
async function answerDials(victim, make) {
  let dialled = 0;
  const sockets = new Set();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('data', () => {
      dialled++;
      const chunk = make();
      socket.write(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunk.length.toString(16)}\r\n`);
      socket.write(chunk);
      socket.write('\r\n');
    });
  });
  await new Promise((resolve) => server.listen(victim.ports[1], '127.0.0.1', resolve));
  await until(() => dialled >= 4, 'dials').catch(() => {});
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => server.close(resolve));
}
