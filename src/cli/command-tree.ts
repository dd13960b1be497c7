/**
 * Commands within commands, with flags anywhere among the words, as etcd's offline tools take them (their library is cobra): the same
 * spellings, help texts and refusals. A command may be shortened to what begins no other.
 */
import { parseBoolean, parseDurationMs, quote } from '../base/go-text.js';

export interface CommandFlag {
  readonly name: string;
  readonly short?: string;
  readonly type: 'string' | 'uint' | 'bool' | 'duration';
  readonly fallback: string;
  readonly help: string;
}

/** What was given, or its fallback, by the flag's name. */
export type FlagValues = ReadonlyMap<string, string>;

export interface Command {
  /** Its name, and what it takes: `status <filename>`. */
  readonly use: string;
  readonly short: string;
  readonly flags: readonly CommandFlag[];
  readonly commands?: readonly Command[];
  /** Answers the exit code. */
  readonly run?: (args: readonly string[], flags: FlagValues, output: Output) => Promise<number>;
}

export interface Output {
  out(text: string): void;
  err(text: string): void;
}

const uint64Max = 2n ** 64n - 1n;
const helpFlag = (name: string): CommandFlag => ({
  name: 'help',
  short: 'h',
  type: 'bool',
  fallback: 'false',
  help: `help for ${name}`,
});

export async function runCommand(root: Command, argv: readonly string[], output: Output): Promise<number> {
  const path = [root];
  const values = new Map(root.flags.map(({ name, fallback }) => [name, fallback]));
  const words: string[] = [];
  let rest = [...argv];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    const command = path.at(-1) as Command;
    if (word === '--') {
      words.push(...rest);
      rest = [];
    } else if (word.startsWith('-') && word !== '-') {
      const refusal = setFlag(word, rest, flagsOf(path), values);
      if (refusal !== undefined) return misused(path, refusal, output);
    } else {
      const below = words.length === 0 ? find(command.commands ?? [], word) : undefined;
      if (below === undefined) words.push(word);
      else {
        path.push(below);
        for (const { name, fallback } of below.flags) values.set(name, fallback);
      }
    }
  }
  return finish(path, words, values, output);
}

async function finish(path: readonly Command[], words: string[], values: FlagValues, output: Output): Promise<number> {
  const command = path.at(-1) as Command;
  const [root] = path;
  const [word] = words;
  if (command === root && word !== undefined && word !== 'help') {
    const text = `Error: unknown command ${quote(word)} for ${quote(nameOf(command))}\n`;
    output.err(`${text}Run '${nameOf(command)} --help' for usage.\n${text}`);
    return 1;
  }
  if (values.get('help') === 'true' || command.run === undefined) {
    output.out(usage(path));
    return 0;
  }
  return command.run(words, values, output);
}

const nameOf = ({ use }: Command): string => use.split(' ')[0] as string;

function find(commands: readonly Command[], word: string): Command | undefined {
  const exact = commands.find((command) => nameOf(command) === word);
  const begun = commands.filter((command) => nameOf(command).startsWith(word));
  return exact ?? (begun.length === 1 ? begun[0] : undefined);
}

function flagsOf(path: readonly Command[]): readonly CommandFlag[] {
  return [...path.flatMap(({ flags }) => flags), helpFlag('')];
}

/** Takes one flag, and from `rest` its value; answers why not. */
function setFlag(
  word: string,
  rest: string[],
  flags: readonly CommandFlag[],
  values: Map<string, string>,
): string | undefined {
  const isLong = word.startsWith('--');
  const [, name, given] = /^([^=]*)(?:=(.*))?$/s.exec(word.slice(isLong ? 2 : 1)) ?? [];
  if (name === undefined || name === '') return `bad flag syntax: ${word}`;
  const key = isLong ? name : (name[0] as string);
  const flag = flags.find((each) => (isLong ? each.name : each.short) === key);
  if (flag === undefined) return isLong ? `unknown flag: --${key}` : `unknown shorthand flag: '${key}' in ${word}`;
  // `-wjson` has its value behind the letter.
  const attached = isLong || name.length === 1 ? given : word.slice(2);
  const value = attached ?? (flag.type === 'bool' ? 'true' : rest.shift());
  if (value === undefined) return `flag needs an argument: ${isLong ? word : `'${key}' in ${word}`}`;
  const why = refusalOf(flag, value);
  const shown = flag.short === undefined ? `--${flag.name}` : `-${flag.short}, --${flag.name}`;
  if (why !== undefined) return `invalid argument ${quote(value)} for ${quote(shown)} flag: ${why}`;
  values.set(flag.name, flag.type === 'bool' ? String(parseBoolean(value)) : value);
  return undefined;
}

function refusalOf({ type }: CommandFlag, value: string): string | undefined {
  switch (type) {
    case 'string':
      return undefined;
    case 'bool':
      return parseBoolean(value) === undefined
        ? `strconv.ParseBool: parsing ${quote(value)}: invalid syntax`
        : undefined;
    case 'uint':
      if (!/^\d+$/.test(value)) return `strconv.ParseUint: parsing ${quote(value)}: invalid syntax`;
      return BigInt(value) > uint64Max ? `strconv.ParseUint: parsing ${quote(value)}: value out of range` : undefined;
    case 'duration':
      return parseDurationMs(value) === undefined ? `time: invalid duration ${quote(value)}` : undefined;
  }
}

function misused(path: readonly Command[], refusal: string, output: Output): number {
  output.err(`Error: ${refusal}\n${usage(path)}\nError: ${refusal}\n`);
  return 1;
}

export function usage(path: readonly Command[]): string {
  const command = path.at(-1) as Command;
  const name = path.map(nameOf).join(' ');
  const commands = command.commands ?? [];
  const takes = [...path.slice(0, -1).map(nameOf), command.use].join(' ');
  const lines = ['Usage:', commands.length > 0 ? `  ${name} [command]` : `  ${takes} [flags]`];
  if (commands.length > 0) {
    const width = Math.max(11, ...commands.map((each) => nameOf(each).length));
    lines.push('', 'Available Commands:');
    for (const each of commands) lines.push(`  ${nameOf(each).padEnd(width)} ${each.short}`);
  }
  lines.push('', 'Flags:', ...flagLines([...command.flags, helpFlag(nameOf(command))]));
  const above = path.slice(0, -1).flatMap(({ flags }) => flags);
  if (above.length > 0) lines.push('', 'Global Flags:', ...flagLines(above));
  if (commands.length > 0) lines.push('', `Use "${name} [command] --help" for more information about a command.`);
  return lines.map((line) => `${line}\n`).join('');
}

function flagLines(flags: readonly CommandFlag[]): string[] {
  const sorted = [...flags].sort((a, b) => (a.name < b.name ? -1 : 1));
  const heads = sorted.map(({ name, short, type }) => {
    const spelled = short === undefined ? `      --${name}` : `  -${short}, --${name}`;
    return type === 'bool' ? spelled : `${spelled} ${type}`;
  });
  const width = Math.max(...heads.map((head) => head.length)) + 3;
  return sorted.map(({ type, fallback, help }, i) => {
    const plain = fallback === '' || fallback === '0' || fallback === 'false';
    const shown = plain ? '' : ` (default ${type === 'string' ? quote(fallback) : fallback})`;
    return `${(heads[i] as string).padEnd(width)}${help}${shown}`;
  });
}
