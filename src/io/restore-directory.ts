/**
 * A data directory made of a snapshot file: the first member, or one of the first, of a new cluster.
 *
 * Source: etcd `snapshot.Restore`. The log begins with the founders, each an entry of term 1, and with a snapshot behind them: that is
 * where the values stand, which are the file's but for the membership, which is the new one. Each founder makes its own directory from
 * the same file, and all of them agree.
 */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Bytes, equalBytes, noBytes, uint64Bytes, utf8 } from '../base/bytes.js';
import { quote } from '../base/go-text.js';
import { idToHex } from '../base/ids.js';
import type { Log } from '../base/log.js';
import { MembershipBook } from '../cluster/book.js';
import { clusterIdOf } from '../cluster/ids.js';
import { encodeContext, encodeMember, type Member } from '../cluster/member.js';
import { snapshotImage } from '../cluster/snapshot-image.js';
import { appliedKey, confStateKey, termKey } from '../member/applier.js';
import { encodeConfState } from '../member/conf-state-record.js';
import { scheduleCompaction } from '../mvcc/compaction.js';
import type { ValueStore } from '../mvcc/value-store.js';
import { encodeConfChange } from '../raft/conf-change-codec.js';
import { emptyConfState } from '../raft/memory-storage.js';
import { confChangeType, type Entry, type Snapshot } from '../wire/raftpb/types.js';
import { makeDataDirectory } from '../wire/wal/data-directory.js';
import { createWal } from '../wire/wal/open.js';
import { metadataBytes } from '../wire/wal/records.js';
import { SnapDirectory } from '../wire/wal/snap-directory.js';
import { WalWriter } from '../wire/wal/writer.js';
import { checksum } from './checksum.js';
import { DatabaseFile } from './database-file.js';
import { NodeDisk } from './disk.js';
import { importDatabase } from './restore-values.js';
import { sha256 } from './sha256.js';
import { openStoredValues } from './values/stored-values.js';

export interface RestoreOptions {
  readonly file: string;
  readonly dataDir: string;
  readonly walDir: string;
  readonly own: Member;
  readonly founders: readonly Member[];
  readonly skipHashCheck: boolean;
  /** Revisions to go beyond the newest in the file, which are then compacted away with all before them; 0 for none. */
  readonly bumpRevision: number;
  readonly log: Log;
}

const term = 1;
const digestBytes = 32;
const sectorBytes = 512;
const readBytes = 256 << 10;

/** Why it cannot be, or undefined when the directory is there. Throws where the disk fails, or the file is damaged. */
export async function restoreDirectory(options: RestoreOptions): Promise<string | undefined> {
  const { file, dataDir, walDir, log } = options;
  if (existsSync(dataDir) && !isEmptyFolder(dataDir)) {
    return `data-dir ${quote(dataDir)} not empty or could not be read`;
  }
  if (existsSync(walDir)) return `wal-dir ${quote(walDir)} exists`;
  const fields = { path: file, 'wal-dir': walDir, 'data-dir': dataDir, 'snap-dir': `${dataDir}/member/snap` };
  log.info('restoring snapshot', fields);
  const fault = digestFault(file, options.skipHashCheck);
  if (fault !== undefined) return fault;
  const made = existsSync(dataDir);
  try {
    await make(options);
  } catch (cause) {
    rmSync(made ? `${dataDir}/member` : dataDir, { recursive: true, force: true });
    rmSync(walDir, { recursive: true, force: true });
    throw cause;
  }
  log.info('restored snapshot', fields);
  return undefined;
}

function isEmptyFolder(path: string): boolean {
  try {
    return readdirSync(path).length === 0;
  } catch {
    return false;
  }
}

/** A file that was streamed ends in the digest of all before it; whole sectors have none behind them. */
function digestFault(path: string, skip: boolean): string | undefined {
  const source = new DatabaseFile(path);
  try {
    const size = source.sizeBytes - digestBytes;
    if (source.sizeBytes % sectorBytes !== digestBytes) {
      return skip ? undefined : 'snapshot missing hash but --skip-hash-check=false';
    }
    if (skip) return undefined;
    const sum = sha256();
    for (let at = 0; at < size; at += readBytes) sum.update(source.read(at, Math.min(readBytes, size - at)));
    const [expected, got] = [source.read(size, digestBytes).slice(), sum.digest()];
    return equalBytes(expected, got) ? undefined : `expected sha256 ${numbers(expected)}, got ${numbers(got)}`;
  } finally {
    source.close();
  }
}

/** As Go prints bytes. */
const numbers = (bytes: Bytes): string => `[${[...bytes].join(' ')}]`;

async function make(options: RestoreOptions): Promise<void> {
  const { dataDir, walDir, founders, own, log } = options;
  const disk = new NodeDisk();
  const folders = makeDataDirectory(disk, dataDir);
  disk.syncDirectoryNow(dirname(dataDir));
  const values = openStoredValues(folders.values, {
    onFatal(cause) {
      throw cause;
    },
  });
  await importDatabase(options.file, values);
  const voters = founders.map(({ id }) => id);
  const confState = { ...emptyConfState, voters };
  replaceMembers(values, founders, log);
  if (options.bumpRevision > 0) bump(values, options.bumpRevision, log);
  values.setRecord('meta', appliedKey, uint64Bytes(founders.length));
  values.setRecord('meta', termKey, uint64Bytes(term));
  values.setRecord('meta', confStateKey, encodeConfState(confState));
  await new Promise<void>((resolve) => values.commit(resolve));
  await values.close();

  const book = new MembershipBook(1);
  for (const founder of founders) book.load('members', idToHex(founder.id), encodeMember(founder));
  const snapshot = { data: snapshotImage(book), metadata: { index: founders.length, term, confState } };
  const snaps = new SnapDirectory(disk, folders.snap, checksum, log);
  await new Promise<void>((resolve, reject) =>
    snaps.save(snapshot, (failure) => (failure === undefined ? resolve() : reject(failure))),
  );
  const metadata = metadataBytes({ memberId: own.id, clusterId: clusterIdOf(voters) });
  await writeLog(disk, walDir, metadata, founders, snapshot);
}

function replaceMembers(values: ValueStore, founders: readonly Member[], log: Log): void {
  for (const bucket of ['members', 'members_removed']) {
    const keys: Bytes[] = [];
    values.scanRecords(bucket, (key) => keys.push(key.slice()));
    for (const key of keys) values.deleteRecord(bucket, key);
  }
  for (const founder of founders) {
    values.setRecord('members', utf8(idToHex(founder.id)), encodeMember(founder));
    log.info('added member', {
      'cluster-id': idToHex(clusterIdOf(founders.map(({ id }) => id))),
      'added-peer-id': idToHex(founder.id),
      'added-peer-peer-urls': founder.peerUrls,
      'added-peer-is-learner': false,
    });
  }
}

/** Clients that watched the old cluster find no revision again that means something else now. */
function bump(values: ValueStore, amount: number, log: Log): void {
  let latest = 0;
  values.scan(0, 0, Number.POSITIVE_INFINITY, (main) => {
    latest = main;
    return true;
  });
  const revision = latest + amount;
  log.info('bumping latest revision', {
    'latest-revision': latest,
    'bump-amount': amount,
    'new-latest-revision': revision,
  });
  values.append(revision, 0, false, noBytes);
  log.info('marking revision compacted', { revision });
  scheduleCompaction(values, revision);
}

/** The founders as entries, that they are committed, and the snapshot behind them. */
function writeLog(
  disk: NodeDisk,
  directory: string,
  metadata: Bytes,
  founders: readonly Member[],
  snapshot: Snapshot,
): Promise<void> {
  const wal = createWal({ disk, directory, checksum }, metadata);
  const entries = founders.map((member, i): Entry => {
    const context = encodeContext({ member, isPromote: false });
    const change = { id: 0n, type: confChangeType.addNode, nodeId: member.id, context };
    return { term, index: i + 1, ...encodeConfChange(change) };
  });
  const [first] = founders;
  return new Promise((resolve, reject) => {
    const writer = new WalWriter(wal.tail, { disk, checksum, persisted: () => {}, failed: reject });
    const vote = (first as Member).id;
    const hardState = { term, vote, commit: founders.length };
    writer.append({ entries, hardState, snapshot: undefined, mustSync: true });
    writer.append({ entries: [], hardState: undefined, snapshot, mustSync: true });
    writer.close(resolve);
  });
}
