/** `etcdserverpb.Cluster`: who the members are, and changing that. */
import type { MemberId } from '../base/ids.js';
import { parseMemberUrls } from '../base/urls.js';
import type { Member } from '../cluster/member.js';
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
} from '../gen/etcdserverpb/rpc_pb.js';
import type { ChangeWaiter } from '../member/reconfiguration.js';
import type { Call, Method } from '../wire/grpc/service.js';
import type { Answers } from './answers.js';
import { coldHeader, coldMethod, type Reply, whenConfirmed } from './cold.js';

export interface ClusterParts {
  readonly answers: Answers;
  readonly members: { list(): readonly Member[] };
  readonly changes: {
    newMember(peerUrls: readonly string[], isLearner: boolean): Member;
    add(member: Member, waiter: ChangeWaiter): void;
    remove(id: MemberId, waiter: ChangeWaiter): void;
    update(id: MemberId, peerUrls: readonly string[], waiter: ChangeWaiter): void;
    promote(id: MemberId, token: string | undefined, waiter: ChangeWaiter): void;
  };
}

export function clusterMethods({ answers, members, changes }: ClusterParts): [string, Method][] {
  const header = () => ({ ...coldHeader(answers), revision: 0n });
  const path = (name: string) => `/etcdserverpb.Cluster/${name}`;
  const list = coldMethod(answers, MemberListRequestSchema, MemberListResponseSchema, (request, reply) => {
    const answer = () => reply.answer({ header: header(), members: members.list().map(listed) });
    if (request.linearizable) answers.front.readIndex(whenConfirmed(reply, answer));
    else answer();
  });
  const add = coldMethod(answers, MemberAddRequestSchema, MemberAddResponseSchema, (request, reply) => {
    const urls = parseMemberUrls(request.peerURLs);
    if (!urls.ok) return reply.refuse('memberBadUrls');
    const added = changes.newMember(urls.value, request.isLearner);
    const member = listed(added);
    changes.add(
      added,
      whenChanged(reply, (now) => reply.answer({ header: header(), member, members: now.map(listed) })),
    );
  });
  const remove = coldMethod(answers, MemberRemoveRequestSchema, MemberRemoveResponseSchema, (request, reply) => {
    changes.remove(
      request.ID as MemberId,
      whenChanged(reply, (now) => reply.answer({ header: header(), members: now.map(listed) })),
    );
  });
  // etcd takes any text for a URL here.
  const update = coldMethod(answers, MemberUpdateRequestSchema, MemberUpdateResponseSchema, (request, reply) => {
    changes.update(
      request.ID as MemberId,
      request.peerURLs,
      whenChanged(reply, (now) => reply.answer({ header: header(), members: now.map(listed) })),
    );
  });
  const promote = coldMethod(answers, MemberPromoteRequestSchema, MemberPromoteResponseSchema, (request, reply) => {
    changes.promote(
      request.ID as MemberId,
      tokenOf(reply.call),
      whenChanged(reply, (now) => reply.answer({ header: header(), members: now.map(listed) })),
    );
  });
  return [
    [path('MemberList'), list],
    [path('MemberAdd'), add],
    [path('MemberRemove'), remove],
    [path('MemberUpdate'), update],
    [path('MemberPromote'), promote],
  ];
}

function whenChanged(
  reply: Pick<Reply<never>, 'refuse' | 'call'>,
  answer: (members: readonly Member[]) => void,
): ChangeWaiter {
  return { changed: answer, failed: (error) => reply.refuse(error), gone: () => reply.call.ended };
}

const tokenOf = (call: Call) => call.metadata('token') ?? call.metadata('authorization');

const listed = ({ id, name, peerUrls, clientUrls, isLearner }: Member) => ({
  ID: id,
  name,
  peerURLs: [...peerUrls],
  clientURLs: [...clientUrls],
  isLearner,
});
