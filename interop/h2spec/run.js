/**
 * `node interop/h2spec/run.js`: the public conformance suite of HTTP/2 against our listener, in both of its modes.
 *
 * The newest h2spec that module proxies carry is 2.2.1; `H2SPEC=/path/to/h2spec` runs another build instead.
 * Ends with `h2spec: N passed, M failed`, and with exit code 1 if anything failed.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, install, root } from '../../tools/run.js';

install();
build();
const { createGrpcServer } = await import(join(root, 'dist', 'wire', 'grpc', 'server.js'));
const { Listener } = await import(join(root, 'dist', 'io', 'listener.js'));

/** A plain server, as h2spec wants one: every request that is complete is answered with some bytes. */
const body = new TextEncoder().encode('quorate, answering to h2spec\n');
const plain = {
  request() {},
  data() {},
  aborted() {},
  requestEnded(exchange) {
    exchange.begin(200, [['content-type', 'text/plain']]);
    exchange.write(body.slice());
    exchange.end();
  },
};

const here = dirname(fileURLToPath(import.meta.url));
const binary = process.env.H2SPEC ?? buildSuite();
// With a limit of streams the suite can prove that it is held.
const listener = new Listener({ grpc: createGrpcServer(new Map(), { plain, concurrentStreamsMax: 100 }) });
const { port } = await listener.listen(`http://127.0.0.1:${process.env.H2SPEC_PORT ?? 0}`);
const total = { passed: 0, failed: 0 };
for (const mode of [[], ['-S']]) {
  const { passed, failed } = await runSuite(['-h', '127.0.0.1', '-p', String(port), '-o', '2', ...mode]);
  total.passed += passed;
  total.failed += failed;
}
await listener.close(0);
console.log(`h2spec: ${total.passed} passed, ${total.failed} failed`);
process.exit(total.failed === 0 && total.passed > 0 ? 0 : 1);

function buildSuite() {
  const bin = join(here, 'bin', 'h2spec');
  mkdirSync(dirname(bin), { recursive: true });
  const go = spawnSync('go', ['build', '-o', bin, 'github.com/summerwind/h2spec/cmd/h2spec'], {
    cwd: here,
    stdio: 'inherit',
  });
  if (go.status !== 0) {
    console.error('h2spec could not be built: Go and a module proxy are needed');
    process.exit(1);
  }
  return bin;
}

/** Runs the suite once and counts from its last line, `147 tests, 145 passed, 2 skipped, 0 failed`. */
function runSuite(args) {
  return new Promise((resolve) => {
    const suite = spawn(binary, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    suite.stdout.on('data', (chunk) => {
      output += chunk;
    });
    suite.on('close', () => {
      const [line, tests, passed] = /(\d+) tests, (\d+) passed, \d+ skipped, \d+ failed/.exec(output) ?? [];
      if (line === undefined || Number(passed) !== Number(tests)) console.log(output);
      // A skipped test is one that our server gave no occasion for, so it proves nothing and counts as failed.
      resolve({ passed: Number(passed ?? 0), failed: Number(tests ?? 1) - Number(passed ?? 0) });
    });
  });
}
