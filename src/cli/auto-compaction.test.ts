// Proves: retention is read as etcd reads it, integers by the mode and everything else as a duration.
import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { autoCompactionOf } from './auto-compaction.js';

const read = (autoCompactionMode: 'periodic' | 'revision', autoCompactionRetention: string) =>
  autoCompactionOf({ autoCompactionMode, autoCompactionRetention });

test('an integer is hours, or revisions', () => {
  deepEqual(read('periodic', '2'), { ok: true, value: { mode: 'periodic', retentionMs: 7_200_000 } });
  deepEqual(read('revision', '1000'), { ok: true, value: { mode: 'revision', retention: 1000 } });
});

test('a duration', () => {
  deepEqual(read('periodic', '30m'), { ok: true, value: { mode: 'periodic', retentionMs: 1_800_000 } });
});

test('zero compacts nothing', () => {
  deepEqual(read('periodic', '0'), { ok: true, value: undefined });
  deepEqual(read('periodic', '0s'), { ok: true, value: undefined });
  deepEqual(read('revision', '0'), { ok: true, value: undefined });
});

test('what is neither is refused in Go’s words', () => {
  deepEqual(read('periodic', 'soon'), {
    ok: false,
    why: 'error parsing CompactionRetention: time: invalid duration "soon"',
  });
  deepEqual(read('periodic', '-5'), {
    ok: false,
    why: 'error parsing CompactionRetention: time: missing unit in duration "-5"',
  });
});
