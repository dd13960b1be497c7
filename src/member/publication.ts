/**
 * A member tells its cluster its name and where clients find it, at each start and until it has been heard. Before that it
 * serves nobody.
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

type PublishingMember = Pick<Member, 'memberId' | 'clusterId' | 'leader' | 'term' | 'requestTimeoutMs' | 'propose'>;

export class Publication {
  readonly #options: Pick<MemberOptions, 'name' | 'clientUrls'>;
  readonly #member: PublishingMember;
  readonly #log: Log;
  #state: 'no' | 'asked' | 'yes' = 'no';
  /** The leader's term in which it was asked last. */
  #askedTerm = 0;
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

  /** What was asked of the leader before may be lost with it: the next one is asked at once, and told twice at worst. */
  tick(): void {
    const { leader, term } = this.#member;
    if (this.#state === 'yes' || leader === noMember) return;
    if (this.#state === 'asked' && term === this.#askedTerm) return;
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
      const isLast = term === this.#askedTerm;
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
