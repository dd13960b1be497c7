// Proves: members over real sockets found a cluster, grow, change and shrink it, and end as they should.
import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { UnaryClient } from '../client/unary.js';
import {
  MemberAddRequestSchema,
  MemberAddResponseSchema,
  MemberListRequestSchema,
  MemberListResponseSchema,
  MemberPromoteRequestSchema,
  MemberPromoteResponseSchema,
  MemberRemoveRequestSchema,
  MemberRemoveResponseSchema,
  MemberUpdateRequestSchema,
  MemberUpdateResponseSchema,
  MoveLeaderRequestSchema,
  MoveLeaderResponseSchema,
  PutRequestSchema,
  PutResponseSchema,
  RangeRequestSchema,
  RangeResponseSchema,
  StatusRequestSchema,
  StatusResponseSchema,
} from '../gen/etcdserverpb/rpc_pb.js';
import { type EmbeddedMember, type EmbedOptions, startMember } from './embed.js';

/** Ports that nobody uses now: a member must be known by its URL before it listens. */
async function freeUrls(count: number): Promise<string[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const urls: string[] = [];
  for (const server of servers) {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    urls.push(`http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`);
  }
  for (const server of servers) server.close();
  return urls;
}

async function call<Request extends DescMessage, Response extends DescMessage>(
  { clientUrl }: EmbeddedMember,
  path: string,
  [request, response]: readonly [Request, Response],
  fields: MessageInitShape<Request>,
): Promise<MessageShape<Response>> {
  using client = await UnaryClient.dial(clientUrl);
  return fromBinary(response, await client.call(`/etcdserverpb.${path}`, toBinary(request, create(request, fields))));
}

const statusOf = (member: EmbeddedMember) =>
  call(member, 'Maintenance/Status', [StatusRequestSchema, StatusResponseSchema], {});
const listOf = (member: EmbeddedMember) =>
  call(member, 'Cluster/MemberList', [MemberListRequestSchema, MemberListResponseSchema], { linearizable: true });
const key = (text: string) => ({ key: new TextEncoder().encode(text) });
const put = (member: EmbeddedMember, text: string) =>
  call(member, 'KV/Put', [PutRequestSchema, PutResponseSchema], key(text));
const get = (member: EmbeddedMember, text: string, serializable = false) =>
  call(member, 'KV/Range', [RangeRequestSchema, RangeResponseSchema], { ...key(text), serializable });

/** Elections are quick, and nobody waits for members to have been connected for five seconds. */
const member = { heartbeatMs: 20, electionMs: 200, strictReconfigCheck: false };

class Cluster {
  readonly members: EmbeddedMember[] = [];

  constructor(
    readonly names: readonly string[],
    readonly peerUrls: readonly string[],
  ) {}

  optionsOf(name: string, count: number): EmbedOptions {
    const { names, peerUrls } = this;
    const initialCluster = peerUrls.slice(0, count).map((url, i) => `${names[i]}=${url}`);
    return { name, member, listenPeerUrls: peerUrls[names.indexOf(name)] ?? '', initialCluster: initialCluster.join() };
  }

  async found(count: number): Promise<void> {
    const starts = this.names.slice(0, count).map((name) => startMember(this.optionsOf(name, count)));
    this.members.push(...(await Promise.all(starts)));
  }

  async join(count: number): Promise<EmbeddedMember> {
    const name = this.names[count - 1] ?? '';
    const joined = await startMember({ ...this.optionsOf(name, count), initialClusterState: 'existing' });
    this.members.push(joined);
    return joined;
  }

  async leader(): Promise<EmbeddedMember> {
    for (;;) {
      for (const each of this.members) {
        const { header, leader } = await statusOf(each);
        if (leader !== 0n && header?.memberId === leader) return each;
      }
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.members.map((each) => each.close()));
  }
}

test('three found a cluster, a fourth learns and votes, one is replaced, the leader goes', async () => {
  const cluster = new Cluster(['a', 'b', 'c', 'd'], await freeUrls(4));
  await cluster.found(3);
  const [a, b, c] = cluster.members as [EmbeddedMember, EmbeddedMember, EmbeddedMember];
  await Promise.all([put(a, 'x'), put(b, 'y'), put(c, 'z')]);
  equal((await get(c, 'x')).kvs.length, 1);

  const adding = { peerURLs: [cluster.peerUrls[3] ?? ''], isLearner: true };
  const added = await call(a, 'Cluster/MemberAdd', [MemberAddRequestSchema, MemberAddResponseSchema], adding);
  const id = added.member?.ID ?? 0n;
  const d = await cluster.join(4);
  ok((await statusOf(d)).isLearner);
  await rejects(put(d, 'w'), { message: 'etcdserver: rpc not supported for learner' });
  await rejects(get(d, 'x'), { message: 'etcdserver: rpc not supported for learner' });
  equal((await get(d, 'x', true)).count, 1n);

  const leader = await cluster.leader();
  const follower = [a, b].find((each) => each !== leader) ?? a;
  await call(follower, 'Cluster/MemberPromote', [MemberPromoteRequestSchema, MemberPromoteResponseSchema], { ID: id });
  await put(d, 'w');

  const move = [MoveLeaderRequestSchema, MoveLeaderResponseSchema] as const;
  await rejects(call(follower, 'Maintenance/MoveLeader', move, { targetID: id }), {
    message: 'etcdserver: not leader',
  });
  await call(leader, 'Maintenance/MoveLeader', move, { targetID: id });
  equal(await cluster.leader(), d);

  // etcd takes anything for a URL here, and then stops in all members.

  const update = [MemberUpdateRequestSchema, MemberUpdateResponseSchema] as const;
  await call(a, 'Cluster/MemberUpdate', update, { ID: id, peerURLs: ['no url at all', 'http://[::1'] });
  await put(b, 'after');
  await call(a, 'Cluster/MemberUpdate', update, { ID: id, peerURLs: adding.peerURLs });

  const remove = [MemberRemoveRequestSchema, MemberRemoveResponseSchema] as const;
  await call(a, 'Cluster/MemberRemove', remove, { ID: id });
  await d.left;
  cluster.members.pop();
  // What is proposed before the others have noticed goes to a leader that is gone.
  await cluster.leader();
  await put(c, 'without d');
  deepEqual((await listOf(b)).members.map(({ name }) => name).sort(), ['a', 'b', 'c']);
  await cluster.close();
});

test('a member that was there before is not founded again, and a stranger does not join', async () => {
  const cluster = new Cluster(['a', 'b', 'c'], await freeUrls(3));
  await cluster.found(2);
  const lost = cluster.members.pop();
  const { header } = await statusOf(lost as EmbeddedMember);
  await lost?.close();
  await rejects(startMember(cluster.optionsOf('b', 2)), {
    message: `member ${header?.memberId.toString(16)} has already been bootstrapped`,
  });
  const stranger = { ...cluster.optionsOf('c', 3), initialClusterState: 'existing' } as const;
  await rejects(startMember(stranger), /error validating peerURLs .*: member count is unequal$/);
  const alone = { ...stranger, initialCluster: `c=${cluster.peerUrls[2]}` };
  await rejects(startMember(alone), {
    message: 'cannot fetch cluster info from peer urls: could not retrieve cluster information from the given URLs',
  });
  await cluster.close();
});

test('a start under options that its members do not fit is refused, and harms nothing', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'quorate-cluster-'));
  t.after(() => rmSync(dir, { recursive: true }));
  {
    await using first = await startMember({ dir, member });
    const adding = { peerURLs: ['http://127.0.0.1:1'], isLearner: true };
    await call(first, 'Cluster/MemberAdd', [MemberAddRequestSchema, MemberAddResponseSchema], adding);
  }
  await rejects(startMember({ dir, member: { ...member, learnersMax: 0 } }), {
    message: 'membership: too many learner members in cluster',
  });
  await using again = await startMember({ dir, member });
  equal((await listOf(again)).members.length, 2);
});
