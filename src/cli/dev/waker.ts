/**
 * Wakes a paused member when `quorate dev` is gone: a stopped process notices nothing, and would stay for ever.
 * Runs as a process of its own, one for each that is paused; its argument is the process id.
 */
const pid = Number(process.argv[2]);

process.on('disconnect', wake);
// Whoever started us may be gone before we could listen.
if (!process.connected) wake();

function wake(): void {
  try {
    process.kill(pid, 'SIGCONT');
  } catch {
    // It has ended meanwhile.
  }
}
