/** The methods of `etcdserverpb.Maintenance` that are about the whole cluster: `MoveLeader` and `Downgrade`. */
import type { MemberId } from '../base/ids.js';
import type { Log } from '../base/log.js';
import { shortVersion } from '../cluster/version.js';
import {
  DowngradeRequest_DowngradeAction as DowngradeAction,
  DowngradeRequestSchema,
  DowngradeResponseSchema,
  MoveLeaderRequestSchema,
  MoveLeaderResponseSchema,
} from '../gen/etcdserverpb/rpc_pb.js';
import type { TransferWaiter } from '../member/leader-transfer.js';
import type { Ended } from '../member/own-requests.js';
import { errors } from '../wire/errors.js';
import type { Method } from '../wire/grpc/service.js';
import type { Answers } from './answers.js';
import { coldHeader, coldMethod } from './cold.js';

export interface ClusterMaintenanceParts {
  readonly answers: Answers;
  readonly log: Log;
  readonly transfer: { move(to: MemberId, untilMs: number, waiter: TransferWaiter): void };
  readonly downgrades: {
    validate(version: string, ended: Ended): void;
    enable(version: string, ended: Ended): void;
    cancel(ended: Ended): void;
  };
  clusterVersion(): string | undefined;
}

export function clusterMaintenanceMethods(parts: ClusterMaintenanceParts): [string, Method][] {
  return [
    ['/etcdserverpb.Maintenance/MoveLeader', moveLeader(parts)],
    ['/etcdserverpb.Maintenance/Downgrade', downgrade(parts)],
  ];
}

function moveLeader({ answers, transfer }: ClusterMaintenanceParts): Method {
  return coldMethod(answers, MoveLeaderRequestSchema, MoveLeaderResponseSchema, (request, reply) => {
    const { call } = reply;
    transfer.move(request.targetID as MemberId, call.deadlineMs, {
      gone: () => call.ended,
      moved: () => reply.answer({}),
      failed: (error) => reply.refuse(error),
    });
  });
}

function downgrade({ answers, log, downgrades, clusterVersion }: ClusterMaintenanceParts): Method {
  return coldMethod(answers, DowngradeRequestSchema, DowngradeResponseSchema, ({ action, version }, reply) => {
    // etcd answers with the version that the cluster had when it was asked to validate, and has when it has done the rest.
    const before = clusterVersion();
    const answer = (cluster = clusterVersion()) =>
      reply.answer({ header: coldHeader(answers), version: shortVersion(cluster ?? '') });
    switch (action) {
      case DowngradeAction.VALIDATE:
        return downgrades.validate(version, (error) => (error === undefined ? answer(before) : reply.refuse(error)));
      case DowngradeAction.ENABLE:
        return downgrades.enable(version, (error) => {
          if (error === undefined) return answer();
          log.warn('reject downgrade request', { error: errors[error].text });
          reply.refuse(error);
        });
      case DowngradeAction.CANCEL:
        // It answers OK whatever came of it.
        return downgrades.cancel((error) => {
          if (error !== undefined) log.warn('failed to cancel downgrade', { error: errors[error].text });
          answer();
        });
      default:
        reply.refuse('unknownMethod');
    }
  });
}
