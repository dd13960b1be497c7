/** `npm start [-- FLAGS]`: installs, builds and runs a member on 127.0.0.1:2379, its data in `default.etcd`, as etcd does. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { build, install, root } from './run.js';

install();
build();
const member = spawn(process.execPath, [join(root, 'bin', 'quorate.js'), ...process.argv.slice(2)], {
  stdio: 'inherit',
});
// The terminal sends Ctrl-C to both; a signal to this process alone is passed on.
for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => member.kill(signal));
process.on('SIGINT', () => {});
// npm passes a signal on to its shell alone, which dies of it: who has lost its parent has been told to stop.
const { ppid } = process;
setInterval(() => process.ppid !== ppid && member.kill('SIGTERM'), 500).unref();
member.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 143)));
