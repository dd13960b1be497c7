/**
 * The version of what is stored, as a record beside it: older servers read by it whether they can read the rest. It follows
 * the cluster's version, also downwards, for nothing that is stored differs between the versions that we can meet.
 */
import { text, utf8 } from '../base/bytes.js';
import { idToHex } from '../base/ids.js';
import type { Log } from '../base/log.js';
import { apiVersion, minClusterVersion } from '../base/version.js';
import type { MembershipBook } from '../cluster/book.js';
import { shortVersion } from '../cluster/version.js';
import type { ValueStore } from '../mvcc/value-store.js';
import type { MemberOptions } from './options.js';

const bucket = 'meta';
const key = utf8('storageVersion');

export class StorageVersion {
  readonly #own: MemberOptions;
  readonly #values: ValueStore;
  readonly #members: MembershipBook;
  readonly #log: Log;

  constructor(
    own: MemberOptions,
    parts: { readonly values: ValueStore; readonly members: MembershipBook; readonly log: Log },
  ) {
    this.#own = own;
    this.#values = parts.values;
    this.#members = parts.members;
    this.#log = parts.log;
  }

  /** `3.7.0`; undefined while the cluster has no version of its own, and for data of 3.5 and older. */
  get current(): string | undefined {
    const bytes = this.#values.getRecord(bucket, key);
    return bytes === undefined ? undefined : text(bytes);
  }

  /** The cluster's version has been set, or the records have been replaced. */
  follow(): void {
    const { version, downgrade } = this.#members;
    if (version === undefined || version === minClusterVersion) return;
    const { current } = this;
    if (current !== undefined && shortVersion(current) === shortVersion(version)) return;
    this.#values.setRecord(bucket, key, utf8(version));
    this.#log.info('updated storage version', {
      'local-member-id': idToHex(this.#own.memberId),
      'new-storage-version': version,
    });
    if (!downgrade.enabled) return;
    const versions = { 'target-version': downgrade.targetVersion, 'server-version': apiVersion };
    this.#log.info('The server is ready to downgrade', versions);
  }
}
