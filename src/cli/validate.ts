/**
 * Relations between options, in etcd's order, so that of several mistakes the same one is named first.
 * Each refusal is etcd's text. What is merely unwise becomes a note.
 */
import { isIP } from 'node:net';
import { printDuration, quote } from '../base/go-text.js';
import { parseMemberUrl, splitHostPort } from '../base/urls.js';
import { featureEnabled } from './feature-gates.js';
import type { Note } from './note.js';
import type { Config } from './options.js';

const electionTimeoutMsMax = 50000;
const heartbeatsPerElectionMin = 5;
const samplesMax = 1_000_000;

export const unsetAdvertiseClientUrls =
  '--advertise-client-urls is required when --listen-client-urls is set explicitly';

/** The first broken relation, or undefined. Log options are judged before, in `log-settings.ts`. */
export function validate(config: Config, notes: Note[]): string | undefined {
  return (
    bindFault(config, notes) ??
    advertiseFault(config) ??
    bootstrapFault(config) ??
    timingFault(config) ??
    (config.listenClientUrls.length > 0 && config.advertiseClientUrls.length === 0
      ? unsetAdvertiseClientUrls
      : undefined) ??
    compactionFault(config) ??
    tracingFault(config) ??
    featureFault(config, notes) ??
    nameAndTlsFault(config, notes)
  );
}

function bindFault(config: Config, notes: Note[]): string | undefined {
  const fault =
    unboundable([...config.listenPeerUrls]) ??
    unboundable(config.listenClientUrls) ??
    unboundable(config.listenClientHttpUrls);
  if (fault !== undefined) return fault;
  if (config.listenClientHttpUrls.length === 0) notes.push(singlePort);
  return unboundable(config.listenMetricsUrls);
}

function advertiseFault(config: Config): string | undefined {
  const peers = hostless(config.initialAdvertisePeerUrls);
  if (peers !== undefined) {
    const urls = quote(config.initialAdvertisePeerUrls.join(','));
    return `--initial-advertise-peer-urls ${urls} must be "host:port" (${peers})`;
  }
  const clients = hostless(config.advertiseClientUrls);
  if (clients === undefined) return undefined;
  const urls = quote(config.advertiseClientUrls.join(','));
  return `--advertise-client-urls ${urls} must be in the format "host:port", "unix:/path/to/socket" or "unixs:/path/to/socket" (${clients})`;
}

function bootstrapFault(config: Config): string | undefined {
  const state = config.initialClusterState;
  if (state !== 'new' && state !== 'existing') return `unexpected clusterState ${quote(state)}`;
  const endpoints = config.discoveryEndpoints;
  const ways = [config.initialCluster !== '', config.discoverySrv !== '', endpoints.length > 0];
  if (ways.filter(Boolean).length > 1) {
    return 'multiple discovery or bootstrap flags are set. Choose one of "initial-cluster", "discovery-endpoints" or "discovery-srv"';
  }
  if ((config.discoveryToken !== '') !== endpoints.length > 0) {
    return 'both --discovery-token and --discovery-endpoints must be set';
  }
  if (endpoints.some((endpoint) => endpoint.trim() === '')) {
    return '--discovery-endpoints must not contain empty endpoints';
  }
  return undefined;
}

function timingFault({ heartbeatIntervalMs: heartbeat, electionTimeoutMs: election }: Config): string | undefined {
  if (heartbeat === 0) return '--heartbeat-interval must be >0 (set to 0ms)';
  if (election === 0) return '--election-timeout must be >0 (set to 0ms)';
  if (heartbeatsPerElectionMin * heartbeat > election) {
    return `--election-timeout[${election}ms] should be at least as 5 times as --heartbeat-interval[${heartbeat}ms]`;
  }
  if (election <= electionTimeoutMsMax) return undefined;
  return `--election-timeout[${election}ms] is too long, and should be set less than ${electionTimeoutMsMax}ms`;
}

function compactionFault({ autoCompactionMode: mode }: Config): string | undefined {
  if (mode === 'periodic' || mode === 'revision') return undefined;
  return mode === '' ? 'undefined auto-compaction-mode' : `unknown auto-compaction-mode ${quote(mode)}`;
}

function tracingFault(config: Config): string | undefined {
  if (!config.enableDistributedTracing) return undefined;
  const rate = config.distributedTracingSamplingRate;
  const wrong = (why: string) => `distributed tracing configurition is not valid: (${why})`;
  if (rate < 0) return wrong('tracing sampling rate must be positive');
  return rate > samplesMax ? wrong(`tracing sampling rate must be less than ${samplesMax}`) : undefined;
}

function featureFault(config: Config, notes: Note[]): string | undefined {
  const checkpoints = featureEnabled(config.featureGates, 'LeaseCheckpoint');
  const persisted = featureEnabled(config.featureGates, 'LeaseCheckpointPersist');
  if (checkpoints && !persisted) notes.push({ level: 'warn', msg: unpersisted });
  if (persisted && !checkpoints) {
    return 'enabling feature gate LeaseCheckpointPersist requires enabling feature gate LeaseCheckpoint';
  }
  if (config.compactHashCheckTimeMs > 0) return undefined;
  return `--compact-hash-check-time must be >0 (set to ${printDuration(config.compactHashCheckTimeMs)})`;
}

const tlsVersions: readonly string[] = ['', 'TLS1.2', 'TLS1.3'];

function nameAndTlsFault(config: Config, notes: Note[]): string | undefined {
  if (config.name === 'default') notes.push({ level: 'warn', msg: defaultName, fields: { name: config.name } });
  const { tlsMinVersion: min, tlsMaxVersion: max } = config;
  for (const version of [min, max]) {
    if (!tlsVersions.includes(version)) {
      return `unexpected TLS version ${quote(version)} (must be one of: TLS1.2, TLS1.3)`;
    }
  }
  if (max !== '' && min > max) return `min version (${min}) is greater than max version (${max})`;
  if (min === 'TLS1.3' && config.cipherSuites.length > 0) {
    return 'cipher suites cannot be configured when only TLS1.3 is enabled';
  }
  return undefined;
}

const isUnix = (url: string) => /^unixs?:/.test(url);

function hostOf(url: string): string {
  const read = parseMemberUrl(url);
  return (read.ok ? splitHostPort(read.value.host)?.host : undefined) ?? '';
}

/** Only addresses can be listened on: a name could move between the check and the bind. */
function unboundable(urls: readonly string[]): string | undefined {
  const named = urls.find((url) => !isUnix(url) && hostOf(url) !== 'localhost' && isIP(hostOf(url)) === 0);
  return named === undefined ? undefined : `expected IP in URL for binding (${named})`;
}

function hostless(urls: readonly string[]): string | undefined {
  const nameless = urls.find((url) => !isUnix(url) && hostOf(url) === '');
  return nameless === undefined ? undefined : `unexpected empty host (${nameless})`;
}

const singlePort: Note = {
  level: 'warn',
  msg: 'Running http and grpc server on single port. This is not recommended for production.',
};
const unpersisted =
  'Detected that checkpointing is enabled without persistence. Consider enabling feature gate LeaseCheckpointPersist';
const defaultName =
  "it isn't recommended to use default name, please set a value for --name. " +
  'Note that etcd might run into issue when multiple members have the same default name';
