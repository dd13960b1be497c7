/**
 * The program `quorateutl`: works on files, without a server. Commands, texts and exit codes are those of etcd's `etcdutl`.
 *
 * Exit codes: 0 done; 1 it failed, or the command line cannot be read; 4 an output format it does not have; 128 wrong arguments.
 */
import { apiVersion } from '../base/version.js';
import { type Command, type CommandFlag, type Output, runCommand } from './command-tree.js';
import { snapshotCommand } from './snapshot-command.js';

const flags: readonly CommandFlag[] = [
  {
    name: 'timeout',
    type: 'duration',
    fallback: '10s',
    help: 'time to wait to obtain a file lock on db file, 0 to block indefinitely',
  },
  {
    name: 'write-out',
    short: 'w',
    type: 'string',
    fallback: 'simple',
    help: 'set the output format (fields, json, protobuf, simple, table)',
  },
];

const versionCommand: Command = {
  use: 'version',
  short: 'Prints the version of quorateutl',
  flags: [],
  async run(_args, _flags, output) {
    const [major, minor] = apiVersion.split('.');
    output.out(`quorateutl version: ${apiVersion}\nAPI version: ${major}.${minor}\n`);
    return 0;
  },
};

export const quorateutl: Command = {
  use: 'quorateutl',
  short: 'An administrative command line tool for quorate.',
  flags,
  commands: [snapshotCommand, versionCommand],
};

export async function main(argv: readonly string[]): Promise<void> {
  const output: Output = {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
  };
  process.exitCode = await runCommand(quorateutl, argv, output);
}
