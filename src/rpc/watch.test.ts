// Proves: the watch stream's protocol: every request is answered as etcd answers it, and events go out as whole, ordered answers.
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { utf8 } from '../base/bytes.js';
import type { ClusterId, MemberId } from '../base/ids.js';
import {
  WatchCreateRequest_FilterType as Filter,
  type WatchCreateRequestSchema,
  WatchRequestSchema,
  type WatchResponse,
  WatchResponseSchema,
} from '../gen/etcdserverpb/rpc_pb.js';
import type { MemberFront } from '../member/front.js';
import { WatchHub } from '../mvcc/watch/hub.js';
import { PlainHistory } from '../mvcc/watch/plain-history.js';
import type { ErrorName } from '../wire/errors.js';
import { RecordingCall } from './recording-call.js';
import { WatchMethod } from './watch.js';

class Server {
  readonly history = new PlainHistory();
  readonly hub = new WatchHub(this.history);
  nowMs = 0;
  forbidden: ErrorName | undefined = undefined;
  readonly method: WatchMethod;

  constructor(maxRequestBytes = 1_572_864) {
    this.history.listener = this.hub;
    const { history } = this;
    const front: Partial<MemberFront> = {
      clusterId: 0xc1n as ClusterId,
      memberId: 0xa2n as MemberId,
      term: 7,
      nowMs: () => this.nowMs,
      get revision() {
        return history.revision;
      },
    };
    const parts = { hub: this.hub, permit: () => this.forbidden, random: (below: number) => below - 1 };
    const options = { maxRequestBytes, progressNotifyMs: 1000 };
    this.method = new WatchMethod({ ...parts, front: front as MemberFront }, options);
  }

  put(key: string, value: string): void {
    this.history.write([[utf8(key), utf8(value)]]);
  }

  open(): Client {
    return new Client(new RecordingCall(this.method));
  }
}

class Client {
  #taken = 0;
  constructor(readonly call: RecordingCall) {}

  create(fields: MessageInitShape<typeof WatchCreateRequestSchema>): WatchResponse[] {
    return this.request({ requestUnion: { case: 'createRequest', value: fields } });
  }

  cancel(watchId: bigint): WatchResponse[] {
    return this.request({ requestUnion: { case: 'cancelRequest', value: { watchId } } });
  }

  progress(): WatchResponse[] {
    return this.request({ requestUnion: { case: 'progressRequest', value: {} } });
  }

  request(fields: MessageInitShape<typeof WatchRequestSchema>): WatchResponse[] {
    this.call.write(toBinary(WatchRequestSchema, create(WatchRequestSchema, fields)));
    return this.take();
  }

  /** What came since the last look. */
  take(): WatchResponse[] {
    const fresh = this.call.sent.slice(this.#taken);
    this.#taken = this.call.sent.length;
    return fresh.map((bytes) => fromBinary(WatchResponseSchema, bytes));
  }
}

/** An answer in few words: `id@revision flags events`. */
function brief(answer: WatchResponse): string {
  const words = [`${answer.watchId}@${answer.header?.revision}`];
  if (answer.created) words.push('created');
  if (answer.canceled) words.push('canceled');
  if (answer.fragment) words.push('fragment');
  if (answer.compactRevision !== 0n) words.push(`compact=${answer.compactRevision}`);
  if (answer.cancelReason !== '') words.push(answer.cancelReason);
  for (const { type, kv, prevKv } of answer.events) {
    const text = (bytes?: Uint8Array) => new TextDecoder().decode(bytes);
    const previous = prevKv === undefined ? '' : ` was ${text(prevKv.value)}`;
    words.push(`${type === 0 ? 'put' : 'delete'} ${text(kv?.key)}=${text(kv?.value)}/${kv?.modRevision}${previous}`);
  }
  return words.join(' ');
}

const key = utf8('k');
const all = { key: Uint8Array.of(0), rangeEnd: Uint8Array.of(0) };

test('create, events, cancel', () => {
  const server = new Server();
  const client = server.open();
  const [created] = client.create({ key });
  equal(created?.header?.clusterId, 0xc1n);
  equal(created?.header?.memberId, 0xa2n);
  equal(created?.header?.raftTerm, 7n);
  equal(created && brief(created), '0@1 created');
  deepEqual(client.create({ ...all, prevKv: true }).map(brief), ['1@1 created']);
  deepEqual(client.create({ key, filters: [Filter.NOPUT] }).map(brief), ['2@1 created']);
  server.put('k', 'x');
  deepEqual(client.take().map(brief).sort(), ['0@2 put k=x/2', '1@2 put k=x/2']);
  server.put('k', 'y');
  deepEqual(client.take().map(brief).sort(), ['0@3 put k=y/3', '1@3 put k=y/3 was x']);
  server.history.write([[key, undefined]]);
  deepEqual(client.take().map(brief).sort(), ['0@4 delete k=/4', '1@4 delete k=/4 was y', '2@4 delete k=/4']);
  deepEqual(client.cancel(0n).map(brief), ['0@4 canceled']);
  deepEqual(client.cancel(0n), []);
  deepEqual(client.cancel(99n), []);
  deepEqual(client.create({ key, watchId: -1n }).map(brief), ['-1@4 created']);
  deepEqual(client.create({ key, watchId: 2n ** 63n - 1n }).map(brief), ['9223372036854775807@4 created']);
  server.put('other', '');
  deepEqual(client.take().map(brief), ['1@5 put other=/5']);
  client.call.cancel();
  equal(server.hub.watchers, 0);
  equal(server.hub.streams, 0);
});

test('refused creations say why, and the stream goes on', () => {
  const server = new Server();
  const client = server.open();
  const reasons = (answers: WatchResponse[]) => answers.map(brief);
  const compacted = 'etcdserver: mvcc: required revision has been compacted';
  deepEqual(reasons(client.create({ key, startRevision: -1n })), [`-1@1 created canceled ${compacted}`]);
  const empty = '-1@1 created canceled mvcc: watcher range is empty';
  deepEqual(reasons(client.create({ key, rangeEnd: key })), [empty]);
  deepEqual(reasons(client.create({ key, rangeEnd: utf8('a') })), [empty]);
  equal(client.create({ key, watchId: 5n }).length, 1);
  deepEqual(reasons(client.create({ key, watchId: 5n })), [
    '-1@1 created canceled mvcc: duplicate watch ID provided on the WatchStream',
  ]);
  server.forbidden = 'permissionDenied';
  deepEqual(reasons(client.create({ key })), [
    '-1@1 created canceled rpc error: code = PermissionDenied desc = etcdserver: permission denied',
  ]);
  server.forbidden = 'invalidAuthToken';
  deepEqual(reasons(client.create({ key })), [
    '-1@1 created canceled rpc error: code = Unauthenticated desc = etcdserver: invalid auth token',
  ]);
  server.forbidden = 'roleNotFound';
  ok(reasons(client.create({ key }))[0]?.includes('PermissionDenied'));
  server.forbidden = undefined;
  deepEqual(client.request({}), []);
  equal(client.call.ended, false);
  equal(client.create({}).length, 1);
});

test('history comes after the created answer, with the current revision; what was compacted cancels', () => {
  const server = new Server();
  for (const value of ['1', '2', '3']) server.put('k', value);
  const client = server.open();
  deepEqual(client.create({ key, startRevision: 3n }).map(brief), ['0@4 created']);
  while (server.hub.catchUp());
  deepEqual(client.take().map(brief), ['0@4 put k=2/3 put k=3/4']);
  server.history.compact(3);
  deepEqual(client.create({ key, startRevision: 2n }).map(brief), ['1@4 created']);
  deepEqual(client.create({ key, startRevision: 3n }).map(brief), ['2@4 created']);
  while (server.hub.catchUp());
  deepEqual(client.take().map(brief), ['1@0 canceled compact=3', '2@4 put k=2/3 put k=3/4']);
  // The id stays taken until the client cancels it.
  ok(brief(client.create({ key, watchId: 1n })[0] as WatchResponse).includes('duplicate'));
  deepEqual(client.cancel(1n).map(brief), ['1@4 canceled']);
});

test('progress on request and by the clock', () => {
  const server = new Server();
  const client = server.open();
  deepEqual(client.progress(), []);
  client.create({ key, progressNotify: true });
  client.create({ key: utf8('quiet'), progressNotify: true });
  client.create({ key: utf8('deaf') });
  deepEqual(client.progress().map(brief), ['-1@1']);
  server.put('k', '1');
  client.take();
  server.nowMs = 1098;
  server.method.tick(server.nowMs);
  deepEqual(client.take(), []);
  server.nowMs = 1099;
  server.method.tick(server.nowMs);
  deepEqual(client.take().map(brief), ['1@2']);
  server.nowMs = 2198;
  server.method.tick(server.nowMs);
  deepEqual(client.take().map(brief), ['0@2', '1@2']);
  client.create({ key, startRevision: 9n });
  deepEqual(client.progress(), []);
});

test('a full stream is sent nothing, reads no requests, and misses nothing', () => {
  const server = new Server();
  const client = server.open();
  client.create({ key });
  client.call.writable = false;
  server.put('k', '1');
  server.put('k', '2');
  equal(server.hub.slowWatchers, 1);
  client.cancel(7n);
  ok(client.call.paused);
  deepEqual(client.take(), []);
  client.call.drain();
  equal(client.call.paused, false);
  while (server.hub.catchUp());
  deepEqual(client.take().map(brief), ['0@3 put k=1/2 put k=2/3']);
  equal(server.hub.slowWatchers, 0);
});

test('fragments: greedy pieces below the bound, all but the last marked', () => {
  const server = new Server(0); // 512 KiB
  const client = server.open();
  client.create({ ...all, fragment: true });
  client.create(all);
  const value = 'v'.repeat(200_000);
  const writes = ['a', 'b', 'c', 'd', 'e'].map((name) => [utf8(name), utf8(value)] as const);
  server.history.write(writes);
  const answers = client.take();
  const pieces = answers.filter((answer) => answer.watchId === 0n);
  deepEqual(
    pieces.map((piece) => [piece.events.length, piece.fragment]),
    [
      [2, true],
      [2, true],
      [1, false],
    ],
  );
  deepEqual(
    answers.filter((answer) => answer.watchId === 1n).map((answer) => [answer.events.length, answer.fragment]),
    [[5, false]],
  );
  for (const answer of answers) {
    for (const { kv } of answer.events) equal(kv?.value.length, 200_000);
  }
});

test('a message that is none ends the stream', () => {
  const server = new Server();
  const client = server.open();
  client.create({ key });
  client.call.write(Uint8Array.of(0x0a, 0x7f));
  deepEqual(client.call.status, {
    code: 13,
    text: 'grpc: failed to unmarshal the received message: proto: cannot parse invalid wire-format data',
  });
  equal(server.hub.streams, 0);
});
