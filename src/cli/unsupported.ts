/**
 * Options that are read and judged, and that this version cannot honour yet. Setting one refuses the start:
 * a server that silently ran without TLS or without its peers would be worse than none.
 * Whoever builds one of these deletes its line here.
 */
import type { Note } from './note.js';
import { anyOption, type Config, defaultConfig, type OptionName } from './options.js';

/** Refused when they differ from their defaults. */
const refusedWhenSet: readonly OptionName[] = [
  'certFile',
  'keyFile',
  'clientCertFile',
  'clientKeyFile',
  'clientCertAuth',
  'clientCrlFile',
  'clientCertAllowedHostname',
  'trustedCaFile',
  'autoTls',
  'peerCertFile',
  'peerKeyFile',
  'peerClientCertFile',
  'peerClientKeyFile',
  'peerClientCertAuth',
  'peerTrustedCaFile',
  'peerAutoTls',
  'peerCrlFile',
  'peerCertAllowedCn',
  'peerCertAllowedHostname',
  'cipherSuites',
  'discoveryEndpoints',
  'discoverySrv',
  'authToken',
  'enableDistributedTracing',
  'enableLogRotation',
];

/** Read for compatibility; they have nothing to act upon here, which is said once and does no harm. */
const withoutEffect: readonly OptionName[] = [
  'backendBboltFreelistType',
  'memoryMlock',
  'enablePprof',
  'bootstrapDefragThresholdMegabytes',
  'socketReusePort',
  'socketReuseAddress',
];

const urlOptions: readonly OptionName[] = [
  'listenPeerUrls',
  'listenClientUrls',
  'listenClientHttpUrls',
  'listenMetricsUrls',
];

const says = (what: string) => `${what} is not supported yet by this version of quorate`;

/** One line for the first option that cannot be honoured, or undefined. */
export function unsupported(config: Config): string | undefined {
  const defaults = defaultConfig();
  const isSet = (name: OptionName) => String(config[name]) !== String(defaults[name]);
  const set = refusedWhenSet.find((name) => isSet(name) && !harmless(config, name));
  if (set !== undefined) return says(`--${anyOption(set).flag}`);
  for (const name of urlOptions) {
    const secure = [config[name]].flat().find((url) => /^(https|unixs):/.test(String(url)));
    if (secure !== undefined) return says(`TLS (--${anyOption(name).flag}=${secure})`);
  }
  if (config.logOutputs.includes('systemd/journal')) return says('--log-outputs=systemd/journal');
  return undefined;
}

export function notesWithoutEffect(config: Config): readonly Note[] {
  const defaults = defaultConfig();
  return withoutEffect
    .filter((name) => String(config[name]) !== String(defaults[name]))
    .map((name) => ({ level: 'warn', msg: 'option has no effect', fields: { option: anyOption(name).flag } }));
}

/** Zero written in another way means the default all the same. */
function harmless(config: Config, name: OptionName): boolean {
  return name === 'authToken' && config.authToken === '';
}
