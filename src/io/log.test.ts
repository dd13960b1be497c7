// Proves: log lines have zap's shape, levels hold, repeated lines are sampled.
import { equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import { LineLog, type LogOptions } from './log.js';
import { consoleLine, jsonLine, timestamp } from './log-line.js';

function logTo(lines: string[], options: Partial<LogOptions> = {}): LineLog {
  const sink = { write: (line: string) => void lines.push(line), close: () => {} };
  const all: LogOptions = { level: 'info', format: 'json', outputs: [], ...options };
  return new LineLog(all, { sinks: [sink], samples: new Map() }, '');
}

test('a JSON line: level, ts, logger, caller, msg, then fields in their order', () => {
  const lines: string[] = [];
  logTo(lines)
    .named('raft')
    .info('say "hi"', { id: 7601040239782319370n, list: ['a', 1], none: undefined, on: true });
  match(
    lines[0] as string,
    /^\{"level":"info","ts":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(?:Z|[+-]\d{4})","logger":"raft","caller":"io\/log\.test\.[jt]s:\d+","msg":"say \\"hi\\"","id":7601040239782319370,"list":\["a",1\],"on":true\}\n$/,
  );
});

test('errors carry a stack trace, the last key', () => {
  const lines: string[] = [];
  logTo(lines).error('bad');
  match(lines[0] as string, /,"msg":"bad","stacktrace":".*"\}\n$/);
});

test('lines below the level are not written', () => {
  const lines: string[] = [];
  const log = logTo(lines, { level: 'warn' });
  log.info('a');
  log.debug('b');
  log.warn('c');
  equal(lines.length, 1);
  equal(log.debugEnabled, false);
});

test('of equal lines within a second the first hundred are written, then each hundredth', () => {
  const lines: string[] = [];
  const log = logTo(lines);
  for (let i = 0; i < 250; i++) log.info('same', { i });
  log.info('other');
  equal(lines.length, 102);
});

test('time stamps', () => {
  equal(timestamp(1_700_000_000_123.456, 0), '2023-11-14T22:13:20.123456Z');
  equal(timestamp(1_700_000_000_000, -90), '2023-11-14T20:43:20.000000-0130');
});

test('both encodings, as zap prints them', () => {
  const entry = {
    level: 'warn' as const,
    ts: 'T',
    logger: '',
    caller: 'a/b.js:1',
    msg: 'm',
    fields: { a: 'x', b: [1, 2] },
    stacktrace: '',
  };
  equal(jsonLine(entry), '{"level":"warn","ts":"T","caller":"a/b.js:1","msg":"m","a":"x","b":[1,2]}\n');
  equal(consoleLine(entry), 'T\twarn\ta/b.js:1\tm\t{"a": "x", "b": [1, 2]}\n');
});
