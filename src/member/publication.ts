/**
 * A member tells its cluster its name and where clients find it, at each start and until it has been heard. Before that it
 * serves nobody.
 *
 * What was asked of a leader before may be lost with it, and what a snapshot from the leader holds is applied without a word to
 * whoever waits for it. So the next leader is asked at once, and after a snapshot the same one again: it is told twice at worst.
 * Clients' proposals are not made again: as in etcd, those that a snapshot holds time out.
 */
import { create, toBinary } from '@bufbuild/protobuf';
import { requestField } from '../apply/request-field.js';
import { idToHex, noMember } from '../base/ids.js';
import type { Log } from '../base/log.js';
import { ClusterMemberAttrSetRequestSchema } from '../gen/membershippb/membership_pb.js';
import { errors } from '../wire/errors.js';
import type { Member } from './member.js';
import type { MemberOptions } from './options.js';
import { proposeOwn } from './own-requests.js';
import type { RestoringFollower } from './restoring.js';

type PublishingMember = Pick<Member, 'memberId' | 'clusterId' | 'leader' | 'term' | 'requestTimeoutMs' | 'propose'>;

export class Publication implements RestoringFollower {
  readonly #options: Pick<MemberOptions, 'name' | 'clientUrls'>;
  readonly #member: PublishingMember;
  readonly #log: Log;
  #state: 'no' | 'asked' | 'yes' = 'no';
  /** How often it was asked, and the leader's term in which it was asked last. */
  #asks = 0;
  #askedTerm = 0;
  #isRestoring = false;
  #onDone: () => void = () => {};

  constructor(options: Pick<MemberOptions, 'name' | 'clientUrls'>, member: PublishingMember, log: Log) {
    this.#options = options;
    this.#member = member;
    this.#log = log;
  }

  get done(): boolean {
    return this.#state === 'yes';
  }

  /** Called once, when the member is known to the cluster and serves. */
  whenDone(tell: () => void): void {
    this.#onDone = tell;
  }

  began(): void {
    this.#isRestoring = true;
  }

  ended(): void {
    this.#isRestoring = false;
    this.#askedTerm = 0;
    this.tick();
  }

  tick(): void {
    const { leader, term } = this.#member;
    if (this.#state === 'yes' || leader === noMember || this.#isRestoring) return;
    if (this.#state === 'asked' && term === this.#askedTerm) return;
    const ask = ++this.#asks;
    this.#state = 'asked';
    this.#askedTerm = term;
    const { name, clientUrls } = this.#options;
    const bytes = toBinary(
      ClusterMemberAttrSetRequestSchema,
      create(ClusterMemberAttrSetRequestSchema, {
        memberID: this.#member.memberId,
        memberAttributes: { name, clientUrls: [...clientUrls] },
      }),
    );
    proposeOwn(this.#member, requestField.clusterMemberAttrSet, bytes, (error) => {
      const isLast = ask === this.#asks;
      if (this.#state === 'yes' || (error !== undefined && !isLast)) return;
      const fields = this.#fields();
      this.#state = error === undefined ? 'yes' : 'no';
      if (error !== undefined) {
        const failed = { ...fields, error: errors[error].text };
        return this.#log.warn('failed to publish local member to cluster through raft', failed);
      }
      const cluster = { 'cluster-id': idToHex(this.#member.clusterId) };
      this.#log.info('published local member to cluster through raft', { ...fields, ...cluster });
      this.#onDone();
    });
  }

  #fields() {
    const { name, clientUrls } = this.#options;
    return {
      'local-member-id': idToHex(this.#member.memberId),
      'local-member-attributes': `{Name:${name} ClientURLs:[${clientUrls.join(' ')}]}`,
      'publish-timeout': `${this.#member.requestTimeoutMs / 1000}s`,
    };
  }
}
