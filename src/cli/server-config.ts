/**
 * From command line, environment and file to what the server runs with, or to why it does not run.
 * Pure: everything it reads is handed in, and what is to be printed or logged is handed back.
 */
import { quote } from '../base/go-text.js';
import { parseCommandLine, type Said } from './command-line.js';
import { readConfigFile } from './config-file.js';
import { derive, raiseRaftTimeouts } from './derive.js';
import { type Environment, readEnvironment } from './environment.js';
import { help, usage, versionText } from './help.js';
import { type LogSettings, readLogSettings } from './log-settings.js';
import type { Note } from './note.js';
import { anyOption, type Config, defaultConfig, deprecatedFlags } from './options.js';
import { notesWithoutEffect, unsupported } from './unsupported.js';
import { unsetAdvertiseClientUrls, validate } from './validate.js';

export type Inputs = {
  /** With the program's name first, as the log shows it. */
  readonly argv: readonly string[];
  readonly environment: Environment;
  readonly readFile: (path: string) => FileContent;
  readonly defaultHost: string | undefined;
};
export type FileContent =
  | { readonly ok: true; readonly content: string }
  | { readonly ok: false; readonly why: string };

/** `early` lines are logged with the default settings, `late` ones with `logging` if that far was come. */
type Lines = {
  readonly early: readonly Note[];
  readonly late: readonly Note[];
  readonly logging: LogSettings | undefined;
};

export type Start =
  | { readonly kind: 'print'; readonly stdout: string; readonly stderr: string; readonly exitCode: number }
  | ({ readonly kind: 'refused'; readonly exitCode: number } & Lines)
  | ({ readonly kind: 'run'; readonly config: Config } & Lines);

const printed = (stdout: string, stderr: string, exitCode: number): Start => ({
  kind: 'print',
  stdout,
  stderr,
  exitCode,
});

export function startOf(inputs: Inputs): Start {
  const line = parseCommandLine(inputs.argv.slice(1));
  if (line.kind === 'help') return printed(help, usage, 0);
  if (line.kind === 'wrong') return printed('', `${line.message}\n${usage}`, 2);
  if (line.rest.length > 0) return refuse(inputs, {}, `${quote(line.rest[0] as string)} is not a valid flag`);
  if (line.version) return printed(versionText, '', 0);
  const file = line.configFile || inputs.environment.ETCD_CONFIG_FILE;
  return file ? startFromFile(inputs, file) : startFromFlags(inputs, line.said);
}

function startFromFlags(inputs: Inputs, said: Said): Start {
  const environment = readEnvironment(inputs.environment, said);
  const early = [...environment.notes];
  if (environment.fatal) return { kind: 'refused', exitCode: 1, early, late: [], logging: undefined };
  if (environment.error !== undefined) return refuse(inputs, { early }, environment.error);
  const raised = raiseRaftTimeouts(joined(said), early);
  const searching =
    raised.discoverySrv !== '' || raised.discoverySrvName !== '' || raised.discoveryEndpoints.length > 0;
  const config = {
    ...raised,
    advertiseClientUrls:
      said.has('listenClientUrls') && !said.has('advertiseClientUrls') ? [] : raised.advertiseClientUrls,
    initialCluster: searching && !said.has('initialCluster') ? '' : raised.initialCluster,
  };
  if (config.discoveryFallback === 'proxy') {
    const why = `v2 proxy is deprecated, and --discovery-fallback can't be configured as "proxy"`;
    return refuse(inputs, { early }, why);
  }
  return judge(inputs, config, new Set([...said.keys()].map((name) => anyOption(name).flag)), early, []);
}

function startFromFile(inputs: Inputs, path: string): Start {
  const file = inputs.readFile(path);
  if (!file.ok) return refuse(inputs, {}, file.why);
  const read = readConfigFile(file.content);
  if (!read.ok) {
    return read.stderrOnly === true ? printed('', `${read.why}\n`, read.exitCode ?? 1) : refuse(inputs, {}, read.why);
  }
  const config = joined(read.said);
  const searching = config.discoverySrv !== '' || config.discoveryEndpoints.length > 0;
  const isDefault = config.initialCluster === defaultConfig().initialCluster;
  const settled = { ...config, initialCluster: searching && isDefault ? '' : config.initialCluster };
  const loaded: Note = { level: 'info', msg: fileLoaded, fields: { path } };
  return judge(inputs, settled, read.keys, [], [loaded]);
}

/** `loaded`: said after the options were judged, and only if they passed. */
function judge(
  inputs: Inputs,
  config: Config,
  set: ReadonlySet<string>,
  early: Note[],
  loaded: readonly Note[],
): Start {
  const log = readLogSettings(config);
  if (log.kind === 'panic') return printed('', `${log.message}\n`, 2);
  if (log.kind === 'refused') return refuse(inputs, { early }, log.why);
  const logging = log.settings;
  const late: Note[] = [];
  const fault = validate(config, late);
  if (fault === undefined || loaded.length === 0)
    late.push(...(fault === undefined ? loaded : []), ...deprecations(set));
  if (fault !== undefined) return refuse(inputs, { early, late, logging }, fault);
  late.push(running(inputs));
  const missing = unsupported(config);
  if (missing !== undefined) {
    late.push({ level: 'fatal', msg: missing });
    return { kind: 'refused', exitCode: 1, early, late, logging };
  }
  late.push(...notesWithoutEffect(config));
  const settled = derive(config, inputs.defaultHost, late);
  const warningUnaryRequestDurationMs = settled.warningUnaryRequestDurationMs || 300;
  return { kind: 'run', config: { ...settled, warningUnaryRequestDurationMs }, early, late, logging };
}

function joined(said: Said): Config {
  return { ...defaultConfig(), ...Object.fromEntries(said) };
}

function deprecations(set: ReadonlySet<string>): readonly Note[] {
  return Object.entries(deprecatedFlags)
    .filter(([flag]) => set.has(flag))
    .map(([, msg]) => ({ level: 'warn', msg }));
}

const running = (inputs: Inputs): Note => ({ level: 'info', msg: 'Running: ', fields: { args: inputs.argv } });

function refuse(inputs: Inputs, lines: Partial<Lines>, error: string): Start {
  const late: Note[] = [...(lines.late ?? []), running(inputs)];
  late.push({ level: 'warn', msg: 'failed to verify flags', fields: { error } });
  if (error === unsetAdvertiseClientUrls) {
    late.push({ level: 'warn', msg: 'advertise client URLs are not set', fields: { error } });
  }
  return { kind: 'refused', exitCode: 1, early: lines.early ?? [], late, logging: lines.logging };
}

const fileLoaded =
  'loaded server configuration, other configuration command line flags and environment variables will be ignored if provided';
