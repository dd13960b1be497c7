// Proves: a `.snap` file is there whole once it was reported, whenever the power fails, and one that does not read is put aside.
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { text, utf8 } from '../base/bytes.js';
import { crc32c } from '../base/crc32c.js';
import type { MemberId } from '../base/ids.js';
import { silentLog } from '../base/log.js';
import { Random } from '../base/random.js';
import { forSeeds } from '../base/seeds.js';
import type { Snapshot } from '../wire/raftpb/types.js';
import { SnapDirectory } from '../wire/wal/snap-directory.js';
import { decodeSnapFile, encodeSnapFile, snapName } from '../wire/wal/snap-file.js';
import { SimCrash, SimDisk } from './disk.js';

const path = '/snap';
const voters = [1n as MemberId, 2n as MemberId];
const confState = { voters, learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };

function snapshot(index: number): Snapshot {
  return { data: utf8(`{"members":${index}}`), metadata: { confState, index, term: 2 } };
}

function newDisk(random: Random): SimDisk {
  const disk = new SimDisk(random);
  disk.makeDirectoryNow(path);
  disk.syncDirectoryNow('/');
  return disk;
}

test("the file is etcd's: sum and snapshot", () => {
  equal(snapName(2, 255), '0000000000000002-00000000000000ff.snap');
  const bytes = encodeSnapFile(snapshot(7), crc32c);
  deepEqual(decodeSnapFile(bytes, bytes.length, crc32c), { ok: true, snapshot: snapshot(7) });
  for (let at = 0; at < bytes.length; at++) {
    const flipped = bytes.slice();
    flipped[at] = (flipped[at] as number) ^ 1;
    ok(!decodeSnapFile(flipped, flipped.length, crc32c).ok, `byte ${at}`);
  }
  const empty = decodeSnapFile(bytes, 0, crc32c);
  ok(!empty.ok && empty.text === 'snap: empty snapshot');
});

test('the power fails at every call of a save', () => {
  forSeeds(100, (seeded) => {
    let reported = 0;
    for (let call = 1; reported < 3; call++) {
      const random = new Random(seeded.seed * 100 + call);
      const disk = newDisk(random);
      disk.crashAtCall = disk.calls + call;
      reported = 0;
      try {
        const directory = new SnapDirectory(disk, path, crc32c, silentLog);
        directory.clean();
        for (let index = 1; index <= 3; index++) {
          directory.save(snapshot(index), () => reported++);
          while (disk.turn());
        }
      } catch (error) {
        if (!(error instanceof SimCrash)) throw error;
      }
      disk.crash();
      const after = new SnapDirectory(disk, path, crc32c, silentLog);
      after.clean();
      const newest = after.newest();
      ok((newest?.metadata.index ?? 0) >= reported, `${reported} were reported, newest is ${newest?.metadata.index}`);
      ok(
        disk.list(path)?.every((name) => name.endsWith('.snap')),
        'nothing unfinished or broken is left',
      );
    }
  });
});

test('what does not read is put aside, and what is not recorded passed over', () => {
  const disk = newDisk(new Random(1));
  const directory = new SnapDirectory(disk, path, crc32c, silentLog);
  for (const index of [5, 6, 7]) directory.save(snapshot(index), () => {});
  while (disk.turn());
  disk.rot(`${path}/${snapName(2, 7)}`, 20, 1);
  equal(text(directory.newest()?.data ?? new Uint8Array(0)), '{"members":6}');
  deepEqual(disk.list(path)?.slice(-1), [`${snapName(2, 7)}.broken`]);
  equal(directory.newest([{ term: 2, index: 5 }])?.metadata.index, 5);
  equal(directory.newest([{ term: 1, index: 5 }]), undefined);
});

test('the oldest snapshots are purged, and the databases that were overtaken', () => {
  const disk = newDisk(new Random(1));
  const directory = new SnapDirectory(disk, path, crc32c, silentLog);
  for (let index = 1; index <= 7; index++) directory.save(snapshot(index), () => {});
  for (const index of [3, 6]) disk.open(`${path}/000000000000000${index}.snap.db`);
  while (disk.turn());
  directory.purge(0, () => {});
  while (disk.turn());
  equal(disk.list(path)?.length, 9);
  directory.purge(5, () => {});
  directory.releaseDatabases(6, () => {});
  while (disk.turn());
  const names = [3, 4, 5, 6, 7].map((index) => snapName(2, index));
  deepEqual(disk.list(path), [...names, '0000000000000006.snap.db'].sort());
});

// The log came to rest on 3 when the leader that had sent 6 was overthrown before raft heard of it: without its database no start.
test('a database is not purged for one of a later index', () => {
  const disk = newDisk(new Random(1));
  const directory = new SnapDirectory(disk, path, crc32c, silentLog);
  directory.save(snapshot(3), () => {});
  for (const index of [3, 6]) disk.open(`${path}/000000000000000${index}.snap.db`);
  while (disk.turn());
  directory.purge(1, () => {});
  directory.releaseDatabases(3, () => {});
  while (disk.turn());
  equal(disk.list(path)?.filter((name) => name.endsWith('.snap.db')).length, 2);
});
