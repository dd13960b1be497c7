/** What options become when they were not set: derived from others, or raised to what etcd allows. */
import { parseMemberUrl, splitHostPort } from '../base/urls.js';
import type { Note } from './note.js';
import { type Config, defaultConfig } from './options.js';

const raftTimeoutMsMin = 5000;

/** Flags only: etcd raises these two before it looks at anything else, and says so. */
export function raiseRaftTimeouts(config: Config, notes: Note[]): Config {
  const raise = (ms: number, flag: string) => {
    if (ms < raftTimeoutMsMin) notes.push({ level: 'info', msg: `${flag} increased to minimum value: 5s` });
    return Math.max(ms, raftTimeoutMsMin);
  };
  const raftReadTimeoutMs = raise(config.raftReadTimeoutMs, 'raft-read-timeout');
  return { ...config, raftReadTimeoutMs, raftWriteTimeoutMs: raise(config.raftWriteTimeoutMs, 'raft-write-timeout') };
}

/**
 * After validation: the host that others reach this machine by, the first members, the data directory.
 * `defaultHost`: the address of the default route, undefined when there is none.
 */
export function derive(config: Config, defaultHost: string | undefined, notes: Note[]): Config {
  const advertised = advertise(config, defaultHost, notes);
  const named = nameInitialCluster(advertised);
  if (named.dataDir !== '') return named;
  const dataDir = `${named.name}.etcd`;
  notes.push({ level: 'warn', msg: "'data-dir' was empty; using default", fields: { 'data-dir': dataDir } });
  return { ...named, dataDir };
}

/** `localhost` is of no use to others when this member listens on all addresses. */
function advertise(config: Config, host: string | undefined, notes: Note[]): Config {
  if (host === undefined) return config;
  const defaults = defaultConfig();
  const replace = (urls: readonly string[], fallback: readonly string[], listening: readonly string[]) => {
    const port = portIfAnyAddress(listening[0]);
    return port !== undefined && urls.join() === fallback.join() ? [`http://${host}:${port}`] : urls;
  };
  const initialAdvertisePeerUrls = replace(
    config.initialAdvertisePeerUrls,
    defaults.initialAdvertisePeerUrls,
    config.listenPeerUrls,
  );
  const advertiseClientUrls = replace(
    config.advertiseClientUrls,
    defaults.advertiseClientUrls,
    config.listenClientUrls,
  );
  if (
    initialAdvertisePeerUrls === config.initialAdvertisePeerUrls &&
    advertiseClientUrls === config.advertiseClientUrls
  )
    return config;
  notes.push({ level: 'info', msg: 'detected default host for advertise', fields: { host } });
  return { ...config, initialAdvertisePeerUrls, advertiseClientUrls };
}

function portIfAnyAddress(url: string | undefined): string | undefined {
  const read = parseMemberUrl(url ?? '');
  const address = read.ok ? splitHostPort(read.value.host) : undefined;
  return address?.host === '0.0.0.0' ? address.port : undefined;
}

/** A name other than the default alone is enough to found a cluster of one. */
function nameInitialCluster(config: Config): Config {
  const defaults = defaultConfig();
  if (config.name === defaults.name || config.initialCluster !== defaults.initialCluster) return config;
  const name = config.name === '' ? defaults.name : config.name;
  return { ...config, initialCluster: config.initialAdvertisePeerUrls.map((url) => `${name}=${url}`).join(',') };
}
