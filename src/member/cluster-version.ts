/**
 * The leader's watch over the cluster's version: it asks all members for theirs when its term begins and every 4 seconds
 * after, and proposes what follows from the answers. A downgrade that has reached its target is ended here too.
 */
import { create, toBinary } from '@bufbuild/protobuf';
import { requestField } from '../apply/request-field.js';
import { text } from '../base/bytes.js';
import { idToHex } from '../base/ids.js';
import { parseJson } from '../base/json.js';
import type { Log } from '../base/log.js';
import { apiVersion } from '../base/version.js';
import type { MembershipBook } from '../cluster/book.js';
import {
  compareVersions,
  decideClusterVersion,
  downgradeDone,
  parseVersion,
  shortVersion,
} from '../cluster/version.js';
import { ClusterVersionSetRequestSchema, DowngradeInfoSetRequestSchema } from '../gen/membershippb/membership_pb.js';
import { errors } from '../wire/errors.js';
import type { Member } from './member.js';
import { proposeOwn } from './own-requests.js';
import { getRequest, type PeerAnswer } from './peers.js';
import type { World } from './world.js';

/** Source: etcd `monitorVersionInterval`. */
const monitorEveryMs = 4000;

export interface VersionParts {
  readonly member: Member;
  readonly world: World;
  readonly log: Log;
  readonly members: MembershipBook;
}

/** What each server says of itself; undefined for one that did not answer. */
type Servers = readonly (string | undefined)[];

export class ClusterVersionMonitor {
  readonly #parts: VersionParts;
  readonly #downgradeCheckMs: number;
  #asking = false;
  #setting = false;
  #nextMs = 0;
  #nextDowngradeMs = 0;

  /** `downgradeCheckMs`: how often to see whether a downgrade is over; 0 for never. */
  constructor(parts: VersionParts, downgradeCheckMs: number) {
    this.#parts = parts;
    this.#downgradeCheckMs = downgradeCheckMs;
  }

  /** This leader may propose now. */
  termOpened(): void {
    const nowMs = this.#parts.world.nowMs();
    this.#nextMs = nowMs + monitorEveryMs;
    this.#nextDowngradeMs = nowMs + this.#downgradeCheckMs;
    this.#ask((servers) => this.#decide(servers));
  }

  tick(nowMs: number): void {
    if (!this.#parts.member.isLeader || this.#asking) return;
    if (nowMs >= this.#nextMs) {
      this.#nextMs = nowMs + monitorEveryMs;
      this.#ask((servers) => this.#decide(servers));
    } else if (this.#downgradeCheckMs > 0 && nowMs >= this.#nextDowngradeMs) {
      this.#nextDowngradeMs = nowMs + this.#downgradeCheckMs;
      if (this.#parts.members.downgrade.enabled) this.#ask((servers) => this.#endDowngrade(servers));
    }
  }

  /** Asks all members at once; goes on when the last has answered, or has not. */
  #ask(heard: (servers: Servers) => void): void {
    const { member, members, world, log } = this.#parts;
    const others = members.list().filter(({ id }) => id !== member.memberId);
    const servers: (string | undefined)[] = [apiVersion];
    this.#asking = others.length > 0;
    if (others.length === 0) return heard(servers);
    for (const { id } of others) {
      world.peers.ask(id, getRequest('/version', member.requestTimeoutMs), (answer) => {
        const server = serverVersion(answer);
        if (server === undefined) log.warn('failed to get version', { 'remote-member-id': idToHex(id) });
        else if (isHigher(server)) {
          log.warn('leader found higher-versioned member', {
            'local-member-version': apiVersion,
            'remote-member-id': idToHex(id),
            'remote-member-version': server,
          });
        }
        servers.push(server);
        if (servers.length <= others.length) return;
        this.#asking = false;
        if (member.isLeader) heard(servers);
      });
    }
  }

  #decide(servers: Servers): void {
    const { members, log } = this.#parts;
    const decision = decideClusterVersion({ cluster: members.version, servers, downgrade: members.downgrade });
    if (decision.kind === 'set') return this.#set(decision.version);
    if (decision.kind === 'keep') return;
    const { from, version } = decision;
    const fields = { 'downgrade-target': members.downgrade.targetVersion, [from]: version };
    log.error(`Cannot downgrade from ${from} to downgrade-target`, fields);
    log.error('Failed to monitor cluster version', { error: 'invalid downgrade target' });
  }

  #set(version: string): void {
    if (this.#setting) return;
    this.#setting = true;
    const { member, members, log } = this.#parts;
    const shown = { 'cluster-version': shortVersion(version) };
    if (members.version === undefined) log.info('setting up initial cluster version using v3 API', shown);
    else {
      const change = { from: shortVersion(members.version), to: shortVersion(version) };
      log.info('updating cluster version using v3 API', change);
    }
    const bytes = toBinary(ClusterVersionSetRequestSchema, create(ClusterVersionSetRequestSchema, { ver: version }));
    proposeOwn(member, requestField.clusterVersionSet, bytes, (error) => {
      this.#setting = false;
      if (error === undefined) log.info('cluster version is updated', shown);
      else log.warn('failed to update cluster version', { error: errors[error].text });
    });
  }

  #endDowngrade(servers: Servers): void {
    const { member, members, log } = this.#parts;
    const { enabled, targetVersion } = members.downgrade;
    if (!enabled || !downgradeDone(servers, targetVersion)) return;
    log.info('the cluster has been downgraded', { 'cluster-version': targetVersion });
    const bytes = toBinary(DowngradeInfoSetRequestSchema, create(DowngradeInfoSetRequestSchema, { enabled: false }));
    proposeOwn(member, requestField.downgradeInfoSet, bytes, (error) => {
      if (error !== undefined) log.warn('failed to cancel downgrade', { error: errors[error].text });
    });
  }
}

function isHigher(server: string): boolean {
  const [own, other] = [parseVersion(apiVersion), parseVersion(server)];
  return own !== undefined && other !== undefined && compareVersions(own, other) < 0;
}

function serverVersion(answer: PeerAnswer | undefined): string | undefined {
  if (answer === undefined || answer.status !== 200) return undefined;
  const value = parseJson(text(answer.body));
  const told = typeof value === 'object' && value !== null && 'etcdserver' in value ? value.etcdserver : undefined;
  return typeof told === 'string' ? told : undefined;
}
