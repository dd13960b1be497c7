/** Tells systemd (or whoever set NOTIFY_SOCKET) that the server is ready. */
import { spawn } from 'node:child_process';
import type { Log } from '../base/log.js';

/**
 * Node has no unix datagram sockets, so `systemd-notify` sends the word: where NOTIFY_SOCKET is set, systemd is there.
 * The service needs `NotifyAccess=all`, for the word comes from a child.
 */
export function notifyReady(log: Log, environment: NodeJS.ProcessEnv): void {
  if (!environment.NOTIFY_SOCKET) return;
  log.info('notifying init daemon');
  const child = spawn('systemd-notify', ['--ready', `--pid=${process.pid}`], { stdio: 'ignore' });
  child.on('error', (cause) => log.error('failed to notify systemd for readiness', { error: cause.message }));
  child.on('exit', (code) => {
    if (code === 0) log.info('successfully notified init daemon');
    else log.error('failed to notify systemd for readiness', { error: `systemd-notify ended with ${code}` });
  });
}
