#!/usr/bin/env node
import { main } from '../dist/cli/quorate.js';
import { startConfigured } from '../dist/cli/start-member.js';

await main(['quorate', ...process.argv.slice(2)], startConfigured);
