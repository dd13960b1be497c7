#!/usr/bin/env node
import { main } from '../dist/cli/quorate.js';
import { startMember } from '../dist/index.js';

await main(['quorate', ...process.argv.slice(2)], startMember);
