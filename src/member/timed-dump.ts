/** A database dump that says how long it was open, for the metrics. */
import type { Histogram } from '../base/histogram.js';
import type { DatabaseDump } from './database-dump.js';

export function timedDump(dump: DatabaseDump, nowMs: () => number, seconds: Histogram): DatabaseDump {
  const beganMs = nowMs();
  const close = dump.close.bind(dump);
  let isOpen = true;
  return Object.assign(dump, {
    close() {
      if (isOpen) seconds.observe((nowMs() - beganMs) / 1000);
      isOpen = false;
      close();
    },
  });
}
