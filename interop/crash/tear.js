/**
 * A torn tail, as a power cut leaves it: of a record that was being written when the lights went out, the first sectors
 * have reached the disk and the others have not. Nobody was told that it is written, so it must vanish without a trace.
 *
 *     | record | record | ... | copy of a record, its last sectors zero | zeros ...
 *                             ^ end of the log
 */
import { closeSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const sectorBytes = 512;
const lengthBytes = 8;

/** Tears the log of a server that is not running, and had nothing under way; false where no record is long enough. */
export function tearTail(dataDir, random) {
  const folder = join(dataDir, 'member', 'wal');
  const name = readdirSync(folder)
    .filter((file) => file.endsWith('.wal'))
    .sort()
    .at(-1);
  const log = readFileSync(join(folder, name));
  const { end, records } = recordsOf(log);
  const long = records.filter((record) => record.length >= 2 * sectorBytes && end + record.length < log.length);
  if (long.length === 0) return false;
  const record = random.pick(long);
  const sectorStarts = [];
  const first = (Math.floor(end / sectorBytes) + 1) * sectorBytes;
  for (let at = first; at + sectorBytes <= end + record.length; at += sectorBytes) sectorStarts.push(at);
  const arrived = record.subarray(0, random.pick(sectorStarts) - end);
  const file = openSync(join(folder, name), 'r+');
  writeSync(file, arrived, 0, arrived.length, end);
  closeSync(file);
  return true;
}

/** Source: spec of etcd's log: the low 56 bits are the length, the top byte is 0x80 + the bytes of padding. */
function recordsOf(log) {
  const records = [];
  let at = 0;
  while (at + lengthBytes <= log.length) {
    const length = log.readUIntLE(at, 6);
    if (length === 0) break;
    const padding = log[at + 7] & 7;
    const end = at + lengthBytes + length + padding;
    records.push(log.subarray(at, end));
    at = end;
  }
  return { end: at, records };
}
