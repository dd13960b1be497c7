/** A table drawn with lines, as etcd's tools draw it: heads in capitals and centred, cells at the right. */
export function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = heads.map((head, i) => Math.max(head.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const line = (left: string, middle: string, right: string) =>
    `${left}${widths.map((width) => '─'.repeat(width + 2)).join(middle)}${right}\n`;
  const cells = (row: readonly string[], place: (text: string, width: number) => string) =>
    `│${widths.map((width, i) => ` ${place(row[i] ?? '', width)} `).join('│')}│\n`;
  const top = cells(
    heads.map((head) => head.toUpperCase()),
    centred,
  );
  const body = rows.map((row) => cells(row, (text, width) => text.padStart(width)));
  return `${line('┌', '┬', '┐')}${top}${line('├', '┼', '┤')}${body.join('')}${line('└', '┴', '┘')}`;
}

function centred(text: string, width: number): string {
  return text.padStart(text.length + Math.floor((width - text.length) / 2)).padEnd(width);
}
