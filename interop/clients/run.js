/** Starts a member and lets four real clients work on it, one after the other. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, startServer } from '../../bench/servers.js';

const here = dirname(fileURLToPath(import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'quorate-clients-'));
const python = join(work, 'venv', 'bin', 'python');

function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit', timeout: 180_000, cwd: here, ...options });
  if (error !== undefined || status !== 0)
    throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? `exit code ${status}`}`);
}

const server = await startServer('quorate', {
  dir: join(work, 'data'),
  port: await freePort(),
  peerPort: await freePort(),
});
const endpoint = `127.0.0.1:${server.port}`;
try {
  run('go', ['build', '-o', join(work, 'go-client'), '.'], { cwd: join(here, 'go') });
  run(join(work, 'go-client'), [endpoint]);

  if (!existsSync(join(here, 'node', 'node_modules')))
    run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: join(here, 'node') });
  run(process.execPath, ['main.js', `http://${endpoint}`], { cwd: join(here, 'node') });

  run('python3', ['-m', 'venv', join(work, 'venv')]);
  run(python, [
    '-m',
    'pip',
    'install',
    '--quiet',
    '--disable-pip-version-check',
    '-r',
    join(here, 'python', 'requirements.txt'),
  ]);
  run(python, [join(here, 'python', 'main.py'), endpoint]);

  run('bash', ['etcdctl.sh'], { env: { ...process.env, ENDPOINT: endpoint } });
  console.log('clients: 4 passed, 0 failed');
} finally {
  await server.stop();
  rmSync(work, { recursive: true, force: true });
}
