/**
 * Latencies, counted in buckets instead of kept: a list of millions would cost the generator its speed.
 *
 * Each power of two microseconds is cut into 64 buckets, so that an answer is wrong by less than 1.6 %.
 */
const cuts = 64;
const cutBits = 6;
/** 2^32 us are more than an hour. */
const bucketCount = (32 - cutBits + 1) * cuts;

export class Latencies {
  count = 0;
  maxMicros = 0;
  readonly #buckets = new Uint32Array(bucketCount);

  add(micros: number): void {
    const whole = Math.min(Math.max(Math.floor(micros), 0), 0xffff_ffff);
    const bucket = bucketOf(whole);
    this.#buckets[bucket] = (this.#buckets[bucket] as number) + 1;
    this.count++;
    if (whole > this.maxMicros) this.maxMicros = whole;
  }

  /** What a share of all is at or below; `share` in [0, 1]. */
  atMicros(share: number): number {
    let left = Math.ceil(share * this.count);
    for (let bucket = 0; bucket < bucketCount && this.count > 0; bucket++) {
      left -= this.#buckets[bucket] as number;
      if (left <= 0) return Math.min(upperOf(bucket), this.maxMicros);
    }
    return this.maxMicros;
  }
}

/** Below 64 one bucket each; above, the highest bit and the six below it name the bucket. */
function bucketOf(micros: number): number {
  if (micros < cuts) return micros;
  const shift = 31 - Math.clz32(micros) - cutBits;
  return (shift + 1) * cuts + ((micros >>> shift) - cuts);
}

/** The largest number of microseconds that falls into a bucket. */
function upperOf(bucket: number): number {
  if (bucket < cuts) return bucket;
  const shift = Math.floor(bucket / cuts) - 1;
  return ((bucket % cuts) + cuts + 1) * 2 ** shift - 1;
}
