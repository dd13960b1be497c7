/** What is measured, and how one measurement is run: a fresh server for each, the two kinds in turn, medians over the rounds. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, startServer } from './servers.js';

const here = dirname(fileURLToPath(import.meta.url));
const binaries = join(here, 'out', 'bin');

/** Names, loads and wishes. `atLeast` and `atMost` are multiples of Go etcd's figure. */
export const targets = [
  {
    name: 'put, 1,000 clients, 100 connections',
    load: { work: 'put', clients: 1000, connections: 100 },
    wishes: {
      go: { rate: { atLeast: 1.5 }, p99Ms: { atMost: 0.8 }, serverCpuMicrosPerOperation: { atMost: 0.5 } },
      own: { rate: { atLeast: 2 } },
    },
  },
  {
    name: 'put, 100 clients, 10 connections',
    load: { work: 'put', clients: 100, connections: 10 },
    wishes: {
      go: { rate: { atLeast: 1.5 }, serverCpuMicrosPerOperation: { atMost: 0.5 } },
      own: { rate: { atLeast: 2 } },
    },
  },
  {
    name: 'put, 1 client',
    load: { work: 'put', clients: 1, connections: 1 },
    wishes: { go: { rate: { atLeast: 0.95 } }, own: { rate: { atLeast: 1 } } },
  },
  {
    name: 'linearizable get, 100 clients, 10 connections',
    load: { work: 'get', clients: 100, connections: 10, fill: 100_000 },
    wishes: {
      go: { rate: { atLeast: 1.3 }, serverCpuMicrosPerOperation: { atMost: 0.55 } },
      own: { rate: { atLeast: 2 } },
    },
  },
  {
    name: 'txn (compare, put, get), 100 clients, 10 conn.',
    load: { work: 'txn', clients: 100, connections: 10, fill: 100_000 },
    wishes: { go: { rate: { atLeast: 1.3 } }, own: { rate: { atLeast: 1.7 } } },
  },
  {
    name: 'watch, 1,000 watchers, 10 connections',
    load: { work: 'watch', clients: 1000, connections: 10 },
    wishes: { go: { p99Ms: { atMost: 1 } } },
  },
  {
    name: 'range of 1,000 keys, 50 clients',
    load: { work: 'range', clients: 50, connections: 10 },
    wishes: { go: { rate: { atLeast: 1.5 } } },
  },
  {
    name: '1 million puts over 100,000 keys',
    load: { work: 'fill', clients: 200, connections: 20, total: 1_000_000 },
    wishes: { go: { serverRssMiB: { atMost: 1.5 } } },
  },
];

export function buildGo() {
  for (const part of ['server', 'load']) {
    const done = spawnSync('go', ['build', '-o', join(binaries, part), `./${part}`], {
      cwd: join(here, 'go'),
      stdio: 'inherit',
    });
    if (done.status !== 0) throw new Error(`the benchmark needs Go: building bench/go/${part} failed`);
  }
}

const generators = {
  go: { command: () => join(binaries, 'load'), args: [] },
  own: { command: () => process.execPath, args: [join(here, '..', 'dist', 'client', 'load', 'main.js')] },
};

/** Both servers under one load, `rounds` times in turn; one row per figure that has a wish. */
export async function measure(target, rounds, seconds) {
  const rows = [];
  for (const [generator, wishes] of Object.entries(target.wishes)) {
    const results = { etcd: [], quorate: [] };
    for (let round = 0; round < rounds; round++) {
      for (const kind of round % 2 === 0 ? ['etcd', 'quorate'] : ['quorate', 'etcd']) {
        results[kind].push(await once(kind, generator, target.load, seconds));
      }
    }
    const figures = {
      rate: undefined,
      p99Ms: undefined,
      serverCpuMicrosPerOperation: undefined,
      serverRssMiB: undefined,
      ...wishes,
    };
    for (const [figure, wish] of Object.entries(figures)) {
      const etcd = median(results.etcd.map((result) => result[figure]));
      const quorate = median(results.quorate.map((result) => result[figure]));
      const ratio = quorate / etcd;
      const met = wish === undefined || (wish.atLeast === undefined ? ratio <= wish.atMost : ratio >= wish.atLeast);
      rows.push({ work: target.name, generator, figure: short[figure], etcd, quorate, ratio, target: wish, met });
    }
  }
  return rows;
}

const short = {
  rate: 'per second',
  p99Ms: 'p99 ms',
  serverCpuMicrosPerOperation: 'server us/op',
  serverRssMiB: 'server MiB',
};

async function once(kind, generator, load, seconds) {
  const dir = mkdtempSync(join(tmpdir(), 'quorate-bench-'));
  const server = await startServer(kind, {
    dir: join(dir, 'data'),
    port: await freePort(),
    peerPort: await freePort(),
    binaries,
  });
  try {
    if (load.fill !== undefined) {
      await generate('go', server, { work: 'fill', clients: 200, connections: 20, total: load.fill }, seconds);
    }
    return await generate(generator, server, load, seconds);
  } finally {
    await server.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

function generate(generator, server, { work, clients, connections, total }, seconds) {
  const { command, args } = generators[generator];
  const flags = {
    endpoint: `127.0.0.1:${server.port}`,
    pid: server.pid,
    work,
    clients,
    connections,
    seconds,
    ...(total !== undefined && { total }),
  };
  const words = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
  return new Promise((resolve, reject) => {
    if (generator === 'own' && !existsSync(args[0])) reject(new Error(`${args[0]} is missing`));
    const child = spawn(command(), [...args, ...words], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    child.on('error', reject);
    child.on('close', (code) => {
      if (code !== 0) return reject(new Error(`the ${generator} generator ended with ${code}`));
      const result = JSON.parse(output);
      if (result.errors > 0) return reject(new Error(`${result.errors} operations failed against ${server.kind}`));
      resolve(result);
    });
  });
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}
