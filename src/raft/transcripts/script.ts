/**
 * Transcripts: commands and what they print, as text that a newcomer can read. The form is that of Go's `datadriven`:
 *
 *   # a comment
 *   command argument key=value key=(value,value)
 *   lines of input
 *   ----
 *   lines of output, up to the next empty line
 *
 * Output that has empty lines in it stands between two doubled rules (`----` twice).
 */
export interface Argument {
  readonly key: string;
  readonly values: readonly string[];
}

export interface Command {
  readonly line: number;
  readonly name: string;
  readonly args: readonly Argument[];
  readonly input: string;
  readonly expected: string;
}

/** A transcript cut into what is copied as it is, and commands with their output. */
export interface Script {
  readonly parts: readonly (string | { readonly head: string; readonly command: Command })[];
}

export function parseScript(source: string): Script {
  const lines = source.split('\n');
  if (lines.at(-1) === '') lines.pop();
  const parts: (string | { head: string; command: Command })[] = [];
  let at = 0;
  while (at < lines.length) {
    const first = lines[at] as string;
    if (first.trim() === '' || first.startsWith('#')) {
      parts.push(`${first}\n`);
      at++;
      continue;
    }
    const begin = at;
    let directive = first;
    while (directive.endsWith('\\')) directive = directive.slice(0, -1) + (lines[++at] ?? '').trim();
    const input: string[] = [];
    for (at++; at < lines.length && lines[at] !== '----'; at++) input.push(lines[at] as string);
    const head = lines.slice(begin, at).join('\n');
    at++; // The rule.
    const expected: string[] = [];
    if (lines[at] === '----') {
      for (at++; at < lines.length && !(lines[at] === '----' && lines[at + 1] === '----'); at++) {
        expected.push(lines[at] as string);
      }
      at += 2;
    } else for (; at < lines.length && lines[at] !== ''; at++) expected.push(lines[at] as string);
    const { name, args } = parseDirective(directive);
    parts.push({
      head,
      command: {
        line: begin + 1,
        name,
        args,
        input: input.join('\n').trim(),
        expected: expected.map((line) => `${line}\n`).join(''),
      },
    });
  }
  return { parts };
}

function parseDirective(directive: string): { name: string; args: Argument[] } {
  const [name = '', ...words] = directive.match(/[^\s=]+=\([^)]*\)|\S+/g) ?? [];
  const args = words.map((word) => {
    const equals = word.indexOf('=');
    if (equals < 0) return { key: word, values: [] };
    const value = word.slice(equals + 1);
    const inner = value.startsWith('(') ? value.slice(1, -1) : value;
    const values = value.startsWith('(') ? inner.split(',').map((one) => one.trim()) : [inner];
    return { key: word.slice(0, equals), values: inner === '' && value.startsWith('(') ? [] : values };
  });
  return { name, args };
}

/** Runs all commands; gives the transcript as it is now, and the first command whose output differs. */
export function play(
  script: Script,
  run: (command: Command) => string,
): { readonly rewritten: string; readonly difference: { command: Command; actual: string } | undefined } {
  let rewritten = '';
  let difference: { command: Command; actual: string } | undefined;
  for (const part of script.parts) {
    if (typeof part === 'string') {
      rewritten += part;
      continue;
    }
    const output = run(part.command);
    const actual = output === '' || output.endsWith('\n') ? output : `${output}\n`;
    if (actual !== part.command.expected) difference ??= { command: part.command, actual };
    rewritten += `${part.head}\n----\n`;
    rewritten += /^\n|\n\n/.test(actual) ? `----\n${actual}----\n----\n` : actual;
  }
  return { rewritten, difference };
}

export function values(command: Command, key: string): readonly string[] {
  return command.args.find((arg) => arg.key === key)?.values ?? [];
}

/** Arguments without a value. */
export function words(command: Command): readonly string[] {
  return command.args.filter((arg) => arg.values.length === 0).map((arg) => arg.key);
}
