/** Metrics of the process: `process_*` and `os_fd_*` as Go's client has them, and Node's own in place of `go_*`. */
import type { Family } from './metrics-text.js';

/** Read anew for each scrape. */
export type ProcessFigures = {
  readonly cpuSeconds: number;
  readonly openFds: number;
  readonly maxFds: number;
  readonly residentBytes: number;
  readonly virtualBytes: number;
  readonly startTimeSeconds: number;
  readonly heapUsedBytes: number;
  readonly heapTotalBytes: number;
  readonly externalBytes: number;
  /** Since the last scrape: how late the event loop came to its timers. */
  readonly loopDelayP99Seconds: number;
  readonly loopDelayMaxSeconds: number;
};

type Row = readonly [name: string, type: 'counter' | 'gauge', field: keyof ProcessFigures, help: string];

const rows: readonly Row[] = [
  ['process_cpu_seconds_total', 'counter', 'cpuSeconds', 'Total user and system CPU time spent in seconds.'],
  ['process_open_fds', 'gauge', 'openFds', 'Number of open file descriptors.'],
  ['process_max_fds', 'gauge', 'maxFds', 'Maximum number of open file descriptors.'],
  ['process_resident_memory_bytes', 'gauge', 'residentBytes', 'Resident memory size in bytes.'],
  ['process_virtual_memory_bytes', 'gauge', 'virtualBytes', 'Virtual memory size in bytes.'],
  ['process_start_time_seconds', 'gauge', 'startTimeSeconds', 'Start time of the process since unix epoch in seconds.'],
  ['os_fd_used', 'gauge', 'openFds', 'The number of used file descriptors.'],
  ['os_fd_limit', 'gauge', 'maxFds', 'The file descriptor limit.'],
  ['quorate_heap_used_bytes', 'gauge', 'heapUsedBytes', 'JavaScript heap in use.'],
  ['quorate_heap_total_bytes', 'gauge', 'heapTotalBytes', 'JavaScript heap held.'],
  ['quorate_external_bytes', 'gauge', 'externalBytes', 'Memory of buffers outside the JavaScript heap.'],
  [
    'quorate_loop_delay_p99_seconds',
    'gauge',
    'loopDelayP99Seconds',
    '99th percentile of the event loop delay since the last scrape.',
  ],
  ['quorate_loop_delay_max_seconds', 'gauge', 'loopDelayMaxSeconds', 'Longest event loop delay since the last scrape.'],
];

export function processFamilies(figures: ProcessFigures): readonly Family[] {
  return rows.map(([name, type, field, help]): Family => ({ name, help, type, samples: () => [[{}, figures[field]]] }));
}
