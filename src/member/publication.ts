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

export class Publication {
  readonly #options: MemberOptions;
  readonly #member: Member;
  readonly #log: Log;
  #state: 'no' | 'asked' | 'yes' = 'no';
  #onDone: () => void = () => {};

  constructor(options: MemberOptions, member: Member, log: Log) {
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

  tick(): void {
    if (this.#state !== 'no' || this.#member.leader === noMember) return;
    this.#state = 'asked';
    const { name, clientUrls } = this.#options;
    const bytes = toBinary(
      ClusterMemberAttrSetRequestSchema,
      create(ClusterMemberAttrSetRequestSchema, {
        memberID: this.#member.memberId,
        memberAttributes: { name, clientUrls: [...clientUrls] },
      }),
    );
    proposeOwn(this.#member, requestField.clusterMemberAttrSet, bytes, (error) => {
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
