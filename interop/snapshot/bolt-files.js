/** bbolt files both ways: bbolt checks and reads what Quorate wrote, and Quorate reads what bbolt wrote and rewrote. */
import { equal } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Random } from '../../dist/base/random.js';
import { BoltFile } from '../../dist/wire/bolt/bolt-file.js';
import { BoltPlan, BoltWriter } from '../../dist/wire/bolt/bolt-writer.js';

const hex = (bytes) => Buffer.from(bytes).toString('hex');

export function checkBoltFiles(judge, work, rounds) {
  for (let seed = 1; seed <= rounds; seed++) {
    const random = new Random(seed);
    const ours = join(work, `ours-${seed}.db`);
    writeFileSync(ours, written(random));
    equal(run(judge, 'check', ours), listed(ours), `bbolt reads what we wrote, seed ${seed}`);
    const theirs = join(work, `theirs-${seed}.db`);
    run(judge, 'write', theirs, String(seed));
    equal(listed(theirs), run(judge, 'check', theirs), `we read what bbolt wrote, seed ${seed}`);
  }
}

function run(judge, ...args) {
  const { status, stdout, stderr } = spawnSync(judge, args, { encoding: 'utf8', maxBuffer: 1 << 30 });
  equal(status, 0, stderr);
  return stdout;
}

/** As the judge lists a file. */
function listed(path) {
  const bytes = readFileSync(path);
  const source = { sizeBytes: bytes.length, read: (offset, length) => bytes.subarray(offset, offset + length) };
  const lines = [];
  const list = (name, cursor) => {
    lines.push(name);
    while (cursor.next()) {
      if (cursor.isBucket) list(`${name}/${hex(cursor.key())}`, cursor.open());
      else lines.push(`${name} ${hex(cursor.key())} ${hex(cursor.value())}`);
    }
  };
  const buckets = new BoltFile(source).buckets();
  while (buckets.next()) list(hex(buckets.key()), buckets.open());
  return lines.map((line) => `${line}\n`).join('');
}

function written(random) {
  const content = [];
  for (let bucket = random.below(12); bucket >= 0; bucket--) {
    const keys = new Set();
    const keyBytes = random.pick([2, 17, 400]);
    for (let i = random.pick([0, 1, 2, 20, 500, 3000]); i > 0; i--)
      keys.add(hex(random.bytes(1 + random.below(keyBytes))));
    const valueBytes = random.pick([0, 30, 1100, keys.size > 500 ? 500 : 30_000]);
    const entries = [...keys]
      .sort()
      .map((key) => [Buffer.from(key, 'hex'), random.bytes(random.below(valueBytes + 1))]);
    content.push([Buffer.from(`bucket${50 - bucket}`), entries]);
  }
  const plan = new BoltPlan();
  for (const [name, entries] of content) {
    plan.begin(name);
    for (const [key, value] of entries) plan.count(key.length, value.length);
  }
  const writer = new BoltWriter(plan.end());
  for (const [name, entries] of content) {
    writer.begin(name);
    for (const [key, value] of entries) writer.add(key, value);
  }
  writer.end();
  const pieces = [];
  for (let piece = writer.take(); piece !== undefined; piece = writer.take()) pieces.push(piece);
  return Buffer.concat(pieces);
}
