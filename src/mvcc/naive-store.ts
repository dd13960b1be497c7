/**
 * The store in its plainest form: a list of everything that ever happened, and each answer found by looking through it.
 *
 * It is the oracle of the store's tests. Its rules are spelled out from etcd's documentation of the API, without an index,
 * without generations and without bytes.
 */
export interface Fact {
  readonly key: string;
  readonly main: number;
  readonly sub: number;
  /** Undefined: deleted. */
  readonly value: string | undefined;
  readonly create: number;
  readonly version: number;
  readonly lease: bigint;
}

export interface NaiveRange {
  readonly key: string;
  /** Undefined: the one key. Empty: all from `key` on. */
  readonly end: string | undefined;
  readonly revision: number;
  readonly limit: number;
  readonly order: number;
  readonly target: number;
  readonly keysOnly: boolean;
  readonly countOnly: boolean;
  readonly minMod: number;
  readonly maxMod: number;
  readonly minCreate: number;
  readonly maxCreate: number;
}

export type NaiveAnswer = 'compacted' | 'futureRevision' | { kvs: Fact[]; more: boolean; count: number };

const byKey = (a: Fact, b: Fact) => (a.key < b.key ? -1 : 1);

export class NaiveStore {
  facts: Fact[] = [];
  revision = 1;
  compacted = -1;
  #sub = 0;

  /** Keys are text of single-byte characters, so that their order is that of their bytes. */
  put(key: string, value: string, lease: bigint): void {
    const before = this.at(key, this.revision + 1);
    const main = this.revision + 1;
    const version = (before?.version ?? 0) + 1;
    this.facts.push({ key, main, sub: this.#sub++, value, create: before?.create ?? main, version, lease });
  }

  delete(key: string, end: string | undefined): number {
    const met = this.keysOf(key, end, this.revision + 1);
    for (const fact of met)
      this.facts.push({ ...fact, main: this.revision + 1, sub: this.#sub++, value: undefined, create: 0, version: 0 });
    return met.length;
  }

  /** What the transaction itself sees as the newest revision. */
  get inner(): number {
    return this.revision + (this.#sub > 0 ? 1 : 0);
  }

  end(): void {
    if (this.#sub > 0) this.revision++;
    this.#sub = 0;
  }

  at(key: string, revision: number): Fact | undefined {
    const fact = this.facts.findLast((each) => each.key === key && each.main <= revision);
    return fact?.value === undefined ? undefined : fact;
  }

  keysOf(key: string, end: string | undefined, revision: number): Fact[] {
    const inside = (each: string) => (end === undefined ? each === key : each >= key && (end === '' || each < end));
    const keys = new Set(this.facts.map((fact) => fact.key).filter(inside));
    return [...keys]
      .map((each) => this.at(each, revision))
      .filter((fact) => fact !== undefined)
      .sort(byKey);
  }

  range(asked: NaiveRange, newest = this.revision): NaiveAnswer {
    if (asked.revision > newest) return 'futureRevision';
    const revision = asked.revision <= 0 ? newest : asked.revision;
    if (revision < this.compacted) return 'compacted';
    let kvs = this.keysOf(asked.key, asked.end, revision);
    const count = kvs.length;
    if (asked.countOnly) return { kvs: [], more: false, count };
    const filtered = asked.minMod + asked.maxMod + asked.minCreate + asked.maxCreate > 0;
    const natural = asked.order === 0 || (asked.order === 1 && asked.target === 0);
    if (asked.limit > 0 && natural && !filtered) kvs = kvs.slice(0, asked.limit + 1);
    kvs = kvs.filter(
      (kv) =>
        !(asked.maxMod > 0 && kv.main > asked.maxMod) &&
        !(asked.minMod > 0 && kv.main < asked.minMod) &&
        !(asked.maxCreate > 0 && kv.create > asked.maxCreate) &&
        !(asked.minCreate > 0 && kv.create < asked.minCreate),
    );
    const rank = (kv: Fact) =>
      [kv.key, kv.version, kv.create, kv.main, kv.value ?? ''][asked.target] as string | number;
    const sign = asked.order === 2 ? -1 : 1;
    if (asked.order !== 0 || asked.target !== 0)
      kvs.sort((a, b) => sign * (rank(a) < rank(b) ? -1 : rank(a) > rank(b) ? 1 : 0));
    const more = asked.limit > 0 && kvs.length > asked.limit;
    if (more) kvs = kvs.slice(0, asked.limit);
    if (asked.keysOnly) kvs = kvs.map((kv) => ({ ...kv, value: '', lease: asked.target === 4 ? kv.lease : 0n }));
    return { kvs, more, count };
  }

  /**
   * Forgets what a compaction lets go of: of each key all before its newest at `revision`, and that too if it is a deletion.
   * But a deletion at `revision` itself stays (a transaction may have put the key again).
   */
  compact(revision: number): 'compacted' | 'futureRevision' | undefined {
    if (revision <= this.compacted) return 'compacted';
    if (revision > this.revision) return 'futureRevision';
    this.compacted = revision;
    this.facts = this.facts.filter((fact) => {
      if (fact.main > revision) return true;
      const newest = this.facts.findLast((each) => each.key === fact.key && each.main <= revision);
      return fact.value === undefined ? fact.main === revision : fact === newest;
    });
    return undefined;
  }
}
