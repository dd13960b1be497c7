/**
 * The program `quorate`: reads what it was told, starts the member, and ends in the ways etcd ends.
 *
 * Exit codes: 0 after help, version or a removed member; 1 when it refuses or cannot start; 2 for flags that cannot be
 * read and for a fault of its own; 74 when its disk fails; the signal itself after SIGINT or SIGTERM.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { quote } from '../base/go-text.js';
import type { Fields, Log } from '../base/log.js';
import { endOnFault } from '../io/crash.js';
import { takeDataDir } from '../io/data-dir.js';
import { defaultHost } from '../io/default-host.js';
import { faultText } from '../io/fault.js';
import { type LineLog, openLog } from '../io/log.js';
import { notifyReady } from '../io/notify-init.js';
import { stopOnSignals } from '../io/signals.js';
import { defaultLogSettings, type LogSettings } from './log-settings.js';
import type { Note } from './note.js';
import type { Config } from './options.js';
import { type FileContent, type Start, startOf } from './server-config.js';

/** A member as the program sees it. */
export interface RunningMember {
  /** Settles when the member serves clients, or has stopped before it could. */
  readonly ready: Promise<void>;
  /** Settles when the member has stopped by itself: removed from the cluster. Rejects when it cannot go on. */
  readonly stopped: Promise<void>;
  stop(): Promise<void>;
}

/** Settles once the sockets listen; rejects with what stands in the way. */
export type StartMember = (config: Config, log: Log) => Promise<RunningMember>;

export async function main(argv: readonly string[], startMember: StartMember): Promise<void> {
  const environment = process.env;
  const start = startOf({ argv, environment, readFile, defaultHost: defaultHost() });
  if (start.kind === 'print') {
    process.stdout.write(start.stdout);
    process.stderr.write(start.stderr);
    process.exitCode = start.exitCode;
    return;
  }
  const log = logNotes(start);
  if (log === undefined) return;
  if (start.kind === 'refused') {
    process.exitCode = start.exitCode;
    return;
  }
  const { config } = start;
  endOnFault(log);
  try {
    if (!dataDirIsFit(config, log)) return;
    await run(config, log, startMember);
  } catch (cause) {
    const error = faultText(cause);
    if (error.includes('include') && error.includes('--initial-cluster')) warnAboutCluster(config, log, error);
    else log.log('fatal', 'discovery failed', { error });
    process.exit(1);
  }
}

async function run(config: Config, log: LineLog, startMember: StartMember): Promise<void> {
  await takeDataDir(config.dataDir, log);
  const starting = startMember(config, log);
  stopOnSignals(log, async () => (await starting).stop());
  const member = await starting;
  await member.ready;
  notifyReady(log, process.env);
  try {
    await member.stopped;
    // Removed from its cluster: a normal end.
    process.exit(0);
  } catch (cause) {
    log.log('fatal', 'listener failed', { error: faultText(cause) });
    process.exit(1);
  }
}

/** Logs what was noted while options were read; undefined when the log itself cannot be opened. */
function logNotes(start: Exclude<Start, { kind: 'print' }>): LineLog | undefined {
  const early = openLog(defaultLogSettings);
  writeNotes(early, start.early);
  const log = start.logging === undefined ? early : openOr(early, start.logging);
  if (log !== undefined) writeNotes(log, start.late);
  return log;
}

function openOr(early: LineLog, settings: LogSettings): LineLog | undefined {
  try {
    return openLog(settings);
  } catch (cause) {
    const why = faultText(cause);
    const path = /^open (.*): [^:]+$/.exec(why)?.[1] ?? '';
    early.warn('failed to verify flags', { error: `open sink ${quote(path)}: ${why}` });
    process.exitCode = 1;
    return undefined;
  }
}

function writeNotes(log: LineLog, notes: readonly Note[]): void {
  for (const { level, msg, fields } of notes) log.log(level, msg, fields);
}

/** Says what the data directory holds; false, and the exit code set, when it is not to be used. */
function dataDirIsFit(config: Config, log: LineLog): boolean {
  const dir = config.dataDir;
  const refuse = (level: 'fatal' | 'panic', msg: string, exitCode: number, fields?: Fields) => {
    log.log(level, msg, fields);
    process.exitCode = exitCode;
    return false;
  };
  const listed = listDir(dir);
  if (listed.error !== undefined)
    return refuse('fatal', 'failed to list data directory', 1, { dir, error: listed.error });
  const { names } = listed;
  for (const filename of names) {
    if (filename === 'member' || filename === 'proxy') continue;
    log.warn('found invalid file under data directory', { filename, 'data-dir': dir });
  }
  const member = names.includes('member');
  if (names.includes('proxy')) {
    return member
      ? refuse('fatal', 'invalid datadir; both member and proxy directories exist', 1)
      : refuse('panic', 'v2 http proxy has already been deprecated in 3.6', 2, { 'dir-type': 'proxy' });
  }
  if (member) {
    log.info('server has already been initialized', { 'data-dir': dir, 'dir-type': 'member' });
    return true;
  }
  log.info('Initialize and start etcd server', { 'data-dir': dir, 'dir-type': 'empty' });
  return true;
}

/** Empty when there is no such directory yet. */
function listDir(path: string): { readonly names: readonly string[]; readonly error?: string } {
  try {
    return { names: readdirSync(path) };
  } catch (cause) {
    const isMissing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    return isMissing ? { names: [] } : { names: [], error: faultText(cause) };
  }
}

function readFile(path: string): FileContent {
  try {
    return { ok: true, content: readFileSync(path, 'utf8') };
  } catch (cause) {
    return { ok: false, why: faultText(cause) };
  }
}

function warnAboutCluster(config: Config, log: LineLog, error: string): void {
  log.warn('failed to start', { error });
  const own = config.initialAdvertisePeerUrls.map((url) => `${config.name}=${url}`).join(',');
  if (config.initialCluster === own) log.warn('forgot to set --initial-cluster?');
  if (config.initialAdvertisePeerUrls.join() === 'http://localhost:2380') {
    log.warn('forgot to set --initial-advertise-peer-urls?');
  }
  if (config.initialCluster === own && config.discoveryEndpoints.length === 0) {
    log.warn('V3 discovery settings (i.e., --discovery-token, --discovery-endpoints) are not set');
  }
}
