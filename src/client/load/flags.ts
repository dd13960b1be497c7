/** What the load generator is told: `--name=value` words, the same as those of `bench/go/load`. */
export interface LoadFlags {
  /** `host:port`, or several with commas: connections take them in turn. */
  readonly endpoint: string;
  readonly work: string;
  /** Concurrent callers, and the connections they share. */
  readonly clients: number;
  readonly connections: number;
  /** Counted seconds, after `warmup` seconds that are not (of rest, before a `total`). */
  readonly seconds: number;
  readonly warmup: number;
  /** Stop after so many operations instead. */
  readonly total: number;
  /** Operations begun each second, whatever the answers do; 0: each caller begins anew when it has its answer. */
  readonly pace: number;
  readonly keys: number;
  readonly 'value-bytes': number;
  /** Keys that a `range` answers. */
  readonly 'range-keys': number;
  /** The server's process, to read CPU and memory of, or several with commas: they are summed. */
  readonly pid: string;
}

const defaults: LoadFlags = {
  endpoint: '127.0.0.1:2379',
  work: 'put',
  clients: 100,
  connections: 10,
  seconds: 5,
  warmup: 1,
  total: 0,
  pace: 0,
  keys: 100_000,
  'value-bytes': 256,
  'range-keys': 1000,
  pid: '',
};

/** Throws a sentence for the command line on a word that means nothing. */
export function readFlags(words: readonly string[]): LoadFlags {
  const flags: Record<string, string | number> = { ...defaults };
  for (const word of words) {
    const [, name = '', value = ''] = /^--([a-z-]+)=(.+)$/.exec(word) ?? [];
    const fallback = flags[name];
    if (fallback === undefined) throw new Error(`not a flag: ${word}; known: --${Object.keys(defaults).join(', --')}`);
    flags[name] = typeof fallback === 'number' ? numberOf(word, value) : value;
  }
  return flags as unknown as LoadFlags;
}

function numberOf(word: string, value: string): number {
  const number = Number(value);
  if (Number.isFinite(number) && number >= 0) return number;
  throw new Error(`not a number: ${word}`);
}
