/**
 * Kinds of option values: how each is read from a flag or the environment, from the configuration file, and printed.
 * Refusals carry Go's wording of why; where a flag or a file key is named is the caller's part.
 */

import {
  type Parsed,
  parseBoolean,
  parseDurationMs,
  parsed,
  parseInteger,
  printDuration,
  quote,
  refused,
} from '../base/go-text.js';
import { parseUrls } from '../base/urls.js';
import { type FeatureGates, parseFeatureGates, printFeatureGates } from './feature-gates.js';

export interface Kind<T> {
  /** The Go type, as errors about the configuration file name it. */
  readonly goType: string;
  /** In etcd's file reader these are text to be parsed like a flag, and errors name another struct. */
  readonly textInFile: boolean;
  /** A flag of this kind may stand without a value. */
  readonly boolean: boolean;
  parse(text: string, fallback: T): Parsed<T>;
  /** A refusal says only what was found: `string`, `number -1`, `array`. */
  fromFile(value: unknown, fallback: T): Parsed<T>;
  print(value: T): string;
}

/** What a JSON value is called in Go's errors. */
export function jsonKind(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  return value !== null && typeof value === 'object'
    ? 'object'
    : value === true || value === false
      ? 'bool'
      : typeof value;
}

const mismatch = (value: unknown) => refused(jsonKind(value));

/** Kinds whose value is text in the file too. */
function textual<T>(goType: string, textInFile: boolean, parse: Kind<T>['parse'], print: Kind<T>['print']): Kind<T> {
  const fromFile = (value: unknown, fallback: T) =>
    typeof value === 'string' ? parse(value, fallback) : mismatch(value);
  return { goType, textInFile, boolean: false, parse, fromFile, print };
}

export const text: Kind<string> = textual('string', false, parsed, (value) => value);

export const boolean: Kind<boolean> = {
  goType: 'bool',
  textInFile: false,
  boolean: true,
  parse: (text) => {
    const value = parseBoolean(text);
    return value === undefined ? refused('parse error') : parsed(value);
  },
  fromFile: (value) => (typeof value === 'boolean' ? parsed(value) : mismatch(value)),
  print: String,
};

function integer(goType: string, min: bigint, max: bigint): Kind<number> {
  return {
    goType,
    textInFile: false,
    boolean: false,
    parse: (text) => parseInteger(text, { min, max }),
    fromFile: (value) => {
      if (typeof value !== 'number') return mismatch(value);
      const fits = Number.isInteger(value) && value >= Number(min) && value <= Number(max);
      return fits ? parsed(value) : refused(`number ${value}`);
    },
    print: String,
  };
}

export const int = integer('int', -(2n ** 63n), 2n ** 63n - 1n);
export const int64 = integer('int64', -(2n ** 63n), 2n ** 63n - 1n);
export const uint = integer('uint', 0n, 2n ** 64n - 1n);
export const uint64 = integer('uint64', 0n, 2n ** 64n - 1n);

const uint32Strict = integer('uint32', 0n, 2n ** 32n - 1n);
/** The one integer flag whose refusals carry `strconv`'s own words. */
export const uint32: Kind<number> = {
  ...uint32Strict,
  parse: (text, fallback) => {
    const value = uint32Strict.parse(text, fallback);
    if (value.ok) return value;
    const why = value.why === 'parse error' ? 'invalid syntax' : value.why;
    return refused(`strconv.ParseUint: parsing ${quote(text)}: ${why}`);
  },
};

/** Milliseconds, which may be fractions; in the file whole nanoseconds. */
export const duration: Kind<number> = {
  goType: 'time.Duration',
  textInFile: false,
  boolean: false,
  parse: (text) => {
    const ms = parseDurationMs(text);
    return ms === undefined ? refused('parse error') : parsed(ms);
  },
  fromFile: (value) => {
    if (typeof value !== 'number') return mismatch(value);
    return Number.isInteger(value) ? parsed(value / 1e6) : refused(`number ${value}`);
  },
  print: printDuration,
};

/** An empty text leaves what was there. */
export const urls: Kind<readonly string[]> = textual(
  'string',
  true,
  (text, fallback) => (text === '' ? parsed(fallback) : parseUrls(text)),
  (value) => value.join(','),
);

/** Origins that browsers may call from: `*`, or a URL list. */
export const origins: Kind<readonly string[]> = textual(
  'string',
  true,
  (text) => (text === '*' ? parsed(['*']) : parseUrls(text)),
  (value) => value.join(','),
);

const splitList = (text: string): readonly string[] => (text === '' ? [] : text.split(','));
const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'string');

/** A list that is a real list in the file, and comma separated elsewhere. */
function listOf(parse: (text: string) => readonly string[]): Kind<readonly string[]> {
  return {
    goType: '[]string',
    textInFile: false,
    boolean: false,
    parse: (text) => parsed(parse(text)),
    fromFile: (value) => {
      if (isTexts(value)) return parsed(value);
      return Array.isArray(value) ? mismatch(value.find((item) => typeof item !== 'string')) : mismatch(value);
    },
    print: (value) => value.join(','),
  };
}

export const texts = listOf(splitList);
export const uniqueTexts = listOf((text) => [...new Set(text.split(','))].sort());
export const hostNames: Kind<readonly string[]> = textual(
  'string',
  true,
  (text) => parsed([...new Set(text.split(','))].sort()),
  (value) => value.join(','),
);

/** One of a few words. In the file any word is taken, and judged with the relations later. */
export function oneOf(words: readonly string[]): Kind<string> {
  return {
    ...text,
    parse: (word) => (words.includes(word) ? parsed(word) : refused('invalid value')),
    fromFile: (value) => (typeof value === 'string' ? parsed(value) : mismatch(value)),
  };
}

/** Several of a few words, comma separated. */
export function someOf(words: readonly string[]): Kind<string> {
  return {
    ...oneOf(words),
    parse: (list) => {
      const stranger = list.split(',').find((word) => !words.includes(word));
      return stranger === undefined ? parsed(list) : refused(`invalid value ${quote(stranger)}`);
    },
  };
}

export const features: Kind<FeatureGates> = textual(
  'string',
  true,
  (text) => parseFeatureGates(text),
  printFeatureGates,
);
