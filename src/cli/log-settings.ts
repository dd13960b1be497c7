/** Options of the log, judged before all others because every later refusal is logged with them. */

import { quote } from '../base/go-text.js';
import type { Level } from '../base/log.js';
import type { Config } from './options.js';

export type LogSettings = {
  readonly level: Level;
  readonly format: 'json' | 'console';
  /** `stderr`, `stdout` or file paths, each once. */
  readonly outputs: readonly string[];
};

export const defaultLogSettings: LogSettings = { level: 'info', format: 'json', outputs: ['stderr'] };

export type LogSettingsRead =
  | { readonly kind: 'ok'; readonly settings: LogSettings }
  | { readonly kind: 'refused'; readonly why: string }
  /** etcd panics here; the text goes to stderr as it is. */
  | { readonly kind: 'panic'; readonly message: string };

const levels: Readonly<Record<string, Level>> = {
  '': 'info',
  debug: 'debug',
  info: 'info',
  warn: 'warn',
  warning: 'warn',
  error: 'error',
  dpanic: 'panic',
  panic: 'panic',
  fatal: 'fatal',
};

const wrong = (why: string): LogSettingsRead => ({ kind: 'refused', why });

export function readLogSettings(config: Config): LogSettingsRead {
  if (config.logger === 'capnslog') return wrong('--logger=capnslog is removed in v3.5');
  if (config.logger !== 'zap') return wrong(`unknown logger option ${quote(config.logger)}`);
  const targets = config.logOutputs.length === 0 ? ['default'] : config.logOutputs;
  if (targets.length > 1 && targets.includes('default')) {
    return wrong('multi logoutput for "default" is not supported yet');
  }
  const rotation = config.enableLogRotation ? rotationFault(targets, config.logRotationConfigJson) : undefined;
  if (rotation !== undefined) return wrong(rotation);
  const level = levels[config.logLevel.toLowerCase()];
  if (level === undefined) return { kind: 'panic', message: `panic: unrecognized level: ${quote(config.logLevel)}` };
  const format = config.logFormat === '' ? 'json' : config.logFormat;
  if (format !== 'json' && format !== 'console') {
    return wrong(`unknown log format: ${format}, supported values json, console`);
  }
  return { kind: 'ok', settings: { level, format, outputs: outputsOf(targets) } };
}

function outputsOf(targets: readonly string[]): readonly string[] {
  if (targets.includes('/dev/null')) return [];
  return [...new Set(targets.map((target) => (target === 'default' ? 'stderr' : target)))].sort();
}

const streams: readonly string[] = ['default', 'stderr', 'stdout'];
const rotationTypes: Readonly<Record<string, readonly [string, string]>> = {
  maxsize: ['number', 'int'],
  maxage: ['number', 'int'],
  maxbackups: ['number', 'int'],
  localtime: ['boolean', 'bool'],
  compress: ['boolean', 'bool'],
  filename: ['string', 'string'],
};

function rotationFault(targets: readonly string[], json: string): string | undefined {
  if (targets.filter((target) => !streams.includes(target)).length !== 1) {
    return '--log-outputs requires a single file path when --log-rotate-config-json is defined';
  }
  let rotation: unknown;
  try {
    rotation = JSON.parse(json);
  } catch {
    const why = /^\s*[[{]/.test(json) || json.trim() === '' ? 'unexpected end of JSON input' : 'invalid JSON input';
    return `improperly formatted log rotation config: ${why}`;
  }
  for (const [key, value] of Object.entries(rotation ?? {})) {
    const [jsType, goType] = rotationTypes[key.toLowerCase()] ?? [];
    if (jsType === undefined || typeof value === jsType) continue;
    const found = typeof value === 'boolean' ? 'bool' : typeof value;
    return `invalid log rotation config: json: cannot unmarshal ${found} into Go struct field logRotationConfig.Logger.${key} of type ${goType}`;
  }
  return undefined;
}
