/**
 * The end of a process that met what it has no answer to: a broken invariant, an error that nobody caught.
 *
 * What such a member holds in memory is not to be trusted, so it says why in one line of the log and ends at once, as a Go
 * program does that panics; what it acknowledged is in its log. It never goes on half alive.
 */
import { DiskFailure } from '../wire/wal/disk.js';
import type { LineLog } from './log.js';
import { diskFailedExitCode } from './wal.js';

/** Go's for a panic. */
const panicExitCode = 2;

/** From here on whatever nobody catches, thrown or rejected, ends the process. */
export function endOnFault(log: LineLog): void {
  process.on('uncaughtException', (cause: unknown, origin) => {
    try {
      const error = cause instanceof Error ? cause.message : String(cause);
      const stack = cause instanceof Error ? cause.stack : undefined;
      log.log('fatal', 'panic: the server cannot go on', { error, origin, ...(stack !== undefined && { stack }) });
    } finally {
      process.exit(cause instanceof DiskFailure ? diskFailedExitCode : panicExitCode);
    }
  });
}
