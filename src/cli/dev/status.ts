/** What the members of `quorate dev` say of themselves, asked as any client would ask. */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { idToHex, noMember } from '../../base/ids.js';
import { UnaryClient } from '../../client/unary.js';
import {
  MoveLeaderRequestSchema,
  StatusRequestSchema,
  type StatusResponse,
  StatusResponseSchema,
} from '../../gen/etcdserverpb/rpc_pb.js';
import { faultText } from '../../io/fault.js';
import type { MemberProcess } from './member-process.js';

const patienceMs = 1000;
const movePatienceMs = 10_000;

export type MemberStatus =
  | { readonly ok: true; readonly member: MemberProcess; readonly status: StatusResponse }
  | { readonly ok: false; readonly member: MemberProcess; readonly why: string };

export function statusesOf(members: readonly MemberProcess[]): Promise<readonly MemberStatus[]> {
  return Promise.all(members.map(statusOf));
}

async function statusOf(member: MemberProcess): Promise<MemberStatus> {
  if (member.state !== 'running') return { ok: false, member, why: member.state };
  try {
    using client = await UnaryClient.dial(member.place.clientUrl);
    const request = toBinary(StatusRequestSchema, create(StatusRequestSchema, {}));
    const answer = await client.call('/etcdserverpb.Maintenance/Status', request, patienceMs);
    return { ok: true, member, status: fromBinary(StatusResponseSchema, answer) };
  } catch (cause) {
    return { ok: false, member, why: `does not answer: ${faultText(cause)}` };
  }
}

/** Who leads, as most of those that answer see it. */
export function leaderAmong(statuses: readonly MemberStatus[]): MemberProcess | undefined {
  return statuses.find((each) => each.ok && isLeader(each.status))?.member;
}

function isLeader({ header, leader }: StatusResponse): boolean {
  return leader !== noMember && leader === header?.memberId;
}

/** Asks the leader to hand over; answers why it did not, or nothing. */
export async function moveLeader(from: MemberProcess, to: MemberStatus): Promise<string | undefined> {
  if (!to.ok) return `${to.member.name} ${to.why}`;
  try {
    using client = await UnaryClient.dial(from.place.clientUrl);
    const targetID = to.status.header?.memberId ?? noMember;
    const request = toBinary(MoveLeaderRequestSchema, create(MoveLeaderRequestSchema, { targetID }));
    await client.call('/etcdserverpb.Maintenance/MoveLeader', request, movePatienceMs);
    return undefined;
  } catch (cause) {
    return faultText(cause);
  }
}

const columns = ['member', 'state', 'role', 'id', 'term', 'index', 'revision', 'size', 'client'];

/** A table, a line a member. */
export function statusTable(statuses: readonly MemberStatus[]): string {
  const rows = [columns, ...statuses.map(statusRow)];
  const widths = columns.map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function statusRow(each: MemberStatus): readonly string[] {
  const { name, place } = each.member;
  if (!each.ok) return [name, each.why, '', '', '', '', '', '', place.clientUrl];
  const { header, isLearner, leader, raftTerm, raftIndex, dbSize, errors } = each.status;
  const role = isLearner
    ? 'learner'
    : isLeader(each.status)
      ? 'leader'
      : leader === noMember
        ? 'no leader'
        : 'follower';
  const alarms = errors.filter((error) => error.includes('alarm:'));
  return [
    name,
    ['running', ...alarms].join(' '),
    role,
    idToHex(header?.memberId ?? noMember),
    String(raftTerm),
    String(raftIndex),
    String(header?.revision ?? 0n),
    `${Math.ceil(Number(dbSize) / 1024)} KiB`,
    place.clientUrl,
  ];
}
