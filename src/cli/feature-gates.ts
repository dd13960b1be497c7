/** Feature gates: switches of alpha and beta features, set by `--feature-gates A=true,B=false`. */
import { type Parsed, parseBoolean, parsed, quote, refused } from '../base/go-text.js';

export type Stage = 'ALPHA' | 'BETA';

/** `AllAlpha` and `AllBeta` stand for every gate of their stage. */
export const featureGates = {
  AllAlpha: { stage: 'ALPHA', fallback: false },
  AllBeta: { stage: 'BETA', fallback: false },
  CompactHashCheck: { stage: 'ALPHA', fallback: false },
  FastLeaseKeepAlive: { stage: 'BETA', fallback: true },
  InitialCorruptCheck: { stage: 'ALPHA', fallback: false },
  LeaseCheckpoint: { stage: 'ALPHA', fallback: false },
  LeaseCheckpointPersist: { stage: 'ALPHA', fallback: false },
  PriorityRequest: { stage: 'ALPHA', fallback: false },
  SetMemberLocalAddr: { stage: 'ALPHA', fallback: false },
  StopGRPCServiceOnDefrag: { stage: 'ALPHA', fallback: false },
  TxnModeWriteWithSharedBuffer: { stage: 'BETA', fallback: true },
} as const satisfies Record<string, { stage: Stage; fallback: boolean }>;

export type FeatureName = keyof typeof featureGates;
/** Only gates that were set, by name or through `AllAlpha` and `AllBeta`. */
export type FeatureGates = Partial<Record<FeatureName, boolean>>;

export const featureNames = Object.keys(featureGates) as FeatureName[];

const isFeature = (name: string): name is FeatureName => Object.hasOwn(featureGates, name);

export function featureEnabled(gates: FeatureGates, name: FeatureName): boolean {
  return gates[name] ?? featureGates[name].fallback;
}

/** `A=true,B=false`. A gate named outright wins over `AllAlpha` and `AllBeta`, wherever it stands. */
export function parseFeatureGates(text: string): Parsed<FeatureGates> {
  const named = new Map<string, boolean>();
  for (const item of text.split(',')) {
    if (item === '') continue;
    const equals = item.indexOf('=');
    const name = (equals < 0 ? item : item.slice(0, equals)).trim();
    if (equals < 0) return refused(`missing bool value for ${name}`);
    const value = item.slice(equals + 1).trim();
    const on = parseBoolean(value);
    if (on === undefined) {
      return refused(
        `invalid value of ${name}=${value}, err: strconv.ParseBool: parsing ${quote(value)}: invalid syntax`,
      );
    }
    named.set(name, on);
  }
  const gates: FeatureGates = {};
  for (const [name, on] of named) {
    if (!isFeature(name)) return refused(`unrecognized feature gate: ${name}`);
    gates[name] = on;
  }
  for (const name of featureNames) {
    const all = featureGates[name].stage === 'ALPHA' ? gates.AllAlpha : gates.AllBeta;
    if (all !== undefined) gates[name] ??= all;
  }
  return parsed(gates);
}

/** `A=true,B=false`, by name. */
export function printFeatureGates(gates: FeatureGates): string {
  return Object.entries(gates)
    .map(([name, on]) => `${name}=${on}`)
    .sort()
    .join(',');
}
