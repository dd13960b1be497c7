/** `--version`, `--help` and the page of flags: all written from the table of options. */
import { apiVersion, productVersion } from '../base/version.js';
import { featureGates } from './feature-gates.js';
import type { Option } from './option.js';
import { environmentName, optionGroups } from './options.js';

/** Tools read the first line. The rest says what really runs. */
export const versionText = `etcd Version: ${apiVersion}
Quorate Version: ${productVersion}
Node Version: ${process.version}
Node OS/Arch: ${process.platform}/${process.arch}
`;

export const usage = `Usage:

  quorate [flags]
    Start a server.

  quorate dev [--members N]
    Run a whole cluster on this machine, to try things out; quorate dev --help tells more.

  quorate --version
    Show the version.

  quorate -h | --help
    Show this help and every flag.

  quorate --config-file FILE
    Read the configuration from a YAML or JSON file; other flags and ETCD_* variables are then ignored.
    Durations in the file are whole nanoseconds (600000000000 for 10m); only flags take texts such as "10m".

`;

const entries = Object.entries(optionGroups).map(
  ([title, group]) => [title, Object.values(group) as readonly Option<unknown>[]] as const,
);

const gateLines = Object.entries(featureGates).map(
  ([name, { stage, fallback }]) => `${name}=true|false (${stage} - default=${fallback})`,
);

function flagText(option: Option<unknown>): string {
  const gates = option.flag === 'feature-gates' ? gateLines.map((line) => `\n    ${line}`).join('') : '';
  return `  --${option.flag} '${option.kind.print(option.fallback)}'\n    ${option.about}${gates}\n`;
}

export const help = `${entries.map(([title, group]) => `\n${title}:\n${group.map(flagText).join('')}`).join('')}
Unsafe flags may break what the consensus protocol promises.
`;

function row(option: Option<unknown>): readonly string[] {
  const code = (text: string | undefined) => (text ? `\`${text}\`` : '');
  const fallback = option.kind.print(option.fallback);
  const flag = code(`--${option.flag}`);
  return [flag, code(fallback), code(environmentName(option.flag)), code(option.fileKey), option.about];
}

/** Columns as wide as their widest cell, as the formatter wants them. */
function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, i) => Math.max(...[head, ...rows].map((cells) => (cells[i] ?? title).length)));
  const line = (cells: readonly string[], fill: string) =>
    `| ${widths.map((width, i) => (cells[i] ?? '').padEnd(width, fill)).join(' | ')} |`;
  return [line(head, ' '), line([], '-'), ...rows.map((cells) => line(cells, ' '))].join('\n');
}

/** The page `docs/flags.md`, whole. */
export function flagsPage(): string {
  const head = ['flag', 'default', 'environment', 'file key', 'meaning'];
  const tables = entries.map(([title, group]) => `## ${title}\n\n${markdownTable(head, group.map(row))}\n`);
  const gates = gateLines.map((line) => `- \`${line}\``).join('\n');
  return `# Flags of \`quorate\`

Written by \`node tools/docs/flags.js\` from the table in \`src/cli/options.ts\`: do not edit.
A flag wins over the default, an \`ETCD_*\` variable stands in for its flag (both together are refused), and \`--config-file\` replaces them all.
Durations are Go's: \`1m30s\`, \`100ms\`; in the file they are whole nanoseconds.

${tables.join('\n')}
## Feature gates

${gates}
`;
}
