/** SHA-256 of the system's library, for whoever takes a `Digest`. */
import { createHash } from 'node:crypto';
import type { Digest } from '../base/sha256.js';

export function sha256(): Digest {
  const hash = createHash('sha256');
  return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest() };
}
