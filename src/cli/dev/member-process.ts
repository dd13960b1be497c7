/** One member of `quorate dev`, as a process that is started, stopped, killed, paused, and started again on the same data. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface MemberPlace {
  /** `m1` */
  readonly name: string;
  readonly dataDir: string;
  readonly clientPort: number;
  readonly clientUrl: string;
  readonly peerPort: number;
  readonly peerUrl: string;
}

export type MemberState = 'running' | 'paused' | 'stopped' | 'killed' | 'ended';

export interface MemberListener {
  line(member: MemberProcess, line: string): void;
  /** It ended without being asked to. */
  ended(member: MemberProcess, how: string): void;
}

const program = fileURLToPath(new URL('./child.js', import.meta.url));
const waker = fileURLToPath(new URL('./waker.js', import.meta.url));
/** A member that does not stop in order within this is killed. */
const stopPatienceMs = 15_000;

export class MemberProcess {
  readonly place: MemberPlace;
  readonly #flags: readonly string[];
  readonly #listener: MemberListener;
  #child: ChildProcess | undefined;
  /** Lets it go on when we are gone. */
  #waker: ChildProcess | undefined;
  #exited: Promise<unknown> = Promise.resolve();
  state: MemberState = 'stopped';

  constructor(place: MemberPlace, flags: readonly string[], listener: MemberListener) {
    this.place = place;
    this.#flags = flags;
    this.#listener = listener;
  }

  get name(): string {
    return this.place.name;
  }

  get isAlive(): boolean {
    return this.state === 'running' || this.state === 'paused';
  }

  start(): void {
    if (this.isAlive) return;
    // In a session of its own: Ctrl-C is for us, and we stop it in order.
    const child = spawn(process.execPath, [program, ...this.#flags], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      detached: true,
      env: withoutServerVariables(),
    });
    this.#child = child;
    this.state = 'running';
    for (const stream of [child.stdout, child.stderr]) {
      if (stream !== null) createInterface({ input: stream }).on('line', (line) => this.#listener.line(this, line));
    }
    this.#exited = once(child, 'exit').then(([code, signal]) => this.#ended(child, code, signal));
  }

  /** In order, as on SIGTERM. */
  async stop(patienceMs = stopPatienceMs): Promise<void> {
    if (!this.isAlive) return;
    this.resume();
    this.state = 'stopped';
    this.#child?.kill('SIGTERM');
    const late = setTimeout(() => this.#child?.kill('SIGKILL'), patienceMs);
    await this.#exited;
    clearTimeout(late);
  }

  /** As a power cut would. */
  async kill(): Promise<void> {
    if (!this.isAlive) return;
    this.state = 'killed';
    this.#child?.kill('SIGKILL');
    await this.#exited;
  }

  pause(): void {
    if (this.state !== 'running' || this.#child?.pid === undefined) return;
    this.state = 'paused';
    this.#child.kill('SIGSTOP');
    this.#waker = spawn(process.execPath, [waker, String(this.#child.pid)], {
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      detached: true,
    });
  }

  resume(): void {
    if (this.state !== 'paused') return;
    this.state = 'running';
    this.#child?.kill('SIGCONT');
    this.#dismissWaker();
  }

  /** It wakes a member that is awake, which does nothing. */
  #dismissWaker(): void {
    if (this.#waker?.connected === true) this.#waker.disconnect();
    this.#waker = undefined;
  }

  #ended(child: ChildProcess, code: unknown, signal: unknown): void {
    if (child !== this.#child) return;
    this.#child = undefined;
    this.#dismissWaker();
    if (!this.isAlive) return;
    this.state = 'ended';
    this.#listener.ended(this, signal === null ? `with exit code ${code}` : `by ${signal}`);
  }
}

/** Ours say everything by flags, and the server takes nothing from both. */
function withoutServerVariables(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('ETCD_')));
}
