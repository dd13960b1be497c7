/** The segments in a log's directory: which there are, and which of them are read. */
import { parseSegmentName, type SegmentName } from './format.js';

export interface Segment extends SegmentName {
  readonly name: string;
}

export interface SegmentList {
  /** In order of sequence. */
  readonly segments: Segment[];
  /** Names that are no segment's and not `*.tmp`: etcd warns of them. */
  readonly ignored: string[];
  /** Left over from a segment that was being made ready. */
  readonly temporary: string[];
}

export function listSegments(names: readonly string[]): SegmentList {
  const segments: Segment[] = [];
  const ignored: string[] = [];
  const temporary: string[] = [];
  for (const name of names) {
    const parsed = parseSegmentName(name);
    if (parsed !== undefined) segments.push({ name, ...parsed });
    else if (name.endsWith('.tmp')) temporary.push(name);
    else ignored.push(name);
  }
  segments.sort((a, b) => a.sequence - b.sequence);
  return { segments, ignored, temporary };
}

/**
 * The segments to read for all that follows `index`, or a refusal. Without an index, the newest unbroken row of segments:
 * a gap below it is what is left when segments were removed just before the power failed.
 */
export function selectSegments(segments: readonly Segment[], index: number | undefined): Segment[] | string {
  let first = segments.length - 1;
  if (index === undefined) {
    while (first > 0 && follows(segments, first)) first--;
    return first < 0 ? 'wal: file not found' : segments.slice(first);
  }
  while (first >= 0 && (segments[first] as Segment).firstIndex > index) first--;
  if (first < 0) return `wal: file not found which matches the snapshot index '${index}'`;
  for (let at = first + 1; at < segments.length; at++)
    if (!follows(segments, at))
      return `wal: file sequence numbers (starting from ${first}) do not increase continuously`;
  return segments.slice(first);
}

function follows(segments: readonly Segment[], at: number): boolean {
  return (segments[at - 1] as Segment).sequence + 1 === (segments[at] as Segment).sequence;
}
