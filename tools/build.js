/** `npm run build`: installs and builds. */
import { build, install } from './run.js';

install();
build();
