/** The port through which the store tells the lease book which keys hang on which lease; `lease/` answers it. */
import type { Bytes } from '../base/bytes.js';
import type { LeaseId } from '../base/ids.js';

export interface LeaseAttachments {
  /** True when the lease lives, so that a key may be put with it. */
  has(lease: LeaseId): boolean;
  /** `key` hangs on `lease` from now on, and on no other. A lease that the book does not know is let be. */
  attach(lease: LeaseId, key: Bytes): void;
  /** `key` hangs on no lease any more: it was deleted or put without one. A key that hung on none is let be. */
  detach(key: Bytes): void;
}
