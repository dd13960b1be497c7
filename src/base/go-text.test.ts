// Proves: durations, integers and quoted text read and print as Go's do.
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { parseDurationMs, parseInteger, printDuration, quote } from './go-text.js';

test('durations', () => {
  const cases: readonly (readonly [string, number | undefined])[] = [
    ['0', 0],
    ['1m30s', 90_000],
    ['-1.5h', -5_400_000],
    ['100ms', 100],
    ['1us', 0.001],
    ['1\u00b5s', 0.001],
    ['.5s', 500],
    ['1.s', 1000],
    ['5', undefined],
    ['', undefined],
    ['-', undefined],
    ['s', undefined],
    ['1d', undefined],
    ['1s ', undefined],
    ['10000000h', undefined],
  ];
  for (const [text, ms] of cases) equal(parseDurationMs(text), ms, text);
});

test('durations print as Duration.String', () => {
  const cases: readonly (readonly [number, string])[] = [
    [0, '0s'],
    [7_200_000, '2h0m0s'],
    [90_000, '1m30s'],
    [60_000, '1m0s'],
    [1500, '1.5s'],
    [0.0015, '1.5\u00b5s'],
    [100, '100ms'],
    [-5000, '-5s'],
  ];
  for (const [ms, text] of cases) equal(printDuration(ms), text);
});

test('integers take prefixes and underscores', () => {
  const range = { min: -(2n ** 63n), max: 2n ** 63n - 1n };
  const read = (text: string) => {
    const result = parseInteger(text, range);
    return result.ok ? result.value : result.why;
  };
  deepEqual(['0x10', '1_000', '010', '0o17', '0b11', '-5', '+5'].map(read), [16, 1000, 8, 15, 3, -5, 5]);
  deepEqual(
    ['', '1.5', '08', '1__0', '_1', '0x', 'abc'].map(read),
    Array.from({ length: 7 }, () => 'parse error'),
  );
  equal(read('9223372036854775808'), 'value out of range');
  deepEqual(parseInteger('+5', { min: 0n, max: 9n }), { ok: false, why: 'parse error' });
});

test('quote', () => equal(quote('a"b\\\n\u0001'), '"a\\"b\\\\\\n\\x01"'));
