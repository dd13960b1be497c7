/** Starts one server of a kind on free loopback ports, and waits until it answers. */
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

export function freePort() {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** `kind`: `etcd` or `quorate`. `flags` are further command line words. */
export async function startServer(kind, { dir, port, peerPort, binaries, advertisedPeer, flags = [] }) {
  const url = `http://127.0.0.1:${port}`;
  const peer = `http://127.0.0.1:${peerPort}`;
  const advertised = advertisedPeer ?? peer;
  const shared = [
    `--data-dir=${dir}`,
    `--listen-client-urls=${url}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${advertised}`,
  ];
  const [command, args] =
    kind === 'etcd'
      ? [join(binaries, 'server'), [...shared, ...flags]]
      : [
          process.execPath,
          [
            join(root, 'bin', 'quorate.js'),
            ...shared,
            `--advertise-client-urls=${url}`,
            `--initial-cluster=default=${advertised}`,
            '--quota-backend-bytes=8589934592',
            '--log-level=error',
            ...flags,
          ],
        ];
  const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'pipe'] });
  let complaint = '';
  child.stderr.on('data', (chunk) => {
    complaint = (complaint + chunk).slice(-4000);
  });
  const gone = new Promise((resolve) => child.on('exit', resolve));
  let exited = false;
  gone.then(() => {
    exited = true;
  });
  for (const deadline = Date.now() + 30_000; ; ) {
    if (exited || Date.now() > deadline) throw new Error(`${kind} did not start: ${complaint}`);
    if (await healthy(url)) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return {
    kind,
    port,
    pid: child.pid,
    async stop(signal = 'SIGTERM') {
      child.kill(signal);
      await gone;
    },
  };
}

async function healthy(url) {
  try {
    const answer = await fetch(`${url}/health`, { signal: AbortSignal.timeout(1000) });
    return answer.ok;
  } catch {
    return false;
  }
}
