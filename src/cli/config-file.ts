/**
 * The configuration file, YAML or JSON. It replaces flags and environment altogether.
 * Keys match in any case, unknown ones are passed over, durations are whole nanoseconds, and a wrong type is refused
 * in the words of Go's JSON decoder.
 */
import { parse as parseYaml, type ScalarTag } from 'yaml';
import { type Parsed, parsed, refused } from '../base/go-text.js';
import type { Said } from './command-line.js';
import { jsonKind } from './kinds.js';
import type { Option } from './option.js';
import { anyOption, optionNames } from './options.js';

/** `exitCode` when etcd ends in an own way; undefined for the ordinary refusal. */
export type FileRefusal = {
  readonly ok: false;
  readonly why: string;
  readonly stderrOnly?: boolean;
  readonly exitCode?: number;
};
export type FileRead = { readonly ok: true; readonly said: Said; readonly keys: ReadonlySet<string> } | FileRefusal;

type Table = Readonly<Record<string, unknown>>;
const isTable = (value: unknown): value is Table =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

/** Go types of the tables that group keys. */
const groupTypes: Readonly<Record<string, string>> = {
  'socket-options': 'transport.SocketOpts',
  'client-transport-security': 'embed.securityConfig',
  'peer-transport-security': 'embed.securityConfig',
  'discovery-config': 'v3discovery.DiscoveryConfig',
  'discovery-config.client': 'clientv3.ConfigSpec',
  'discovery-config.client.secure': 'clientv3.SecureConfig',
  'discovery-config.client.auth': 'clientv3.AuthConfig',
};

/** By key, for of several faults the first by key is named. */
const inFileOrder = [...optionNames].sort((a, b) =>
  (anyOption(a).fileKey ?? '') < (anyOption(b).fileKey ?? '') ? -1 : 1,
);

export function readConfigFile(content: string): FileRead {
  const root = decode(content);
  if (!root.ok) return root;
  const said: Said = new Map();
  for (const name of inFileOrder) {
    const option = anyOption(name);
    if (option.fileKey === undefined) continue;
    const found = lookUp(root.value, option.fileKey);
    if (!found.ok) return found;
    // An empty text means "not set" to etcd where the text stands for a list.
    if (found.value === undefined || found.value === null) continue;
    if (option.kind.textInFile && found.value === '') continue;
    const value = option.kind.fromFile(found.value, option.fallback);
    if (!value.ok) return faulty(option, found.value, value.why);
    said.set(name, value.value);
  }
  return { ok: true, said, keys: new Set(Object.keys(root.value)) };
}

/** Words that YAML 1.1, and so etcd, takes for booleans. */
const oldBoolean: ScalarTag = {
  default: true,
  tag: 'tag:yaml.org,2002:bool',
  test: /^(?:y|Y|yes|Yes|YES|on|On|ON|n|N|no|No|NO|off|Off|OFF)$/,
  resolve: (word) => /^(?:y|on)/i.test(word),
};

function decode(content: string): Parsed<Table> {
  let value: unknown;
  try {
    value = parseYaml(content, { customTags: (tags) => [oldBoolean, ...tags] }) ?? {};
  } catch (cause) {
    const [message = ''] = (cause instanceof Error ? cause.message : String(cause)).split('\n', 1);
    return refused(`error converting YAML to JSON: yaml: ${message}`);
  }
  if (isTable(value)) return parsed(value);
  return refused(`${unmarshal} ${jsonKind(value)} into Go value of type embed.configYAML`);
}

/** The value at a dotted path, undefined when nothing is there. */
function lookUp(root: Table, path: string): Parsed<unknown> {
  let value: unknown = root;
  const walked: string[] = [];
  for (const key of path.split('.')) {
    if (value === undefined || value === null) return parsed(undefined);
    if (!isTable(value)) {
      const group = walked.join('.');
      const owner = group.includes('transport-security') ? 'configYAML.configJSON' : 'configYAML.Config';
      return refused(
        `${unmarshal} ${jsonKind(value)} into Go struct field ${owner}.${group} of type ${groupTypes[group]}`,
      );
    }
    value = inAnyCase(value, key);
    walked.push(key);
  }
  return parsed(value);
}

function inAnyCase(table: Table, key: string): unknown {
  if (Object.hasOwn(table, key)) return table[key];
  const other = Object.keys(table).find((name) => name.toLowerCase() === key);
  return other === undefined ? undefined : table[other];
}

function faulty(option: Option<unknown>, value: unknown, why: string): FileRefusal {
  const key = option.fileKey as string;
  if (option.kind.textInFile && typeof value === 'string') return faultyText(option, why);
  const group = key.slice(0, key.lastIndexOf('.'));
  const goType = option.kind.goType.replace('[]', Array.isArray(value) ? '' : '[]');
  if (key === group || !key.includes('.')) {
    const owner = option.kind.textInFile ? 'configYAML.configJSON' : 'configYAML.Config';
    return refused(`${unmarshal} ${why} into Go struct field ${owner}.${key} of type ${goType}`);
  }
  const struct = (groupTypes[group] ?? '').replace(/^.*\./, '');
  const owner = struct === 'securityConfig' ? 'configJSON' : 'Config';
  return refused(`${unmarshal} ${why} into Go struct field ${struct}.${owner}.${key} of type ${goType}`);
}

function faultyText(option: Option<unknown>, why: string): FileRefusal {
  if (option.flag === 'feature-gates') return refused(why);
  if (option.flag === 'cors') {
    return { ok: false, why: `panic: new UniqueURLs should never fail: ${why}`, stderrOnly: true, exitCode: 2 };
  }
  // etcd's own text names the peer URLs when the client URLs to advertise are wrong.
  const flag = option.flag === 'advertise-client-urls' ? 'advertise-peer-urls' : option.flag;
  return { ok: false, why: `unexpected error setting up ${flag}: ${why}`, stderrOnly: true, exitCode: 1 };
}

const unmarshal = 'error unmarshaling JSON: while decoding JSON: json: cannot unmarshal';
