/**
 * `node interop/wal/run.js [ROUNDS]`: etcd's own package reads logs that Quorate wrote, and Quorate reads logs that it wrote:
 * random batches, many segments, ends torn at sectors. With `--testdata`, writes the small logs that the unit tests read.
 */
import { deepStrictEqual } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Random } from '../../dist/base/random.js';
import { checksum } from '../../dist/io/checksum.js';
import { NodeDisk } from '../../dist/io/disk.js';
import { createWal, openWal } from '../../dist/wire/wal/open.js';
import { metadataBytes } from '../../dist/wire/wal/records.js';
import { WalWriter } from '../../dist/wire/wal/writer.js';

const here = dirname(fileURLToPath(import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'quorate-wal-'));
const judge = join(work, 'judge');
const disk = new NodeDisk({ unsafeNoFsync: true });
const metadata = metadataBytes({ memberId: 0x8e9e05c52164694dn, clusterId: 0xcdf818194e3a8c32n });

function go(args, input) {
  const done = spawnSync(judge, args, { input, encoding: 'utf8', maxBuffer: 1 << 30 });
  if (done.status !== 0) throw new Error(`judge ${args.join(' ')}: ${done.stderr}`);
  return done.stdout;
}

/** What raft might write: entries, now and then overruled, hard states, snapshots taken and received. */
function makeBatches(random, count) {
  const batches = [];
  let term = 1;
  let last = 0;
  let commit = 0;
  let newest = 0;
  let snapshotIndex = 0;
  const entries = () =>
    Array.from({ length: 1 + random.below(4) }, () => {
      newest = Math.max(newest, ++last);
      const size = random.oneIn(4) ? 0 : random.below(random.oneIn(6) ? 5000 : 300);
      return { type: random.oneIn(9) ? 1 + random.below(2) : 0, term, index: last, data: random.bytes(size) };
    });
  const hardState = () => ({ term, vote: 7, commit });
  for (let i = 0; i < count; i++) {
    const kind = random.below(12);
    // etcd brings overruled entries behind a snapshot back to life: a snapshot is taken when there are none.
    if (kind === 0 && commit > snapshotIndex && last === newest) {
      snapshotIndex = commit;
      batches.push({ snapshot: { index: commit, term, voters: [7, 8, 9] } });
    } else if (kind === 1 && random.oneIn(3)) {
      last = newest + 1 + random.below(5);
      newest = last;
      commit = last;
      snapshotIndex = last;
      batches.push({ snapshot: { index: last, term, voters: [7, 9] }, hardState: hardState() });
    } else {
      if (kind === 2) {
        term++;
        last = commit + random.below(last - commit + 1);
      }
      const made = entries();
      if (random.oneIn(2)) commit += random.below(last - commit + 1);
      batches.push(random.oneIn(3) ? { entries: made } : { entries: made, hardState: hardState() });
    }
  }
  return batches;
}

const base64 = (bytes) => Buffer.from(bytes).toString('base64');
const plain = (entry) => ({ ...entry, data: base64(entry.data) });

function writeByGo(directory, batches, segmentBytes) {
  const lines = batches.map((batch) => ({ ...batch, entries: batch.entries?.map(plain) }));
  const input = [{ metadata: base64(metadata) }, ...lines].map((line) => JSON.stringify(line)).join('\n');
  go(['write', directory, String(segmentBytes)], input);
}

function writeByQuorate(directory, batches, segmentBytes, random) {
  return new Promise((resolve, reject) => {
    const wal = createWal({ disk, directory, checksum, segmentBytes }, metadata);
    const options = { disk, checksum, segmentBytes, persisted: () => step(), failed: reject };
    const writer = new WalWriter(wal.tail, options);
    let next = 0;
    const step = () => {
      // Some turns bring several batches, and they share a write.
      for (let i = random.below(4); i >= 0 && next < batches.length; i--) writer.append(asBatch(batches[next++]));
      if (next === batches.length) {
        next++;
        writer.close(resolve);
      }
    };
    step();
  });
}

function asBatch({ snapshot, entries = [], hardState }) {
  const confState = { voters: [], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
  if (snapshot) confState.voters = snapshot.voters.map(BigInt);
  return {
    entries,
    hardState: hardState && { ...hardState, vote: BigInt(hardState.vote) },
    snapshot: snapshot && {
      data: new Uint8Array(0),
      metadata: { confState, index: snapshot.index, term: snapshot.term },
    },
    mustSync: true,
  };
}

const readByGo = (directory) => JSON.parse(go(['read', directory]));

function readByQuorate(directory) {
  const opening = openWal({ disk, directory, checksum });
  if (!opening.ok) throw new Error(opening.refusal.text);
  const { hardState, snapshots, entries, tail } = opening.wal;
  return {
    metadata: base64(tail.metadata),
    hardState: { ...hardState, vote: Number(hardState.vote) },
    snapshots: snapshots
      .filter(({ index }) => index <= hardState.commit)
      .map(({ index, term, confState }) => ({ index, term, voters: (confState?.voters ?? []).map(Number) })),
    entries: entries.map(plain),
  };
}

/** Name and written bytes of each segment. */
function contents(directory) {
  return readdirSync(directory)
    .filter((name) => name.endsWith('.wal'))
    .map((name) => {
      const bytes = readFileSync(join(directory, name));
      return [name, base64(bytes.subarray(0, bytes.findLastIndex((byte) => byte !== 0) + 1))];
    });
}

/** Loses sectors at the end of what is written, as a power failure in the last write would. */
function tear(directory, random) {
  const name = readdirSync(directory).findLast((each) => each.endsWith('.wal'));
  const path = join(directory, name);
  const bytes = readFileSync(path);
  const written = bytes.findLastIndex((byte) => byte !== 0) + 1;
  const from = Math.max(1024, written - random.below(3000));
  if (random.oneIn(3)) {
    writeFileSync(path, bytes.subarray(0, from));
    return;
  }
  for (let at = from - (from % 512); at < written; at += 512)
    if (at >= 1024) bytes.fill(0, at, Math.min(at + 512, bytes.length));
  writeFileSync(path, bytes);
}

/** Says where two logs part, and not all that they hold. */
function sameBytes(ours, theirs) {
  deepStrictEqual(
    ours.map(([name]) => name),
    theirs.map(([name]) => name),
    'the same files',
  );
  for (const [place, [name, content]] of ours.entries()) {
    const [mine, its] = [content, theirs[place][1]].map((text) => Buffer.from(text, 'base64'));
    const at = mine.findIndex((byte, offset) => byte !== its[offset]);
    if (at < 0 && mine.length === its.length) continue;
    const around = (bytes) => bytes.subarray(Math.max(0, at - 24), at + 24).toString('hex');
    throw new Error(
      `${name} differs at ${at} of ${mine.length} and ${its.length} bytes: ${around(mine)}, and Go ${around(its)}`,
    );
  }
}

async function round(seed) {
  const random = new Random(seed);
  const batches = makeBatches(random, 20 + random.below(200));
  const segmentBytes = random.oneIn(12) ? 64_000_000 : random.pick([4 << 10, 16 << 10, 64 << 10]);
  const logs = { go: join(work, `go-${seed}`), quorate: join(work, `quorate-${seed}`) };
  writeByGo(logs.go, batches, segmentBytes);
  await writeByQuorate(logs.quorate, batches, segmentBytes, random);
  // etcd cuts a segment by what it has flushed, so that small segments end elsewhere.
  if (segmentBytes === 64_000_000) sameBytes(contents(logs.quorate), contents(logs.go));
  const wanted = readByGo(logs.go);
  deepStrictEqual(readByGo(logs.quorate), wanted, 'Go reads the same from both');
  deepStrictEqual(readByQuorate(logs.go), wanted, 'Quorate reads from the log that Go wrote what Go reads');
  deepStrictEqual(readByQuorate(logs.quorate), wanted, 'Quorate reads its own');
  for (const log of Object.values(logs)) {
    tear(log, random);
    const copy = `${log}-copy`;
    cpSync(log, copy, { recursive: true });
    go(['repair', copy]);
    deepStrictEqual(readByQuorate(log), readByGo(copy), 'what is left of a torn log is the same to both');
    deepStrictEqual(readByGo(log), readByGo(copy), 'what Quorate repaired, Go reads');
    rmSync(log, { recursive: true });
    rmSync(copy, { recursive: true });
  }
  return wanted.entries.length;
}

function writeTestdata() {
  const directory = join(here, '..', '..', 'src', 'wire', 'wal', 'testdata', 'go-3.7.1');
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(dirname(directory), { recursive: true });
  writeByGo(directory, makeBatches(new Random(14), 40), 4096);
  for (const name of readdirSync(directory)) if (!name.endsWith('.wal')) rmSync(join(directory, name));
  writeFileSync(join(directory, 'read.json'), `${JSON.stringify(readByGo(directory))}\n`);
  for (const name of readdirSync(directory)) if (name.endsWith('.tmp')) rmSync(join(directory, name));
}

try {
  const built = spawnSync('go', ['build', '-o', judge, '.'], { cwd: here, stdio: 'inherit' });
  if (built.status !== 0) throw new Error(`go build ended with ${built.status}`);
  if (process.argv.includes('--testdata')) writeTestdata();
  const rounds = Number(process.argv[2]) || 60;
  let entries = 0;
  for (let seed = 1; seed <= rounds; seed++) {
    try {
      entries += await round(seed);
    } catch (cause) {
      throw new Error(`seed ${seed}: ${cause.message}`, { cause });
    }
  }
  console.log(`${rounds} logs written by each and read by both, ${entries} entries; torn ends cut alike`);
} finally {
  rmSync(work, { recursive: true, force: true });
}
