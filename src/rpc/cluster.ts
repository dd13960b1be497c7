/** `etcdserverpb.Cluster`: who the members are. Changing that comes with clusters of several. */
import { MemberListRequestSchema, MemberListResponseSchema } from '../gen/etcdserverpb/rpc_pb.js';
import type { Method } from '../wire/grpc/service.js';
import type { Answers } from './answers.js';
import { coldHeader, coldMethod, whenConfirmed } from './cold.js';

/** A member as clients are told of it. */
export interface ListedMember {
  readonly id: bigint;
  readonly name: string;
  readonly peerUrls: readonly string[];
  readonly clientUrls: readonly string[];
  readonly isLearner: boolean;
}

export function clusterMethods(answers: Answers, members: () => readonly ListedMember[]): [string, Method][] {
  const list = coldMethod(answers, MemberListRequestSchema, MemberListResponseSchema, (request, reply) => {
    const answer = () =>
      reply.answer({
        header: { ...coldHeader(answers), revision: 0n },
        members: members().map(({ id, name, peerUrls, clientUrls, isLearner }) => ({
          ID: id,
          name,
          peerURLs: [...peerUrls],
          clientURLs: [...clientUrls],
          isLearner,
        })),
      });
    if (request.linearizable) answers.front.readIndex(whenConfirmed(reply, answer));
    else answer();
  });
  return [['/etcdserverpb.Cluster/MemberList', list]];
}
