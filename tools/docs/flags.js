/** Writes `docs/flags.md` from the table of options; `npx tsc -b` first. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { flagsPage } from '../../dist/cli/help.js';
import { root } from '../run.js';

mkdirSync(join(root, 'docs'), { recursive: true });
writeFileSync(join(root, 'docs', 'flags.md'), flagsPage());
