/** What the kernel says of the measured servers' processes, summed. Without a pid, or elsewhere than on Linux: zeros. */
import { readFileSync } from 'node:fs';

const ticksPerSecond = 100;

/** `1,2,3`; '' is none. */
export type Pids = string;

/** Processor time used so far, all threads, user and system. */
export function cpuSeconds(pids: Pids): number {
  return sumOver(pids, cpuSecondsOf);
}

export function residentMiB(pids: Pids): number {
  return sumOver(pids, residentMiBOf);
}

function sumOver(pids: Pids, figureOf: (pid: number) => number): number {
  return pids.split(',').reduce((sum, pid) => sum + figureOf(Number(pid)), 0);
}

function cpuSecondsOf(pid: number): number {
  const stat = read(pid, 'stat');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / ticksPerSecond;
}

function residentMiBOf(pid: number): number {
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
