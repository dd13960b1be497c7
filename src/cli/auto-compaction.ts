/** `--auto-compaction-mode` and `--auto-compaction-retention`, read together: an integer is hours or revisions, by the mode. */
import { type Parsed, parseDurationMs, parsed, quote, refused } from '../base/go-text.js';
import type { AutoCompaction } from '../mvcc/auto-compaction.js';
import type { Config } from './options.js';

const hourMs = 3_600_000;
const nanosecondsPerMs = 1e6;

/** Undefined where nothing is to be compacted without being asked. */
export function autoCompactionOf(
  config: Pick<Config, 'autoCompactionMode' | 'autoCompactionRetention'>,
): Parsed<AutoCompaction | undefined> {
  const { autoCompactionMode: mode, autoCompactionRetention: text } = config;
  const isCount = /^\+?\d+$/.test(text);
  const durationMs = isCount ? 0 : parseDurationMs(text);
  if (durationMs === undefined) return refused(`error parsing CompactionRetention: ${wrongDuration(text)}`);
  if (mode === 'revision') {
    // A duration stands for its nanoseconds here: so etcd reads it.
    const retention = isCount ? Number(text) : durationMs * nanosecondsPerMs;
    return parsed(retention > 0 ? { mode, retention } : undefined);
  }
  const retentionMs = isCount ? Number(text) * hourMs : durationMs;
  return parsed(retentionMs > 0 ? { mode: 'periodic', retentionMs } : undefined);
}

/** Go's words for text that is no duration. */
function wrongDuration(text: string): string {
  const isNumber = /^[-+]?[0-9.]+$/.test(text);
  return isNumber ? `time: missing unit in duration ${quote(text)}` : `time: invalid duration ${quote(text)}`;
}
