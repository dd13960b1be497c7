/** What the operating system says of this process; zeros where it does not say. */
import { readdirSync, readFileSync } from 'node:fs';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import type { ProcessFigures } from '../http/process-metrics.js';

const loopResolutionMs = 10;
const nsPerSecond = 1e9;

/** Starts watching the event loop; what it returns reads the figures, and begins a new span of the loop's delays. */
export function processFigures(): () => ProcessFigures {
  const delays = monitorEventLoopDelay({ resolution: loopResolutionMs });
  delays.enable();
  const maxFds = fdLimit();
  return () => {
    const cpu = process.cpuUsage();
    const memory = process.memoryUsage();
    const delay = (ns: number) => Math.max(0, ns / nsPerSecond - loopResolutionMs / 1000);
    const figures: ProcessFigures = {
      cpuSeconds: (cpu.user + cpu.system) / 1e6,
      openFds: openFds(),
      maxFds,
      residentBytes: memory.rss,
      virtualBytes: virtualBytes(),
      startTimeSeconds: performance.timeOrigin / 1000,
      heapUsedBytes: memory.heapUsed,
      heapTotalBytes: memory.heapTotal,
      externalBytes: memory.external,
      loopDelayP99Seconds: delays.max === 0 ? 0 : delay(delays.percentile(99)),
      loopDelayMaxSeconds: delay(delays.max),
    };
    delays.reset();
    return figures;
  };
}

function openFds(): number {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return 0;
  }
}

export function fdLimit(): number {
  const [, limit] = /^Max open files\s+(\d+)/m.exec(proc('limits')) ?? [];
  return Number(limit ?? 0);
}

function virtualBytes(): number {
  const [, kilobytes] = /^VmSize:\s+(\d+) kB/m.exec(proc('status')) ?? [];
  return Number(kilobytes ?? 0) * 1024;
}

function proc(file: string): string {
  try {
    return readFileSync(`/proc/self/${file}`, 'utf8');
  } catch {
    return '';
  }
}
