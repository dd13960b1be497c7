/**
 * A histogram whose observation costs some nanoseconds and no garbage. Prometheus' cumulative counts are reckoned when
 * it is read.
 */
export class Histogram {
  /** Upper bounds, ascending; what is above the last is counted in the place after it. */
  readonly bounds: Float64Array;
  /** Not cumulative; one place more than bounds. */
  readonly counts: Float64Array;
  sum = 0;

  constructor(bounds: ArrayLike<number>) {
    this.bounds = Float64Array.from(bounds);
    this.counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    const bounds = this.bounds;
    let place = 0;
    // From below: what is measured is mostly short.
    while (place < bounds.length && value > (bounds[place] as number)) place++;
    this.counts[place] = (this.counts[place] as number) + 1;
    this.sum += value;
  }

  get count(): number {
    let count = 0;
    for (const each of this.counts) count += each;
    return count;
  }
}

/** `count` bounds, each twice the one before. */
export function doubling(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => first * 2 ** i);
}

/** The same kind of thing measured under labels: one histogram for each, born when it is first asked for. */
export class HistogramsBy<Key extends string> {
  readonly #bounds: readonly number[];
  readonly #byKey = new Map<Key, Histogram>();

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
  }

  /** Keep what this returns: a look-up for each observation would cost more than the observation. */
  of(key: Key): Histogram {
    let histogram = this.#byKey.get(key);
    if (histogram === undefined) {
      histogram = new Histogram(this.#bounds);
      this.#byKey.set(key, histogram);
    }
    return histogram;
  }

  entries(): IterableIterator<[Key, Histogram]> {
    return this.#byKey.entries();
  }
}
