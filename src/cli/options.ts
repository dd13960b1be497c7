/**
 * Every option of the server, once: flags, `ETCD_*` variables, the configuration file, `--help`, the page `docs/flags.md`
 * and the type `Config` all come from here. Relations between options are in `validate.ts`.
 */
import type { Option } from './option.js';
import { clustering } from './options-clustering.js';
import { member } from './options-member.js';
import { features, logging, monitoring, tracing, unsafe } from './options-operation.js';
import { auth, security } from './options-security.js';

/** For `--help` and the docs page. */
export const optionGroups = {
  Member: member,
  Clustering: clustering,
  Security: security,
  Auth: auth,
  'Profiling and Monitoring': monitoring,
  Logging: logging,
  'Distributed tracing': tracing,
  Features: features,
  'Unsafe features': unsafe,
} as const;

export const options = {
  ...member,
  ...clustering,
  ...security,
  ...auth,
  ...monitoring,
  ...logging,
  ...tracing,
  ...features,
  ...unsafe,
};

export type OptionName = keyof typeof options;
/** What the program runs with. Durations are milliseconds, URL lists are sorted and free of doubles. */
export type Config = { readonly [Name in OptionName]: (typeof options)[Name] extends Option<infer T> ? T : never };

export const optionNames = Object.keys(options) as OptionName[];
/** One option, without its value's type: for code that walks the table. */
export const anyOption = (name: OptionName): Option<unknown> => options[name] as Option<unknown>;

/** Flags of earlier versions that are still read, as booleans, and do nothing. */
export const ignoredFlags: readonly string[] = [
  'cluster-active-size',
  'cluster-remove-delay',
  'cluster-sync-interval',
  'config',
  'force',
  'max-result-buffer',
  'max-retry-attempts',
  'peer-heartbeat-interval',
  'peer-election-timeout',
  'retry-interval',
  'snapshot',
  'v',
  'vv',
  'test.coverprofile',
  'test.outputdir',
];

export const deprecatedFlags: Readonly<Record<string, string>> = {
  'max-snapshots': '--max-snapshots is deprecated in 3.6 and will be decommissioned in 3.8.',
  'v2-deprecation':
    '--v2-deprecation is deprecated and scheduled for removal in v3.8. The default value is enforced, ignoring user input.',
};

export function defaultConfig(): Config {
  return Object.fromEntries(optionNames.map((name) => [name, options[name].fallback])) as unknown as Config;
}

/** `listen-client-urls` -> `ETCD_LISTEN_CLIENT_URLS`. */
export function environmentName(flag: string): string {
  return `ETCD_${flag.toUpperCase().replaceAll('-', '_')}`;
}
