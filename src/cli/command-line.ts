/**
 * Flags as Go's `flag` package reads them: `-name` equals `--name`, a value follows `=` or stands next, a boolean never
 * takes the next argument, and the first argument that is no flag ends the reading.
 *
 * Why not commander: it would refuse `-name value`, take `--pre-vote false` as a pair, and word its refusals its own way,
 * and scripts written for etcd rely on all three.
 */
import { type Parsed, parseBoolean, parsed, quote, refused } from '../base/go-text.js';
import { anyOption, ignoredFlags, type OptionName, optionNames } from './options.js';

/** What was said, before it is joined with the environment or replaced by a file. */
export type Said = Map<OptionName, unknown>;

export type CommandLine =
  | {
      readonly kind: 'flags';
      readonly said: Said;
      readonly configFile: string;
      readonly version: boolean;
      /** What stands after the flags; the server takes none. */
      readonly rest: readonly string[];
    }
  | { readonly kind: 'help' }
  | { readonly kind: 'wrong'; readonly message: string };

const byFlag: ReadonlyMap<string, OptionName> = new Map(optionNames.map((name) => [anyOption(name).flag, name]));
const ignored = new Set(ignoredFlags);

/** Reads `value` for one option; an empty URL list keeps what was said before. */
export function readOption(said: Said, name: OptionName, value: string): Parsed<unknown> {
  const option = anyOption(name);
  const result = option.kind.parse(value, said.has(name) ? said.get(name) : option.fallback);
  if (result.ok) said.set(name, result.value);
  return result;
}

export function parseCommandLine(argv: readonly string[]): CommandLine {
  const said: Said = new Map();
  const plain = { configFile: '', version: false };
  let at = 0;
  for (; at < argv.length; at++) {
    const argument = argv[at] as string;
    if (argument.length < 2 || !argument.startsWith('-')) break;
    if (argument === '--') {
      at++;
      break;
    }
    const { name, inline, broken } = splitFlag(argument);
    if (broken) return { kind: 'wrong', message: `bad flag syntax: ${argument}` };
    if (!isKnown(name)) {
      if (name === 'help' || name === 'h') return { kind: 'help' };
      return { kind: 'wrong', message: `flag provided but not defined: -${name}` };
    }
    let value = inline;
    if (value === undefined && isBoolean(name)) value = 'true';
    if (value === undefined) {
      value = argv[++at];
      if (value === undefined) return { kind: 'wrong', message: `flag needs an argument: -${name}` };
    }
    const read = setFlag(name, value, said, plain);
    if (!read.ok) return { kind: 'wrong', message: faultyValue(name, value, read.why) };
  }
  return { kind: 'flags', said, ...plain, rest: argv.slice(at) };
}

function splitFlag(argument: string): { name: string; inline: string | undefined; broken: boolean } {
  const flag = argument.slice(argument.startsWith('--') ? 2 : 1);
  const broken = flag === '' || flag.startsWith('-') || flag.startsWith('=');
  const equals = flag.indexOf('=');
  if (equals < 0) return { name: flag, inline: undefined, broken };
  return { name: flag.slice(0, equals), inline: flag.slice(equals + 1), broken };
}

function isKnown(flag: string): boolean {
  return byFlag.has(flag) || ignored.has(flag) || flag === 'config-file' || flag === 'version';
}

function isBoolean(flag: string): boolean {
  const name = byFlag.get(flag);
  return name === undefined ? flag !== 'config-file' : anyOption(name).kind.boolean;
}

function setFlag(
  flag: string,
  value: string,
  said: Said,
  plain: { configFile: string; version: boolean },
): Parsed<unknown> {
  const name = byFlag.get(flag);
  if (name !== undefined) return readOption(said, name, value);
  if (flag === 'config-file') plain.configFile = value;
  if (flag === 'version') {
    const on = parseBoolean(value);
    if (on === undefined) return refused('parse error');
    plain.version = on;
  }
  return parsed(value);
}

function faultyValue(flag: string, value: string, why: string): string {
  if (isBoolean(flag)) return `invalid boolean value ${quote(value)} for -${flag}: ${why}`;
  return `invalid value ${quote(value)} for flag -${flag}: ${why}`;
}
