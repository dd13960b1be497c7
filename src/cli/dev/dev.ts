/**
 * `quorate dev`: a whole cluster on this machine for demos and for trying things out. Each member is a process of its own, their
 * logs are one view, and members are killed and started again by what is typed.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { idToHex } from '../../base/ids.js';
import { memberIdOf } from '../../cluster/ids.js';
import { faultText } from '../../io/fault.js';
import { clusterToken, DevCluster, placesOf, portFaults } from './cluster.js';
import { runCommand } from './commands.js';
import type { MemberPlace, MemberProcess } from './member-process.js';
import { type DevOptions, devHelp, parseDevArguments } from './options.js';
import { leaderAmong } from './status.js';
import { introducedIn, isTelling, memberLine, messageOf, ownLine, type ViewOptions, withNames } from './view.js';

const prompt = 'quorate> ';
const readyMessage = 'ready to serve client requests';

export async function runDev(argv: readonly string[]): Promise<void> {
  const read = parseDevArguments(argv);
  if (read.kind === 'help') {
    process.stdout.write(devHelp);
    return;
  }
  if (read.kind === 'wrong') return end(`quorate dev: ${read.why}\n\n${devHelp}`, 2);
  const { options } = read;
  const ports = await portFaults(placesOf(options, ''));
  if (ports.length > 0) {
    const lines = ports.map((fault) => `quorate dev: ${fault}\n`).join('');
    return end(`${lines}Choose another --base-port, or stop what is there.\n`, 1);
  }
  try {
    const dir = options.dataDir === undefined ? mkdtempSync(join(tmpdir(), 'quorate-dev-')) : resolve(options.dataDir);
    mkdirSync(dir, { recursive: true });
    await new Session(options, dir).run();
  } catch (cause) {
    end(`quorate dev: ${faultText(cause)}\n`, 1);
  }
}

function end(text: string, exitCode: number): void {
  process.stderr.write(text);
  process.exitCode = exitCode;
}

class Session {
  readonly #options: DevOptions;
  readonly #dir: string;
  readonly #places: readonly MemberPlace[];
  readonly #cluster: DevCluster;
  readonly #view: ViewOptions;
  readonly #ready = new Set<string>();
  /** By hex id. */
  readonly #names: Map<string, string>;
  #input: Interface | undefined;
  #closing: Promise<void> | undefined;
  #onClosed: () => void = () => {};

  constructor(options: DevOptions, dir: string) {
    this.#options = options;
    this.#dir = dir;
    this.#places = placesOf(options, dir);
    this.#names = new Map(
      this.#places.map(({ name, peerUrl }) => [idToHex(memberIdOf([peerUrl], clusterToken, undefined)), name]),
    );
    this.#cluster = new DevCluster(this.#places, options, {
      line: (member, line) => this.#memberLine(member, line),
      ended: (member, how) => this.#say(`${member.name} ended ${how}; restart ${member.name} starts it again`),
    });
    const isTerminal = process.stdout.isTTY === true;
    this.#view = {
      color: isTerminal && !process.env.NO_COLOR,
      get columns() {
        return isTerminal ? process.stdout.columns : Number.POSITIVE_INFINITY;
      },
    };
  }

  async run(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#onClosed = resolve;
    });
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => this.#close());
    for (const line of introduction(this.#options, this.#places, this.#dir)) this.#print(line);
    this.#cluster.start();
    this.#listen();
    await closed;
  }

  #listen(): void {
    const isTyped = process.stdin.isTTY === true && process.stdout.isTTY === true;
    const input = createInterface({ input: process.stdin, ...(isTyped && { output: process.stdout, prompt }) });
    this.#input = input;
    let before = Promise.resolve();
    input.on('line', (line) => {
      before = before.then(() => this.#typed(line));
    });
    // In a terminal Ctrl-C comes here, and not as a signal.
    input.on('SIGINT', () => this.#close());
    if (!isTyped) return;
    input.on('close', () => this.#close());
    input.prompt();
  }

  async #typed(line: string): Promise<void> {
    if (this.#closing !== undefined) return;
    if (line.trim() === 'quit' || line.trim() === 'exit') return this.#close();
    try {
      await runCommand(line, this.#cluster, (text) => this.#say(text));
    } catch (cause) {
      this.#say(faultText(cause));
    }
    this.#input?.prompt(true);
  }

  #memberLine(member: MemberProcess, line: string): void {
    const place = this.#places.indexOf(member.place);
    const id = introducedIn(line);
    if (id !== undefined) this.#names.set(id, member.name);
    if (this.#options.logs !== 'brief') this.#print(memberLine(member.name, place, line, this.#view));
    else if (isTelling(line)) this.#print(memberLine(member.name, place, withNames(line, this.#names), this.#view));
    if (messageOf(line) === readyMessage) void this.#memberReady(member);
  }

  /** Tells once when all are there. */
  async #memberReady({ name }: MemberProcess): Promise<void> {
    const wasComplete = this.#ready.size === this.#places.length;
    this.#ready.add(name);
    if (wasComplete || this.#ready.size < this.#places.length) return;
    const leader = leaderAmong(await this.#cluster.statuses());
    this.#say(
      `all ${this.#places.length} members serve${leader === undefined ? '' : `, ${leader.name} leads`}; type help`,
    );
  }

  #say(text: string): void {
    this.#print(ownLine(text, this.#view));
  }

  /** What is being typed stays below what is printed. */
  #print(line: string): void {
    const isTyped = this.#input?.terminal === true && this.#closing === undefined;
    process.stdout.write(isTyped ? `\r\x1b[K${line}\n` : `${line}\n`);
    if (isTyped) this.#input?.prompt(true);
  }

  #close(): void {
    this.#closing ??= this.#stop();
  }

  async #stop(): Promise<void> {
    this.#say('stopping all members');
    // What is thrown away need not be put in order first.
    if (this.#options.dataDir === undefined) await this.#cluster.kill();
    else await this.#cluster.stop();
    if (this.#options.dataDir === undefined) rmSync(this.#dir, { recursive: true, force: true });
    if (this.#input?.terminal === true) process.stdout.write('\r\x1b[K');
    this.#input?.close();
    process.stdin.destroy();
    this.#onClosed();
  }
}

function introduction({ dataDir }: DevOptions, places: readonly MemberPlace[], dir: string): readonly string[] {
  const endpoints = places.map(({ clientUrl }) => clientUrl).join(',');
  const kept = dataDir === undefined ? ', removed at the end' : '';
  return [
    `${places.length === 1 ? 'A member' : `A cluster of ${places.length} members`}, data in ${dir}${kept}`,
    '',
    ...places.map(({ name, clientUrl, peerUrl }) => `  ${name}  clients ${clientUrl}  peers ${peerUrl}`),
    '',
    '  Try, in another terminal:',
    `  ETCDCTL_API=3 etcdctl --endpoints=${endpoints} endpoint status -w table`,
    '',
  ];
}
