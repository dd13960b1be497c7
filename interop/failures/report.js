/** One line for each scenario and kind of member: rounds, what clients were told, how long writes and members stood still. */
import { scenarios } from './scenarios.js';

const columns = [
  ['scenario', 52],
  ['members', 8],
  ['rounds', 7],
  ['failed', 7],
  ['written', 8],
  ['unknown', 8],
  ['refused', 8],
  ['gap p50', 8],
  ['p99 ms', 7],
  ['max', 7],
  ['caught up p50', 14],
  ['max ms', 7],
];

export function printReport(results) {
  console.log(`\n${line(columns.map(([title]) => title))}`);
  for (const name of new Set(results.map((result) => result.name))) {
    for (const kind of new Set(results.map((result) => result.kind))) {
      console.log(line(rowOf(results.filter((result) => result.name === name && result.kind === kind))));
    }
  }
}

function rowOf(results) {
  const [{ name, kind }] = results;
  const all = (figure) => results.map(({ figures }) => figures[figure]).filter((value) => value !== undefined);
  const sum = (figure) => all(figure).reduce((total, value) => total + value, 0);
  const at = (figure, share) => quantile(all(figure), share)?.toFixed(0) ?? '-';
  const failed = results.filter(({ problems }) => problems.length > 0).length;
  const counts = [results.length, failed, sum('acknowledged'), sum('unknown'), sum('refused')];
  const gaps = [at('gapMs', 0.5), at('gapMs', 0.99), at('gapMs', 1)];
  return [scenarios[name].told, kind, ...counts, ...gaps, at('catchUpMs', 0.5), at('catchUpMs', 1)];
}

/** Of few values the 99th percentile is the greatest. */
function quantile(values, share) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}

const line = (values) =>
  values
    .map((value, i) => (i < 2 ? String(value).padEnd(columns[i][1]) : String(value).padStart(columns[i][1])))
    .join(' ');
