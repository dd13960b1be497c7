/** What members ask each other over HTTP beside raft's own traffic: who is a member, to promote one, whether the cluster goes down. */
import { idToHex, type MemberId } from '../base/ids.js';
import { jsonText } from '../base/json.js';
import type { Log } from '../base/log.js';
import { type Member, memberJson } from '../cluster/member.js';
import { membershipTexts } from '../cluster/texts.js';
import type { ReadWaiter } from '../member/front.js';
import type { ChangeWaiter } from '../member/reconfiguration.js';
import { type ErrorName, errors } from '../wire/errors.js';
import { errorResponse, type Handler, jsonResponse } from './message.js';
import { onlyGet, type Routes } from './router.js';

export interface PeerPort {
  readonly clusterId: bigint;
  readonly log: Log;
  members(): readonly Member[];
  promote(id: MemberId, token: string | undefined, waiter: ChangeWaiter): void;
  readIndex(waiter: ReadWaiter): void;
  downgradeEnabled(): boolean;
}

const promotePrefix = '/members/promote/';
const idMax = 2n ** 64n - 1n;

export function peerRoutes(port: PeerPort): Routes {
  return new Map([
    ['/members', onlyGet(membersHandler(port))],
    ['/downgrade/enabled', onlyGet(downgradeHandler(port))],
    [promotePrefix, promoteHandler(port)],
  ]);
}

const ofCluster = ({ clusterId }: PeerPort) => ({ 'X-Etcd-Cluster-ID': idToHex(clusterId) });

function membersHandler(port: PeerPort): Handler {
  return (_, respond) => respond(memberList(port, port.members()));
}

function memberList(port: PeerPort, members: readonly Member[]) {
  const response = jsonResponse(`${jsonText(members.map(memberJson))}\n`);
  return { ...response, headers: { ...response.headers, ...ofCluster(port) } };
}

function downgradeHandler(port: PeerPort): Handler {
  return (_, respond) => {
    const headers = ofCluster(port);
    port.readIndex({
      confirmed() {
        const body = String(port.downgradeEnabled());
        respond({ status: 200, headers: { ...headers, 'Content-Type': 'text/plain' }, body });
      },
      failed: (error) => respond(errorResponse(500, `failed linearized read: ${errors[error].text}`, headers)),
    });
  };
}

function promoteHandler(port: PeerPort): Handler {
  return ({ method, path, headers: asked }, respond) => {
    if (method !== 'POST') return respond(errorResponse(405, 'Method Not Allowed', { Allow: 'POST' }));
    const headers = ofCluster(port);
    const written = path.slice(promotePrefix.length);
    const id = /^\d+$/.test(written) ? BigInt(written) : -1n;
    if (id < 0n || id > idMax) return respond(errorResponse(404, `member ${written} not found in cluster`, headers));
    port.promote(id as MemberId, asked.authorization, {
      changed: (members) => respond(memberList(port, members)),
      failed(error) {
        const text = refusalTexts[error];
        port.log.warn('failed to promote a member', { 'member-id': idToHex(id), error: text ?? errors[error].text });
        if (text !== undefined) return respond(errorResponse(error === 'memberNotFound' ? 404 : 412, text, headers));
        const body = jsonText({ message: 'Internal Server Error' });
        respond({ ...jsonResponse(body), status: 500, headers: { ...headers, 'Content-Type': 'application/json' } });
      },
    });
  };
}

/** What other members read an answer by. */
const refusalTexts: { readonly [Name in ErrorName]?: string } = {
  memberNotFound: membershipTexts.memberNotFound,
  memberNotLearner: membershipTexts.memberNotLearner,
  learnerNotReady: errors.learnerNotReady.text,
};
