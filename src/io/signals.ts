/**
 * SIGINT and SIGTERM: stop in order, then end by the same signal, so that whoever started us sees what ended us
 * (a shell: 130 and 143). A second signal ends the process at once.
 */
import { constants } from 'node:os';
import type { Log } from '../base/log.js';

type Signal = 'SIGINT' | 'SIGTERM';
const signals: readonly Signal[] = ['SIGINT', 'SIGTERM'];
const exitAnywayMs = 1000;

/** Go's names of the signals, which etcd logs. */
const goNames: Readonly<Record<Signal, string>> = { SIGINT: 'interrupt', SIGTERM: 'terminated' };

/** `stop` is called once, and has as long as it needs. */
export function stopOnSignals(log: Log, stop: () => Promise<void>): void {
  const handle = (signal: Signal) => {
    // Without our handler the next signal has its ordinary effect: it kills.
    for (const each of signals) process.off(each, handle);
    log.info('received signal; shutting down', { signal: goNames[signal] });
    stop().then(
      () => endBy(signal),
      (cause: unknown) => {
        log.error('failed to stop in order', { error: cause instanceof Error ? cause.message : String(cause) });
        process.exit(1);
      },
    );
  };
  for (const signal of signals) process.on(signal, handle);
}

function endBy(signal: Signal): void {
  // The first process of a container ignores signals that it has no handler for.
  if (process.pid === 1) process.exit(0);
  process.kill(process.pid, signal);
  // Where a process cannot kill itself, the status that a shell shows for the signal.
  setTimeout(() => process.exit(128 + constants.signals[signal]), exitAnywayMs);
}
