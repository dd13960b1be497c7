/** Bytes: comparison, equality and text, without a copy where none is needed. */

export type Bytes = Uint8Array;

export const noBytes: Bytes = new Uint8Array(0);

/** Bytewise order, a prefix before what it begins: negative, 0 or positive, as `Array.sort` wants it. */
export function compareBytes(a: Bytes, b: Bytes): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

export function equalBytes(a: Bytes, b: Bytes): boolean {
  return a.length === b.length && compareBytes(a, b) === 0;
}

export function concatBytes(parts: readonly Bytes[]): Bytes {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** An unsigned number in 8 bytes, the highest first: so numbers lie in order. */
export function uint64Bytes(value: number): Bytes {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return bytes;
}

const encoder = new TextEncoder();
// A byte-order mark is text like any other: a name that begins with one is another name.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

export function utf8(text: string): Bytes {
  return encoder.encode(text);
}

/** Text of UTF-8 bytes; what is not UTF-8 becomes U+FFFD. */
export function text(bytes: Bytes): string {
  return decoder.decode(bytes);
}
