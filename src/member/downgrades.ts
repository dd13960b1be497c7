/** Going down by one minor version: asked for by clients, prepared by the leader, done by starting older servers. */
import { create, toBinary } from '@bufbuild/protobuf';
import { requestField } from '../apply/request-field.js';
import type { MembershipBook } from '../cluster/book.js';
import {
  compareVersions,
  downgradeTarget,
  minorOf,
  parseVersion,
  type Version,
  versionText,
} from '../cluster/version.js';
import { DowngradeInfoSetRequestSchema } from '../gen/membershippb/membership_pb.js';
import type { ErrorName } from '../wire/errors.js';
import type { MemberFront } from './front.js';
import { type Ended, proposeOwn } from './own-requests.js';

export class Downgrades {
  readonly #front: MemberFront;
  readonly #members: MembershipBook;

  constructor(front: MemberFront, members: MembershipBook) {
    this.#front = front;
    this.#members = members;
  }

  /** Whether the cluster could go down to `version`, `x.y` or `x.y.z`. */
  validate(version: string, ended: Ended): void {
    const target = targetOf(version);
    if (target === undefined) return ended('downgradeVersionFormat');
    if (this.#members.version === undefined) return ended('clusterVersionMissing');
    this.#judged(target, ended);
  }

  enable(version: string, ended: Ended): void {
    const target = targetOf(version);
    if (target === undefined) return ended('downgradeVersionFormat');
    this.#judged(target, (error) => {
      if (error !== undefined) return ended(error);
      this.#set({ enabled: true, ver: versionText(target) }, ended);
    });
  }

  cancel(ended: Ended): void {
    this.#confirmed(ended, () => {
      if (this.#members.downgrade.enabled) this.#set({ enabled: false }, ended);
      else ended('noDowngrade');
    });
  }

  #judged(target: Version, ended: Ended): void {
    this.#confirmed(ended, () => {
      const cluster = parseVersion(this.#members.version ?? '');
      if (cluster === undefined) return ended('clusterVersionMissing');
      if (compareVersions(downgradeTarget(cluster), target) !== 0) return ended('downgradeTargetInvalid');
      ended(this.#members.downgrade.enabled ? 'downgradeInProcess' : undefined);
    });
  }

  /** What is known here may be old: the leader is asked how far it has come first. */
  #confirmed(ended: Ended, act: () => void): void {
    this.#front.readIndex({ confirmed: act, failed: (error: ErrorName) => ended(error) });
  }

  #set(request: { readonly enabled: boolean; readonly ver?: string }, ended: Ended): void {
    const bytes = toBinary(DowngradeInfoSetRequestSchema, create(DowngradeInfoSetRequestSchema, request));
    proposeOwn(this.#front, requestField.downgradeInfoSet, bytes, ended);
  }
}

/** Patch levels do not count. */
function targetOf(text: string): Version | undefined {
  const version = parseVersion(text) ?? parseVersion(`${text}.0`);
  return version === undefined ? undefined : minorOf(version);
}
