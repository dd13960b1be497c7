/** `quorateutl snapshot`: what is in a snapshot file, and a data directory made of one. */
import { statSync } from 'node:fs';
import type { Parsed } from '../base/go-text.js';
import { silentLog } from '../base/log.js';
import { parseMemberUrls } from '../base/urls.js';
import { bootstrapMembers, type Named } from '../cluster/initial.js';
import { type DatabaseStatus, databaseStatus } from '../io/database-status.js';
import { openLog } from '../io/log.js';
import { resolverFor } from '../io/resolve-urls.js';
import { restoreDirectory } from '../io/restore-directory.js';
import { BoltFault } from '../wire/bolt/format.js';
import type { Command, FlagValues, Output } from './command-tree.js';
import { printDatabaseStatus } from './database-status-text.js';

const badArgs = 128;
const badFeature = 4;
const peerUrl = 'http://localhost:2380';

const statusCommand: Command = {
  use: 'status <filename>',
  short: 'Gets backend snapshot status of a given file',
  flags: [],
  async run(args, flags, output) {
    const [file] = args;
    if (file === undefined || args.length > 1) {
      return failed(output, badArgs, 'snapshot status requires exactly one argument');
    }
    try {
      statSync(file);
    } catch (cause) {
      return failed(output, 1, `stat ${file}: ${systemText(cause)}`);
    }
    let status: DatabaseStatus;
    const format = flags.get('write-out') ?? '';
    if (!['simple', 'json', 'fields', 'table', 'protobuf'].includes(format)) {
      return failed(output, badFeature, 'unsupported output format');
    }
    try {
      status = databaseStatus(file);
    } catch (cause) {
      return failed(output, 1, damageText(cause));
    }
    if (format === 'protobuf') return failed(output, badFeature, 'protobuf not supported as output format');
    output.out(printDatabaseStatus(status, format));
    return 0;
  },
};

const restoreCommand: Command = {
  use: 'restore <filename> --data-dir {output dir} [options]',
  short: 'Restores an etcd member snapshot to an etcd directory',
  flags: [
    { name: 'data-dir', type: 'string', fallback: '', help: 'Path to the output data directory' },
    { name: 'wal-dir', type: 'string', fallback: '', help: 'Path to the WAL directory (use --data-dir if none given)' },
    {
      name: 'initial-cluster',
      type: 'string',
      fallback: `default=${peerUrl}`,
      help: 'Initial cluster configuration for restore bootstrap',
    },
    {
      name: 'initial-cluster-token',
      type: 'string',
      fallback: 'etcd-cluster',
      help: 'Initial cluster token for the etcd cluster during restore bootstrap',
    },
    {
      name: 'initial-advertise-peer-urls',
      type: 'string',
      fallback: peerUrl,
      help: "List of this member's peer URLs to advertise to the rest of the cluster",
    },
    { name: 'name', type: 'string', fallback: 'default', help: 'Human-readable name for this member' },
    {
      name: 'skip-hash-check',
      type: 'bool',
      fallback: 'false',
      help: 'Ignore snapshot integrity hash value (required if copied from data directory)',
    },
    {
      name: 'initial-memory-map-size',
      type: 'uint',
      fallback: '10737418240',
      help: 'Accepted for etcdutl; nothing is mapped into memory here',
    },
    {
      name: 'bump-revision',
      type: 'uint',
      fallback: '0',
      help: 'How much to increase the latest revision after restore',
    },
    {
      name: 'mark-compacted',
      type: 'bool',
      fallback: 'false',
      help: 'Mark the latest revision after restore as the point of scheduled compaction (required if --bump-revision > 0, disallowed otherwise)',
    },
  ],
  async run(args, flags, output) {
    const [file] = args;
    if (file === undefined || args.length > 1) {
      return failed(output, badArgs, 'snapshot restore requires exactly one argument');
    }
    const bumpRevision = Number(textOf(flags, 'bump-revision'));
    if (bumpRevision > 0 !== (textOf(flags, 'mark-compacted') === 'true')) {
      return failed(output, badArgs, '--mark-compacted required if --revision-bump > 0');
    }
    if (!Number.isSafeInteger(bumpRevision)) return failed(output, badArgs, '--bump-revision is out of range');
    return restore(file, flags, bumpRevision, output);
  },
};

export const snapshotCommand: Command = {
  use: 'snapshot <subcommand>',
  short: 'Manages etcd node snapshots',
  flags: [],
  commands: [restoreCommand, statusCommand],
};

async function restore(file: string, flags: FlagValues, bumpRevision: number, output: Output): Promise<number> {
  const log = openLog({ level: 'info', format: 'console', outputs: ['stderr'] });
  const named = await foundersOf(flags);
  if (!named.ok) return failed(output, 1, named.why);
  const { own, members } = named.value;
  const dataDir = textOf(flags, 'data-dir') || `${textOf(flags, 'name')}.etcd`;
  const walDir = textOf(flags, 'wal-dir') || `${dataDir}/member/wal`;
  const skipHashCheck = textOf(flags, 'skip-hash-check') === 'true';
  try {
    const options = { file, dataDir, walDir, own, founders: members, skipHashCheck, bumpRevision, log };
    const refusal = await restoreDirectory(options);
    return refusal === undefined ? 0 : failed(output, 1, refusal);
  } catch (cause) {
    return failed(output, 1, cause instanceof BoltFault ? damageText(cause) : openText(cause));
  }
}

async function foundersOf(flags: FlagValues): Promise<Parsed<Named>> {
  const urls = parseMemberUrls(textOf(flags, 'initial-advertise-peer-urls').split(','));
  if (!urls.ok) return urls;
  const local = {
    name: textOf(flags, 'name'),
    initialCluster: textOf(flags, 'initial-cluster'),
    token: textOf(flags, 'initial-cluster-token'),
    advertisePeerUrls: urls.value,
  };
  const initial = local.initialCluster.split(',').map((pair) => pair.slice(pair.indexOf('=') + 1));

  const resolve = await resolverFor([...urls.value, ...initial], { log: silentLog, waitMs: 0 });
  const found = bootstrapMembers(local, resolve);
  // The server says first what it was about; this tool does not.
  return found.ok ? found : { ok: false, why: found.why.replace(/^error setting up initial cluster: /, '') };
}

const textOf = (flags: FlagValues, name: string): string => flags.get(name) ?? '';

function failed(output: Output, exitCode: number, text: string): number {
  output.err(`Error: ${text}\n`);
  return exitCode;
}

/** One fault is found at a time: what stands behind a damaged page cannot be told. */
function damageText(cause: unknown): string {
  if (!(cause instanceof BoltFault)) return openText(cause);
  if (cause.page === undefined) return cause.message;
  return `snapshot file integrity check failed. 1 errors found.\n${cause.message}`;
}

/** `open nofile: no such file or directory`, as Go says it. */
function openText(cause: unknown): string {
  if (cause instanceof Error && 'syscall' in cause && 'path' in cause) {
    return `${cause.syscall} ${cause.path}: ${systemText(cause)}`;
  }
  return cause instanceof Error ? cause.message : String(cause);
}

/** `ENOENT: no such file or directory, stat 'x'` -> `no such file or directory`. */
function systemText(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause);
  return /^[A-Z]+: ([^,]+),/.exec(message)?.[1] ?? message;
}
