/** The two load generators: Go's clientv3, and our own client half. Both take the same flags and print one line of JSON. */
import { spawn, spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
/** Where the programs of bench/go are built to. */
export const binaries = join(here, 'out', 'bin');

const generators = {
  go: [join(binaries, 'load')],
  own: [process.execPath, '--max-semi-space-size=32', join(here, '..', 'dist', 'client', 'load', 'main.js')],
};

/** A load that has no end of its own (`total`) is given up after this, so that a server that hangs does not hang us. */
const patienceMs = 300_000;

export function buildGo() {
  for (const part of ['server', 'load']) {
    const done = spawnSync('go', ['build', '-o', join(binaries, part), `./${part}`], {
      cwd: join(here, 'go'),
      stdio: 'inherit',
    });
    if (done.status !== 0) throw new Error(`the benchmark needs Go: building bench/go/${part} failed`);
  }
}

/** Runs one load against a server of `startServer` or all members of a cluster, and answers the generator's figures; failed operations are an error. */
export function generate(generator, server, load) {
  return startGenerator(generator, server, load).result;
}

/** The same for a load that is to be ended with `stop`: only the own generator tells what it has counted until then. */
export function startGenerator(generator, server, load) {
  const flags = { endpoint: server.endpoint, pid: server.pid, ...load };
  const words = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
  const [command, ...args] = generators[generator];
  const child = spawn(command, [...args, ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: patienceMs,
    killSignal: 'SIGKILL',
  });
  return { result: resultOf(child, load), stop: () => child.kill('SIGTERM') };
}

function resultOf(child, { work }) {
  let output = '';
  let complaint = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  child.stderr.on('data', (chunk) => {
    complaint = (complaint + chunk).slice(-1000);
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code !== 0) return reject(new Error(`${work}: the generator ended with ${code ?? signal}: ${complaint}`));
      const result = JSON.parse(output);
      if (result.errors > 0) return reject(new Error(`${work}: ${result.errors} operations failed: ${complaint}`));
      resolve(result);
    });
  });
}
