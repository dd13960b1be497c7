/** What `quorate dev` is told: flags of its own, and after `--` flags of the server, for every member. */
import { parseArgs } from 'node:util';

export interface DevOptions {
  readonly members: number;
  /** Member n takes this port and the next one, two further for each member. */
  readonly basePort: number;
  /** Undefined: a new directory, removed at the end. */
  readonly dataDir: string | undefined;
  /** `brief`: warnings, and what moves in the cluster. */
  readonly logs: Logs;
  readonly serverFlags: readonly string[];
}

export type DevArguments =
  | { readonly kind: 'run'; readonly options: DevOptions }
  | { readonly kind: 'help' }
  | { readonly kind: 'wrong'; readonly why: string };

const membersMax = 9;
const portMax = 65_535;
export const logsShown = ['brief', 'debug', 'info', 'warn', 'error'] as const;
export type Logs = (typeof logsShown)[number];

export const devHelp = `Usage:

  quorate dev [--members N] [--base-port PORT] [--data-dir DIR] [--logs LEVEL] [-- FLAGS]
    Run a cluster of N members on this machine, with one view of their logs, to try things out.

  --members '3'
    How many: 1 to ${membersMax}.
  --base-port '2379'
    Member m1 serves clients here and peers on the next port, m2 on the two after those, and so on.
  --data-dir ''
    Where the members keep their data; it stays, and the next run goes on with it. Without it a new
    directory is made, and removed at the end.
  --logs 'brief'
    What is shown of the members' logs: ${logsShown.join(', ')}. Brief is warnings and what moves: elections, members, snapshots.

  Flags after -- go to every member: quorate dev -- --snapshot-count=1000

While it runs, type help.
`;

export function parseDevArguments(argv: readonly string[]): DevArguments {
  const dashes = argv.indexOf('--');
  const own = dashes < 0 ? argv : argv.slice(0, dashes);
  const serverFlags = dashes < 0 ? [] : argv.slice(dashes + 1);
  let values: ReturnType<typeof read>;
  try {
    values = read(own);
  } catch (cause) {
    return { kind: 'wrong', why: cause instanceof Error ? (cause.message.split('. ')[0] ?? '') : String(cause) };
  }
  if (values.help) return { kind: 'help' };
  const members = Number(values.members);
  if (!Number.isInteger(members) || members < 1 || members > membersMax) {
    return { kind: 'wrong', why: `--members is a number from 1 to ${membersMax}, not '${values.members}'` };
  }
  const basePort = Number(values['base-port']);
  const lastPort = basePort + 2 * members - 1;
  if (!Number.isInteger(basePort) || basePort < 1 || lastPort > portMax) {
    return { kind: 'wrong', why: `--base-port leaves no room for ${members} members: '${values['base-port']}'` };
  }
  const logs = logsShown.find((each) => each === values.logs);
  if (logs === undefined) return { kind: 'wrong', why: `--logs is one of ${logsShown.join(', ')}` };
  const dataDir = values['data-dir'] === '' ? undefined : values['data-dir'];
  return { kind: 'run', options: { members, basePort, dataDir, logs, serverFlags } };
}

/** Throws where a flag is not known or has no value. */
function read(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    options: {
      members: { type: 'string', default: '3' },
      'base-port': { type: 'string', default: '2379' },
      'data-dir': { type: 'string', default: '' },
      logs: { type: 'string', default: 'brief' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  }).values;
}
