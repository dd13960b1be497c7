/**
 * `ETCD_*` variables: each sets the option of its flag, where the flag itself was not given.
 * A variable beside its own flag is refused, for one of the two would silently lose.
 */

import { quote } from '../base/go-text.js';
import { readOption, type Said } from './command-line.js';
import type { Note } from './note.js';
import { anyOption, environmentName, ignoredFlags, type OptionName, optionNames } from './options.js';

export type Environment = Readonly<Record<string, string | undefined>>;

export type EnvironmentRead = {
  readonly notes: readonly Note[];
  /** Ends the program at once; the last note says why. */
  readonly fatal: boolean;
  /** A value that could not be read. */
  readonly error: string | undefined;
};

type Slot = { readonly flag: string; readonly option: OptionName | undefined };

/** In order of their names, as Go visits flags. */
const slots: readonly Slot[] = [
  ...optionNames.map((option) => ({ flag: anyOption(option).flag, option })),
  ...[...ignoredFlags, 'config-file', 'version'].map((flag) => ({ flag, option: undefined })),
].sort((a, b) => (a.flag < b.flag ? -1 : 1));

/** Adds to `said` what the environment says. `given`: the options that the command line named. */
export function readEnvironment(environment: Environment, said: Said): EnvironmentRead {
  const notes: Note[] = [];
  const given = new Set([...said.keys()].map((name) => environmentName(anyOption(name).flag)));
  const used = new Set<string>();
  let error: string | undefined;
  const version = environment.ETCD_VERSION;
  if (version) {
    notes.push({
      level: 'warn',
      msg: 'cannot set special environment variable',
      fields: { key: 'ETCD_VERSION', value: version },
    });
    used.add('ETCD_VERSION');
  }
  for (const { flag, option } of slots) {
    const variable = environmentName(flag);
    const value = environment[variable];
    if (given.has(variable) || used.has(variable) || !value) continue;
    used.add(variable);
    const read = option === undefined ? undefined : readOption(said, option, value);
    if (read !== undefined && !read.ok) {
      error = `invalid value ${quote(value)} for ${variable}: ${read.why}`;
      continue;
    }
    const fields = { 'variable-name': variable, 'variable-value': value };
    notes.push({ level: 'info', msg: 'recognized and used environment variable', fields });
  }
  for (const [variable, value] of Object.entries(environment)) {
    if (used.has(variable)) continue;
    if (given.has(variable)) {
      const fields = { 'environment-variable': variable };
      notes.push({ level: 'fatal', msg: shadowed, fields });
      return { notes, fatal: true, error };
    }
    if (!variable.startsWith('ETCD_')) continue;
    const fields = { 'environment-variable': `${variable}=${value}` };
    notes.push({ level: 'warn', msg: 'unrecognized environment variable', fields });
  }
  return { notes, fatal: false, error };
}

const shadowed =
  'conflicting environment variable is shadowed by corresponding command-line flag (either unset environment variable or disable flag))';
