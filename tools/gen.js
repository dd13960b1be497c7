/** `npm run gen`: writes `src/gen/` anew from `proto/`. What it writes is committed and never edited. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { install, root, tool } from './run.js';

install();
rmSync(join(root, 'src', 'gen'), { recursive: true, force: true });
tool('buf', ['generate']);
