/** One log line as text, in zap's two encodings. */
import type { Fields, FieldValue, Level } from '../base/log.js';

export type Entry = {
  readonly level: Level;
  readonly ts: string;
  /** Empty for the nameless one. */
  readonly logger: string;
  readonly caller: string;
  readonly msg: string;
  readonly fields: Fields | undefined;
  /** Empty below the level error. */
  readonly stacktrace: string;
};

export function jsonLine(entry: Entry): string {
  const logger = entry.logger === '' ? '' : `"logger":${JSON.stringify(entry.logger)},`;
  const head = `{"level":"${entry.level}","ts":"${entry.ts}",${logger}"caller":${JSON.stringify(entry.caller)}`;
  const members = fieldTexts(entry.fields, ':').map((text) => `,${text}`);
  const tail = entry.stacktrace === '' ? '' : `,"stacktrace":${JSON.stringify(entry.stacktrace)}`;
  return `${head},"msg":${JSON.stringify(entry.msg)}${members.join('')}${tail}}\n`;
}

export function consoleLine(entry: Entry): string {
  const parts = [entry.ts, entry.level, entry.logger, entry.caller, entry.msg].filter((part) => part !== '');
  const members = fieldTexts(entry.fields, ': ');
  if (members.length > 0) parts.push(`{${members.join(', ')}}`);
  return `${parts.join('\t')}\n${entry.stacktrace === '' ? '' : `${entry.stacktrace}\n`}`;
}

function fieldTexts(fields: Fields | undefined, colon: string): string[] {
  const texts: string[] = [];
  for (const [key, value] of Object.entries(fields ?? {})) {
    if (value !== undefined) texts.push(`${JSON.stringify(key)}${colon}${valueText(value, colon)}`);
  }
  return texts;
}

/** JSON, with 64-bit integers as plain numbers: zap writes them so. */
function valueText(value: FieldValue, colon: string): string {
  if (typeof value === 'bigint') return value.toString();
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null';
  const comma = colon === ':' ? ',' : ', ';
  if (isList(value)) return `[${value.map((item) => valueText(item, colon)).join(comma)}]`;
  return `{${fieldTexts(value, colon).join(comma)}}`;
}

function isList(value: readonly FieldValue[] | Fields): value is readonly FieldValue[] {
  return Array.isArray(value);
}

/** `2026-11-21T12:00:00.123456Z`, or local time with its offset (`+0100`), as Go's layout `...Z0700` prints. */
export function timestamp(unixMs: number, offsetMinutes = -new Date(unixMs).getTimezoneOffset()): string {
  const wholeMs = Math.floor(unixMs);
  const micros = Math.floor((unixMs - wholeMs) * 1000);
  const local = new Date(wholeMs + offsetMinutes * 60_000).toISOString();
  const zone = offsetMinutes === 0 ? 'Z' : offsetText(offsetMinutes);
  return `${local.slice(0, -1)}${String(micros).padStart(3, '0')}${zone}`;
}

function offsetText(minutes: number): string {
  const size = Math.abs(minutes);
  const digits = [Math.floor(size / 60), size % 60].map((part) => String(part).padStart(2, '0'));
  return `${minutes < 0 ? '-' : '+'}${digits.join('')}`;
}
