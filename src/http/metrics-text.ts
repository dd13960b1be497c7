/**
 * Prometheus' text format 0.0.4, with numbers printed as Go prints them.
 *
 * Not prom-client: it counts in maps of label objects, at some 300 ns a count, where plain numbers cost one; and what is
 * left then, printing, is this page.
 */
import type { Histogram } from '../base/histogram.js';

export type Labels = Readonly<Record<string, string>>;
export type Sample = readonly [labels: Labels, value: number];
export type Family = {
  readonly name: string;
  readonly help: string;
} & (
  | { readonly type: 'counter' | 'gauge'; readonly samples: () => Iterable<Sample> }
  | { readonly type: 'histogram'; readonly samples: () => Iterable<readonly [Labels, Histogram]> }
);

export const metricsContentType = 'text/plain; version=0.0.4; charset=utf-8; escaping=underscores';

/** Families by name; one without samples is left out, as Go's client does. */
export function metricsText(families: readonly Family[]): string {
  const lines: string[] = [];
  for (const family of [...families].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const before = lines.length;
    lines.push(`# HELP ${family.name} ${escapeHelp(family.help)}`, `# TYPE ${family.name} ${family.type}`);
    if (family.type === 'histogram') {
      for (const [labels, histogram] of family.samples()) pushHistogram(lines, family.name, labels, histogram);
    } else {
      for (const [labels, value] of family.samples())
        lines.push(`${family.name}${labelText(labels)} ${goFloat(value)}`);
    }
    if (lines.length === before + 2) lines.length = before;
  }
  return `${lines.join('\n')}\n`;
}

function pushHistogram(lines: string[], name: string, labels: Labels, histogram: Histogram): void {
  let total = 0;
  for (const [i, bound] of histogram.bounds.entries()) {
    total += histogram.counts[i] as number;
    lines.push(`${name}_bucket${labelText({ ...labels, le: goFloat(bound) })} ${goFloat(total)}`);
  }
  const count = histogram.count;
  lines.push(`${name}_bucket${labelText({ ...labels, le: '+Inf' })} ${goFloat(count)}`);
  lines.push(`${name}_sum${labelText(labels)} ${goFloat(histogram.sum)}`);
  lines.push(`${name}_count${labelText(labels)} ${goFloat(count)}`);
}

/** Labels by name, but for a bucket's `le`, which is last. */
function labelText(labels: Labels): string {
  const names = Object.keys(labels).sort((a, b) => (a === 'le' ? 1 : b === 'le' ? -1 : a < b ? -1 : 1));
  if (names.length === 0) return '';
  return `{${names.map((name) => `${name}="${escapeLabel(labels[name] as string)}"`).join(',')}}`;
}

const escapeHelp = (text: string): string => text.replace(/\\/g, '\\\\').replace(/\n/g, '\\n');
const escapeLabel = (text: string): string => escapeHelp(text).replace(/"/g, '\\"');

/** Go changes to an exponent here when it prints as few digits as do. */
const exponentFrom = 6;

/** `strconv.FormatFloat(value, 'g', -1, 64)`: `0.001`, `123456`, `1.234567e+06`, `4e-05`. */
export function goFloat(value: number): string {
  if (value === 0) return '0';
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
  const [mantissa = '', power = ''] = value.toExponential().split('e');
  const exponent = Number(power);
  if (exponent >= -4 && exponent < exponentFrom) return String(value);
  const size = String(Math.abs(exponent)).padStart(2, '0');
  return `${mantissa}e${exponent < 0 ? '-' : '+'}${size}`;
}
