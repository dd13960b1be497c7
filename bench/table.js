/** The table of results: work, generator, figure, both servers' figures, their ratio, the wish. */
const units = {
  rate: 'per second',
  p99Ms: 'p99 ms',
  serverCpuMicrosPerOperation: 'server us/op',
  serverRssMiB: 'server MiB',
};
const widths = [44, 9, 20];

export function printTable(rows) {
  const titles = columns('work', 'generator', 'figure');
  const heading = `${titles} ${right('Go etcd')} ${right('Quorate')} ${right('ratio', 7)} ${right('wish', 8)}`;
  console.log(`\n${heading}\n${'-'.repeat(heading.length + 7)}`);
  for (const row of rows) console.log(line(row));
  for (const failure of new Set(rows.flatMap((row) => row.failure ?? []))) console.log(`FAILED: ${failure}`);
  const wished = rows.filter((row) => row.wish !== undefined);
  console.log(`\nwishes: ${wished.filter((row) => row.met).length} of ${wished.length} met`);
}

function line({ work, generator, figure, etcd, quorate, ratio, wish, met }) {
  const figures = `${columns(work, generator, units[figure] ?? figure)} ${right(show(etcd))} ${right(show(quorate))}`;
  const verdict = wish === undefined ? '' : `${right(told(wish), 8)} ${met ? 'met' : 'MISSED'}`;
  return `${figures} ${right(ratio === undefined ? '-' : ratio.toFixed(2), 7)} ${verdict}`.trimEnd();
}

const columns = (...texts) => texts.map((text, i) => text.padEnd(widths[i])).join(' ');
const right = (text, width = 10) => text.padStart(width);
const show = (value) => (value === undefined ? '-' : value >= 100 ? value.toFixed(0) : value.toFixed(2));
const told = ({ atLeast, atMost, below, unit = '' }) => {
  if (below !== undefined) return `< ${below}${unit}`;
  return atLeast === undefined ? `<= ${atMost}` : `>= ${atLeast}`;
};
