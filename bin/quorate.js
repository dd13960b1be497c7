#!/usr/bin/env node
const words = process.argv.slice(2);
if (words[0] === 'dev') {
  const { runDev } = await import('../dist/cli/dev/dev.js');
  await runDev(words.slice(1));
} else {
  const { main } = await import('../dist/cli/quorate.js');
  const { startConfigured } = await import('../dist/cli/start-member.js');
  await main(['quorate', ...words], startConfigured);
}
