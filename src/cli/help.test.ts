// Proves: the page docs/flags.md is the one that the table of options would write now.
import { equal } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { flagsPage } from './help.js';

test('docs/flags.md is current: else run node tools/docs/flags.js', () => {
  equal(readFileSync(new URL('../../docs/flags.md', import.meta.url), 'utf8'), flagsPage());
});
