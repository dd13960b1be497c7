/**
 * Log lines in zap's shape, which etcd's users have their collectors set up for: one JSON object a line, keys in the
 * order level, ts, logger, caller, msg, fields, stacktrace; or the console form, tab separated.
 *
 * Not pino: it writes its own keys first and the message last, and cannot be told otherwise; the writer is small.
 * Lines are written at once, so that the last words of a dying process are not lost. What repeats is sampled, as zap
 * does: of equal messages within a second the first 100, then each 100th.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import type { Fields, Level, Log } from '../base/log.js';
import { consoleLine, jsonLine, timestamp } from './log-line.js';

const rank: Readonly<Record<Level, number>> = { debug: 0, info: 1, warn: 2, error: 3, panic: 4, fatal: 5 };
const sampledAlways = 100;
const sampledThen = 100;
const samplePeriodMs = 1000;
const samplesMax = 4096;
const stackFramesMax = 10;

export type LogOptions = {
  readonly level: Level;
  readonly format: 'json' | 'console';
  /** `stderr`, `stdout` or file paths; none discards all. */
  readonly outputs: readonly string[];
};

export type Sink = { write(line: string): void; close(): void };

class LogFile implements Sink {
  readonly #fd: number;

  /** Throws when the file cannot be opened. */
  constructor(path: string) {
    this.#fd = openSync(path, 'a', 0o666);
  }

  /** A full disk must not stop a server that could still serve. */
  write(line: string): void {
    try {
      writeSync(this.#fd, line);
    } catch {}
  }

  close(): void {
    closeSync(this.#fd);
  }
}

class LogStream implements Sink {
  constructor(readonly stream: NodeJS.WriteStream) {
    // Whoever read our log may go away: that is not our end.
    if (stream.listenerCount('error') === 0) stream.on('error', () => {});
  }

  write(line: string): void {
    this.stream.write(line);
  }

  close(): void {}
}

/** Opens the outputs; throws when a file cannot be opened. */
export function openLog(options: LogOptions): LineLog {
  const sinks = options.outputs.map((output) => {
    if (output === 'stderr') return new LogStream(process.stderr);
    return output === 'stdout' ? new LogStream(process.stdout) : new LogFile(output);
  });
  return new LineLog(options, { sinks, samples: new Map() }, '');
}

type Sample = { periodStartMs: number; count: number };
type Shared = { readonly sinks: readonly Sink[]; readonly samples: Map<string, Sample> };
type Caller = (...values: never[]) => void;

export class LineLog implements Log {
  readonly debugEnabled: boolean;
  readonly #options: LogOptions;
  readonly #shared: Shared;
  readonly #name: string;

  constructor(options: LogOptions, shared: Shared, name: string) {
    this.debugEnabled = options.level === 'debug';
    this.#options = options;
    this.#shared = shared;
    this.#name = name;
  }

  debug(msg: string, fields?: Fields): void {
    if (this.debugEnabled) this.#line('debug', msg, fields, this.debug);
  }

  info(msg: string, fields?: Fields): void {
    this.#line('info', msg, fields, this.info);
  }

  warn(msg: string, fields?: Fields): void {
    this.#line('warn', msg, fields, this.warn);
  }

  error(msg: string, fields?: Fields): void {
    this.#line('error', msg, fields, this.error);
  }

  /** For a level that is known only now. Ending the process after a fatal line is the caller's part. */
  log(level: Level, msg: string, fields?: Fields): void {
    this.#line(level, msg, fields, this.log);
  }

  named(name: string): LineLog {
    return new LineLog(this.#options, this.#shared, this.#name === '' ? name : `${this.#name}.${name}`);
  }

  close(): void {
    for (const sink of this.#shared.sinks) sink.close();
  }

  #line(level: Level, msg: string, fields: Fields | undefined, from: Caller): void {
    if (rank[level] < rank[this.#options.level]) return;
    const nowMs = performance.timeOrigin + performance.now();
    if (!this.#sampled(level + msg, nowMs)) return;
    const grave = rank[level] >= rank.error;
    const stack = stackOf(from, grave ? stackFramesMax : 1);
    const entry = {
      level,
      ts: timestamp(nowMs),
      logger: this.#name,
      caller: callerOf(stack),
      msg,
      fields,
      stacktrace: grave ? goStack(stack) : '',
    };
    const line = this.#options.format === 'json' ? jsonLine(entry) : consoleLine(entry);
    for (const sink of this.#shared.sinks) sink.write(line);
  }

  #sampled(key: string, nowMs: number): boolean {
    const { samples } = this.#shared;
    let sample = samples.get(key);
    if (sample === undefined) {
      if (samples.size >= samplesMax) samples.clear();
      sample = { periodStartMs: nowMs, count: 0 };
      samples.set(key, sample);
    }
    if (nowMs - sample.periodStartMs >= samplePeriodMs) {
      sample.periodStartMs = nowMs;
      sample.count = 0;
    }
    sample.count++;
    return sample.count <= sampledAlways || (sample.count - sampledAlways) % sampledThen === 0;
  }
}

/** The frames above `from`, innermost first. */
function stackOf(from: Caller, frames: number): readonly string[] {
  const before = Error.stackTraceLimit;
  Error.stackTraceLimit = frames;
  const holder: { stack?: string } = {};
  Error.captureStackTrace(holder, from);
  Error.stackTraceLimit = before;
  return (holder.stack ?? '').split('\n').slice(1);
}

/** `    at run (file:///x/dist/cli/quorate.js:12:3)` -> `cli/quorate.js:12`. */
function callerOf(stack: readonly string[]): string {
  const place = /([^/\\(]+[/\\][^/\\]+:\d+):\d+\)?$/.exec(stack[0] ?? '');
  return place?.[1] ?? 'undefined';
}

/** As Go prints one: a line for the function, a line for its place. */
function goStack(stack: readonly string[]): string {
  return stack
    .map((frame) => {
      const [, name = '', place = ''] = /^\s*at (?:(.*?) \()?(.*?):\d+\)?$/.exec(frame) ?? [];
      return `${name || '<anonymous>'}\n\t${place.replace('file://', '')}`;
    })
    .join('\n');
}
