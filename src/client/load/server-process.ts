/** What the kernel says of the measured server's process. Without a pid, or elsewhere than on Linux: zeros. */
import { readFileSync } from 'node:fs';

const ticksPerSecond = 100;

/** Processor time used so far, all threads, user and system. */
export function cpuSeconds(pid: number): number {
  const stat = read(pid, 'stat');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / ticksPerSecond;
}

export function residentMiB(pid: number): number {
  const [, kib = '0'] = /^VmRSS:\s+(\d+)/m.exec(read(pid, 'status')) ?? [];
  return Number(kib) / 1024;
}

function read(pid: number, file: string): string {
  if (pid === 0) return '';
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return '';
  }
}
