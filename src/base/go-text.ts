/**
 * Text as Go's standard library reads and prints it, for flags, the environment and error texts are Go's:
 * durations (`1m30s`), integers with base prefixes, booleans, quoted strings.
 */

export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly why: string };

export const parsed = <T>(value: T): Parsed<T> => ({ ok: true, value });
export const refused = (why: string): { readonly ok: false; readonly why: string } => ({ ok: false, why });

const unitNs: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  '\u00b5s': 1e3, // U+00B5, micro sign
  '\u03bcs': 1e3, // U+03BC, Greek mu
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};
const durationNsMax = 2 ** 63;
const nsPerMs = 1e6;

/** Milliseconds of `time.ParseDuration(text)`, or undefined where Go refuses it. */
export function parseDurationMs(text: string): number | undefined {
  const [, sign, rest] = /^([+-]?)(.*)$/s.exec(text) ?? [];
  if (rest === undefined || rest === '') return undefined;
  if (rest === '0') return 0;
  let totalNs = 0;
  let at = 0;
  for (const match of rest.matchAll(/(\d+\.?\d*|\.\d+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h)/gy)) {
    const [whole, amount, unit] = match;
    totalNs += Number(amount) * (unitNs[unit as string] as number);
    at += whole.length;
  }
  if (at !== rest.length || totalNs >= durationNsMax) return undefined;
  return (sign === '-' ? -totalNs : totalNs) / nsPerMs;
}

/** `Duration.String()`: `2h0m0s`, `1m30s`, `1.5s`, `100ms`, `0s`. */
export function printDuration(ms: number): string {
  if (ms === 0) return '0s';
  if (ms < 0) return `-${printDuration(-ms)}`;
  const ns = Math.round(ms * nsPerMs);
  if (ns < 1e3) return `${ns}ns`;
  if (ns < 1e6) return `${ns / 1e3}\u00b5s`;
  if (ns < 1e9) return `${ns / 1e6}ms`;
  const hours = Math.floor(ns / 3600e9);
  const minutes = Math.floor((ns - hours * 3600e9) / 60e9);
  const seconds = `${Number(((ns - hours * 3600e9 - minutes * 60e9) / 1e9).toFixed(9))}s`;
  if (hours > 0) return `${hours}h${minutes}m${seconds}`;
  return minutes > 0 ? `${minutes}m${seconds}` : seconds;
}

const base0 = /^(?:0[xX](?:_?[0-9a-fA-F])+|0[bB](?:_?[01])+|0[oO](?:_?[0-7])+|0(?:_?[0-7])*|[1-9](?:_?[0-9])*)$/;

/** `strconv.ParseInt(text, 0, 64)`: decimal, `0x`, `0o`, `0b`, a leading zero for octal, `_` between digits. */
export function parseInteger(text: string, range: { readonly min: bigint; readonly max: bigint }): Parsed<number> {
  const negative = text.startsWith('-');
  const signed = negative || text.startsWith('+');
  if (signed && range.min === 0n) return refused('parse error');
  const digits = signed ? text.slice(1) : text;
  if (!base0.test(digits)) return refused('parse error');
  const plain = digits.replaceAll('_', '');
  const magnitude = BigInt(/^0[0-7]+$/.test(plain) ? `0o${plain.slice(1)}` : plain.toLowerCase());
  const value = negative ? -magnitude : magnitude;
  if (value < range.min || value > range.max) return refused('value out of range');
  return parsed(Number(value));
}

const booleans: Readonly<Record<string, boolean>> = {
  '1': true,
  t: true,
  T: true,
  true: true,
  TRUE: true,
  True: true,
  '0': false,
  f: false,
  F: false,
  false: false,
  FALSE: false,
  False: false,
};

/** `strconv.ParseBool`. */
export function parseBoolean(text: string): boolean | undefined {
  return Object.hasOwn(booleans, text) ? booleans[text] : undefined;
}

const escapes: Readonly<Record<string, string>> = {
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '"': '\\"',
  '\\': '\\\\',
};

/** `%q`. */
export function quote(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what has to be escaped.
  const escaped = text.replace(/["\\\u0000-\u001f\u007f]/g, (char) => {
    return escapes[char] ?? `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
  return `"${escaped}"`;
}

const sizeUnits = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** As go-humanize's `Bytes`: `82854982` is `83 MB`. */
export function printBytes(bytes: number): string {
  let unit = 0;
  let value = bytes;
  while (value >= 1000 && unit < sizeUnits.length - 1) {
    value /= 1000;
    unit++;
  }
  const rounded = Math.floor(value * 10 + 0.5) / 10;
  return `${unit > 0 && rounded < 10 ? rounded.toFixed(1) : Math.round(rounded)} ${sizeUnits[unit]}`;
}
