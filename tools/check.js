/** `npm run check`: types, lint, format and unit tests, in about a minute. */
import { build, install, node, tool } from './run.js';

install();
build();
tool('biome', ['check', '--error-on-warnings', '.']);
node('tools/test.js');
