/** `etcdserverpb.Maintenance` as far as one member answers for itself: alarms, status, defragmentation, hashes. */
import { toBinary } from '@bufbuild/protobuf';
import type { AlarmBook } from '../apply/alarm-book.js';
import type { Alarm } from '../apply/outcome.js';
import { noMember } from '../base/ids.js';
import { apiVersion } from '../base/version.js';
import type { Downgrade } from '../cluster/book.js';
import {
  AlarmRequest_AlarmAction as AlarmAction,
  AlarmRequestSchema,
  AlarmResponseSchema,
  AlarmType,
  DefragmentRequestSchema,
  DefragmentResponseSchema,
  HashKVRequestSchema,
  HashKVResponseSchema,
  HashRequestSchema,
  HashResponseSchema,
  StatusRequestSchema,
  StatusResponseSchema,
} from '../gen/etcdserverpb/rpc_pb.js';
import { type MemberFront, requestField } from '../member/front.js';
import type { KvHashing } from '../member/kv-hashing.js';
import { errors } from '../wire/errors.js';
import type { Method } from '../wire/grpc/service.js';
import type { Answers } from './answers.js';
import { coldHeader, coldMethod, whenApplied } from './cold.js';

/** What this service asks beyond the member's front. */
export interface Keeper extends KvHashing {
  readonly alarms: AlarmBook;
  readonly raftIndex: number;
  readonly appliedIndex: number;
  readonly quotaBytes: number;
  /** Of what is stored; undefined until there is one. */
  readonly storageVersion: string | undefined;
  readonly isLearner: boolean;
  readonly downgrade: Downgrade;
  sizeBytes(): number;
  sizeInUseBytes(): number;
  /** Rewrites the value store without what it no longer holds, while it is read. `failed` names why, in one line. */
  defragment(done: (failed: string | undefined) => void): void;
  hash(done: (hash: number) => void): void;
}

/** Told of what keeps a member from serving as it should. */
export interface DefragListener {
  defragBegan(): void;
  defragEnded(): void;
}

export function maintenanceMethods(answers: Answers, keeper: Keeper, listener: DefragListener): [string, Method][] {
  const { front } = answers;
  const path = (name: string) => `/etcdserverpb.Maintenance/${name}`;
  return [
    [
      path('Alarm'),
      coldMethod(answers, AlarmRequestSchema, AlarmResponseSchema, (request, reply) => {
        if (AlarmAction[request.action] === undefined) return reply.refuse('unknownAlarmAction');
        const bytes = toBinary(AlarmRequestSchema, request);
        front.propose(
          requestField.alarm,
          bytes,
          0,
          bytes.length,
          whenApplied(reply, (outcome) => {
            const alarms = outcome.kind === 'alarm' ? outcome.alarms : [];
            reply.answer({ header: coldHeader(answers, outcome.revision), alarms: alarms.map(alarmMember) });
          }),
        );
      }),
    ],
    [
      path('Status'),
      coldMethod(answers, StatusRequestSchema, StatusResponseSchema, (_, reply) =>
        reply.answer(status(answers, keeper)),
      ),
    ],
    [
      path('Defragment'),
      coldMethod(answers, DefragmentRequestSchema, DefragmentResponseSchema, (_, reply) => {
        listener.defragBegan();
        keeper.defragment((failed) => {
          listener.defragEnded();
          if (failed === undefined) reply.answer({});
          else reply.call.fail(2, failed);
        });
      }),
    ],
    [
      path('Hash'),
      coldMethod(answers, HashRequestSchema, HashResponseSchema, (_, reply) => {
        keeper.hash((hash) => reply.answer({ header: coldHeader(answers), hash }));
      }),
    ],
    [
      path('HashKV'),
      coldMethod(answers, HashKVRequestSchema, HashKVResponseSchema, (request, reply) => {
        keeper.hashKv(clamp(request.revision), (answer) => {
          if (!answer.ok) return reply.refuse(answer.error);
          reply.answer({
            header: coldHeader(answers, answer.current),
            hash: answer.hash,
            compactRevision: BigInt(answer.compactRevision),
            // A negative revision hashes nothing, and is answered as it was asked.
            hashRevision: request.revision < 0n ? request.revision : BigInt(answer.revision),
          });
        });
      }),
    ],
  ];
}

/** etcd answers the flag as it was given, and any negative number means none. */
const noQuota = -1n;

function status(answers: Answers, keeper: Keeper) {
  const { front } = answers;
  return {
    header: coldHeader(answers),
    version: apiVersion,
    storageVersion: keeper.storageVersion ?? '',
    isLearner: keeper.isLearner,
    dbSize: BigInt(keeper.sizeBytes()),
    dbSizeInUse: BigInt(Math.floor(keeper.sizeInUseBytes())),
    dbSizeQuota: keeper.quotaBytes === Number.POSITIVE_INFINITY ? noQuota : BigInt(keeper.quotaBytes),
    leader: front.leader,
    raftIndex: BigInt(keeper.raftIndex),
    raftAppliedIndex: BigInt(keeper.appliedIndex),
    raftTerm: BigInt(front.term),
    errors: faults(front, keeper.alarms),
    downgradeInfo: keeper.downgrade,
  };
}

/** As etcd words them: `memberID:<decimal> alarm:NOSPACE `, a zero id left out. */
function faults(front: MemberFront, alarms: AlarmBook): string[] {
  const missing = front.leader === noMember ? [errors.noLeader.text] : [];
  const raised = alarms.list(AlarmType.NONE).map(({ memberId, alarm }) => {
    const member = memberId === noMember ? '' : `memberID:${memberId} `;
    return `${member}alarm:${AlarmType[alarm] ?? alarm}`;
  });
  return [...missing, ...raised];
}

const alarmMember = ({ memberId, alarm }: Alarm) => ({ memberID: memberId, alarm });

/** A revision beyond what a number holds is as far in the future, or in the past, as one just at its edge. */
function clamp(revision: bigint): number {
  const limit = BigInt(Number.MAX_SAFE_INTEGER);
  if (revision > limit) return Number.MAX_SAFE_INTEGER;
  return revision < -limit ? -Number.MAX_SAFE_INTEGER : Number(revision);
}
