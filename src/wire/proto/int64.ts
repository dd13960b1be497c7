/**
 * 64-bit integers as two unsigned halves and as a bigint. Hot code keeps the halves; a bigint is made for those who print or compare.
 */
const wide = new BigUint64Array(1);
const signed = new BigInt64Array(wide.buffer);
const halves = new Uint32Array(wide.buffer);
const low = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1 ? 0 : 1;
const high = 1 - low;

/** A signed 64-bit integer: a number where that is exact, else a bigint. */
export type Int64 = number | bigint;

export function unsignedOf(lo: number, hi: number): bigint {
  halves[low] = lo;
  halves[high] = hi;
  return wide[0] as bigint;
}

export function signedOf(lo: number, hi: number): bigint {
  halves[low] = lo;
  halves[high] = hi;
  return signed[0] as bigint;
}

/** The low 32 bits, unsigned, of a signed or an unsigned 64-bit integer. */
export function lowOf(value: bigint): number {
  wide[0] = value;
  return halves[low] as number;
}

/** The high 32 bits, unsigned. */
export function highOf(value: bigint): number {
  wide[0] = value;
  return halves[high] as number;
}

/** Two halves as a signed number, or as a bigint where a number would lose digits. */
export function int64Of(lo: number, hi: number): Int64 {
  const top = hi | 0;
  if (top >= -0x20_0000 && top < 0x20_0000 && (top !== -0x20_0000 || lo !== 0)) return top * 0x1_0000_0000 + lo;
  return signedOf(lo, hi);
}
