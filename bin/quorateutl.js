#!/usr/bin/env node
import { main } from '../dist/cli/quorateutl.js';

await main(process.argv.slice(2));
