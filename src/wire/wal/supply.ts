/**
 * Makes the next segment ready while the present one fills, so that a cut waits for no space to be found.
 *
 * Zeroes are written ahead at twice the pace of the log, one piece at a time: an idle member writes none, and a busy one has the
 * whole segment ready when the log is half through. Written zeroes, and not a mere reservation, because then a later
 * write changes data alone: no file system has to note in its own journal what a sync would wait for.
 */
import { type Disk, DiskFailure, type DiskFile } from './disk.js';

const zeroes = new Uint8Array(128 << 10);
/** The next segment is begun when this part of the present one is full. */
const beginAtPart = 1 / 64;

export class SegmentSupply {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #segmentBytes: number;
  readonly #failed: (failure: DiskFailure) => void;
  #next: DiskFile | undefined;
  #made = 0;
  #zeroedTo = 0;
  #zeroing = false;
  #taker: ((file: DiskFile) => void) | undefined;
  #closed = false;
  readonly #zeroed = (failure: DiskFailure | undefined) => this.#onZeroed(failure);

  constructor(disk: Disk, directory: string, segmentBytes: number, failed: (failure: DiskFailure) => void) {
    this.#disk = disk;
    this.#directory = directory;
    this.#segmentBytes = segmentBytes;
    this.#failed = failed;
  }

  /** The log has come to `offset` of its segment. */
  keepAhead(offset: number): void {
    const size = this.#segmentBytes;
    if (this.#zeroing || this.#closed || offset < size * beginAtPart) return;
    const next = this.#next ?? this.#make();
    if (next === undefined) return;
    const length = Math.min(zeroes.length, size - this.#zeroedTo);
    if (length === 0 || this.#zeroedTo >= offset * 2) return;
    this.#zeroing = true;
    next.write(zeroes, length, this.#zeroedTo, this.#zeroed);
    this.#zeroedTo += length;
  }

  /** Hands the next segment over, as soon as nothing is being written to it. */
  take(taker: (file: DiskFile) => void): void {
    if (this.#zeroing) this.#taker = taker;
    else this.#give(taker);
  }

  close(): void {
    this.#closed = true;
    if (this.#next === undefined || this.#zeroing) return;
    const { path } = this.#next;
    this.#next.close();
    this.#next = undefined;
    this.#disk.remove(path, () => {});
  }

  #give(taker: (file: DiskFile) => void): void {
    const file = this.#next ?? this.#make();
    this.#next = undefined;
    this.#zeroedTo = 0;
    if (file !== undefined) taker(file);
  }

  /** Two names in turn, so that the one last given away may still be under its old name. */
  #make(): DiskFile | undefined {
    const path = `${this.#directory}/${this.#made++ % 2}.tmp`;
    try {
      // A new file, for one that is there may hold records.
      this.#disk.removeNow(path);
      this.#next = this.#disk.open(path);
      this.#next.truncateNow(this.#segmentBytes);
      return this.#next;
    } catch (error) {
      if (!(error instanceof DiskFailure)) throw error;
      this.#failed(error);
      return undefined;
    }
  }

  #onZeroed(failure: DiskFailure | undefined): void {
    this.#zeroing = false;
    const taker = this.#taker;
    this.#taker = undefined;
    if (failure !== undefined) this.#failed(failure);
    else if (this.#closed) this.close();
    else if (taker !== undefined) this.#give(taker);
  }
}
