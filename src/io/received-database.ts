/**
 * A database received with a snapshot: written beside the snapshots under a name that the next start removes, and renamed
 * once all of it is durable and has been read through. So a file of its name is whole, and can be taken in.
 */
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Bytes } from '../base/bytes.js';
import { check } from '../base/check.js';
import type { DiskCounters } from '../base/counters.js';
import { DatabaseImport } from '../member/database-import.js';
import { DatabaseJudge } from '../member/database-judge.js';
import { BoltFile } from '../wire/bolt/bolt-file.js';
import { snapDbName } from '../wire/wal/snap-file.js';
import { DatabaseFile } from './database-file.js';
import { faultText } from './fault.js';
import type { DatabaseIntake } from './storage.js';

type Told = (failed: string | undefined) => void;

/** Reading them through takes a few milliseconds. */
const judgeBytes = 1 << 20;

let begun = 0;

export class ReceivedDatabase implements DatabaseIntake {
  readonly #directory: string;
  readonly #path: string;
  readonly #unfinished: string;
  readonly #index: number;
  readonly #counters: DiskCounters;
  readonly #beganMs = performance.now();
  /** Opened by the first step; undefined again when it is closed. */
  #file: FileHandle | undefined;
  #busy = false;

  constructor(directory: string, index: number, counters: DiskCounters) {
    this.#directory = directory;
    this.#index = index;
    this.#path = join(directory, snapDbName(index));
    // Two senders may send the same one.
    this.#unfinished = join(directory, `tmp-${begun++}-${snapDbName(index)}`);
    this.#counters = counters;
  }

  write(piece: Bytes, written: Told): void {
    this.#step(async () => {
      this.#file ??= await open(this.#unfinished, 'w', 0o600);
      await this.#file.writeFile(piece);
    }, written);
  }

  finish(kept: Told): void {
    this.#step(async () => {
      this.#file ??= await open(this.#unfinished, 'w', 0o600);
      const syncedMs = performance.now();
      await this.#file.datasync();
      this.#counters.snapDbFsyncSeconds.observe((performance.now() - syncedMs) / 1000);
      await this.#close();
      await judge(this.#unfinished, this.#index);
      await rename(this.#unfinished, this.#path);
      const directory = await open(this.#directory);
      await directory.sync().finally(() => directory.close());
      this.#counters.snapDbSaveSeconds.observe((performance.now() - this.#beganMs) / 1000);
    }, kept);
  }

  abort(): void {
    this.#step(
      () => this.#discard(),
      () => {},
    );
  }

  #step(act: () => Promise<void>, told: Told): void {
    check(!this.#busy, 'one step is over before the next begins');
    this.#busy = true;
    const over = (failed: string | undefined) => {
      this.#busy = false;
      told(failed);
    };
    act().then(
      () => over(undefined),
      (cause: unknown) => this.#discard().finally(() => over(faultText(cause))),
    );
  }

  async #discard(): Promise<void> {
    await this.#close();
    await rm(this.#unfinished, { force: true });
  }

  async #close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }
}

/** Fails with what is wrong with it. */
async function judge(path: string, index: number): Promise<void> {
  const source = new DatabaseFile(path);
  try {
    const verdict = new DatabaseJudge(index);
    const reading = new DatabaseImport(new BoltFile(source), verdict);
    while (!reading.step(judgeBytes) && verdict.fault === undefined) await nextTurn();
    if (verdict.fault !== undefined) throw new Error(verdict.fault);
  } finally {
    source.close();
  }
}
