/**
 * A request that is encoded once and sent millions of times: only the nine digits of its keys are written anew.
 *
 *     ... "/registry/pods/default/000000000" ... "/registry/pods/default/000000000" ...
 *                                 ^^^^^^^^^                              ^^^^^^^^^  aim(4711)
 */
import { type Bytes, utf8 } from '../../base/bytes.js';
import { check } from '../../base/check.js';

const digits = 9;
const zero = 0x30;

/** The key that stands in a request until it is aimed at another. */
export const keyPrefix = '/registry/pods/default/';
export const firstKey = utf8(keyPrefix + '0'.repeat(digits));

export class AimedRequest {
  /** Where each key's digits end. */
  readonly #ends: number[] = [];
  /** The number that stands there now. */
  #aim = 0;

  constructor(readonly bytes: Bytes) {
    const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let at = whole.indexOf(firstKey); at >= 0; at = whole.indexOf(firstKey, at + 1)) {
      this.#ends.push(at + firstKey.length);
    }
  }

  /** Good until the next aim: a call copies it before then. */
  aim(number: number): Bytes {
    check(number < 10 ** digits, 'keys have nine digits');
    if (number !== this.#aim) for (const end of this.#ends) this.#write(end, number);
    this.#aim = number;
    return this.bytes;
  }

  #write(end: number, number: number): void {
    let rest = number;
    for (let at = end - 1; at >= end - digits; at--) {
      const tenth = Math.floor(rest / 10);
      this.bytes[at] = zero + rest - tenth * 10;
      rest = tenth;
    }
  }
}
