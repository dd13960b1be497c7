/**
 * One view of several logs: each line with its member's name, in that member's colour, and the message before its fields.
 *
 *     m2 │ 15:23:31.497 info  raft: 5e7f became leader at term 2  term=2
 */
import { parseJson } from '../../base/json.js';

export interface ViewOptions {
  readonly color: boolean;
  /** Longer lines are cut; `Infinity` for none. */
  readonly columns: number;
}

const reset = '\x1b[0m';
const dim = '\x1b[2m';
const memberColors = ['\x1b[36m', '\x1b[35m', '\x1b[34m', '\x1b[32m', '\x1b[33m', '\x1b[96m', '\x1b[95m', '\x1b[94m'];
const levelColors: Readonly<Record<string, string>> = {
  warn: '\x1b[33m',
  error: '\x1b[31m',
  panic: '\x1b[31m',
  fatal: '\x1b[31m',
};
/** Not shown: the first four have a place of their own, the others say nothing new to somebody who tries things out. */
const leftOut = new Set(['level', 'ts', 'logger', 'msg', 'caller', 'stacktrace', 'cluster-id', 'local-member-id']);
const levelWidth = 5;
/** A shorter text may stand in a line for something else. */
const minIdLength = 8;

type Piece = { readonly text: string; readonly color: string };

/** A line of a member's log; `place` is the member's, from 0. */
export function memberLine(name: string, place: number, line: string, options: ViewOptions): string {
  const memberColor = memberColors[place % memberColors.length] ?? '';
  const pieces: Piece[] = [{ text: `${name} │ `, color: memberColor }, ...piecesOf(line)];
  return joined(pieces, options);
}

/** What the program itself says. */
export function ownLine(text: string, options: ViewOptions): string {
  return joined([{ text: `── ${text}`, color: '\x1b[1m' }], { ...options, columns: Number.POSITIVE_INFINITY });
}

/** A member's log line as `Log` writes it; undefined for other output. */
export function messageOf(line: string): string | undefined {
  const fields = fieldsOf(line);
  return fields === undefined ? undefined : String(fields.msg);
}

const moves =
  /elected leader|lost leader|changed leader|became leader|ready to serve|(added|removed|promoted|updated) member|snapshot|closed etcd|cluster version|lease|alarm|corrupt/;
/** True of any member here, and meant for others; or said better by "peer became inactive". */
const knownWarnings = /^Running http and grpc server on single port|TCP streaming connection|^prober detected/;

/** The id of the member that wrote the line, where the line says it. */
export function introducedIn(line: string): string | undefined {
  const fields = fieldsOf(line);
  const id = fields?.['local-member-id'];
  return typeof id === 'string' && id.length > minIdLength ? id : undefined;
}

/** Ids of members as their names: of ours nobody knows the ids. */
export function withNames(line: string, names: ReadonlyMap<string, string>): string {
  let named = line;
  for (const [id, name] of names) named = named.replaceAll(id, name);
  return named;
}

/** Whether a line tells of something that moves, or should not be. Other output is always told. */
export function isTelling(line: string): boolean {
  const fields = fieldsOf(line);
  if (fields === undefined) return true;
  const message = String(fields.msg);
  return fields.level === 'info' ? moves.test(message) : !knownWarnings.test(message);
}

function piecesOf(line: string): readonly Piece[] {
  const fields = fieldsOf(line);
  if (fields === undefined) return [{ text: line, color: '' }];
  const level = String(fields.level);
  const time = String(fields.ts).slice(11, 23);
  const logger = fields.logger === undefined ? '' : `${fields.logger}: `;
  const color = levelColors[level] ?? '';
  const rest = Object.entries(fields).filter(([name]) => !leftOut.has(name));
  return [
    { text: `${time} `, color: dim },
    { text: `${level.padEnd(levelWidth)} ${logger}${fields.msg}`, color },
    { text: rest.map(([name, value]) => `  ${name}=${shown(value)}`).join(''), color: dim },
  ];
}

function fieldsOf(line: string): Readonly<Record<string, unknown>> | undefined {
  if (!line.startsWith('{')) return undefined;
  const value = parseJson(line);
  return typeof value === 'object' && value !== null && 'msg' in value && 'level' in value ? { ...value } : undefined;
}

function shown(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  return Array.isArray(value) ? value.map(shown).join(',') : JSON.stringify(value);
}

function joined(pieces: readonly Piece[], { color, columns }: ViewOptions): string {
  let left = columns;
  let line = '';
  for (const piece of pieces) {
    const whole = printable(piece.text);
    const text = whole.length > left ? `${whole.slice(0, Math.max(0, left - 1))}…` : whole;
    if (left <= 0 || text === '') break;
    left -= text.length;
    line += color && piece.color !== '' ? `${piece.color}${text}${reset}` : text;
  }
  return line;
}

/** A log must not move the cursor. */
function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replace(/[\x00-\x1f\x7f]/g, ' ');
}
