/**
 * `Maintenance.Snapshot`: this member's database as it was when the call came, in bbolt's format, piece by piece as the client takes it,
 * and behind it the SHA-256 of all of it.
 *
 * The pieces are etcd's 32 KiB, each saying how many bytes of the database are still to come. Memory is a few pieces: a client that does
 * not read stops the making.
 */
import type { Bytes } from '../base/bytes.js';
import type { Chore, Chores } from '../base/chores.js';
import type { Log } from '../base/log.js';
import type { Digest } from '../base/sha256.js';
import type { DatabaseDump } from '../member/database-dump.js';
import type { Call, Method } from '../wire/grpc/service.js';
import { Writer } from '../wire/proto/writer.js';
import type { Answers } from './answers.js';

/** Source: etcd `snapshotSendBufferSize`. */
const blobBytes = 32 * 1024;
/** Blobs made of one piece of the database: about 1 ms of work. */
const pieceBytes = 8 * blobBytes;
/** What a slice of planning reads. */
const planBytes = 2 << 20;
/** While a snapshot takes the place of the state. */
const retryMs = 20;

const remainingTag = 0x10;
const blobTag = 0x1a;
const versionTag = 0x22;
const fieldsBytesMax = 64;

export interface SnapshotParts {
  readonly answers: Answers;
  readonly chores: Chores;
  readonly log: Log;
  /** The state as it is now; undefined while another takes its place. */
  beginDump(): DatabaseDump | undefined;
  /** `3.7.0`; empty when the storage does not say it. */
  storageVersion(): string;
  sha256(): Digest;
}

export function snapshotMethods(parts: SnapshotParts): [string, Method][] {
  return [['/etcdserverpb.Maintenance/Snapshot', new SnapshotMethod(parts)]];
}

class SnapshotMethod implements Method {
  readonly kind = 'serverStream';
  readonly #parts: SnapshotParts;

  constructor(parts: SnapshotParts) {
    this.#parts = parts;
  }

  message(call: Call): void {
    const { answers, chores } = this.#parts;
    if (answers.turnedAway(call)) return;
    const stream = new SnapshotStream(call, this.#parts);
    call.state = stream;
    chores.wake(stream);
  }

  drained(call: Call): void {
    if (call.state instanceof SnapshotStream) this.#parts.chores.wake(call.state);
  }

  canceled(call: Call): void {
    if (!(call.state instanceof SnapshotStream)) return;
    this.#parts.chores.remove(call.state);
    call.state.close();
  }
}

class SnapshotStream implements Chore {
  readonly #call: Call;
  readonly #parts: SnapshotParts;
  readonly #version: string;
  readonly #sum: Digest;
  #dump: DatabaseDump | undefined;
  #totalBytes = 0;
  /** Negative until the database is planned. */
  #remaining = -1;

  constructor(call: Call, parts: SnapshotParts) {
    this.#call = call;
    this.#parts = parts;
    this.#version = parts.storageVersion();
    this.#sum = parts.sha256();
  }

  close(): void {
    this.#dump?.close();
  }

  /** A slice of planning, or one piece of the database. */
  step(): number {
    if (this.#call.ended || !this.#call.writable) return Number.POSITIVE_INFINITY; // `drained` wakes it.
    this.#dump ??= this.#parts.beginDump();
    const dump = this.#dump;
    if (dump === undefined) return retryMs;
    if (this.#remaining < 0) {
      if (dump.plan(planBytes)) this.#begin(dump.sizeBytes);
      return 0;
    }
    const piece = dump.next(pieceBytes);
    if (piece === undefined) {
      dump.close();
      this.#finish();
      return Number.POSITIVE_INFINITY;
    }
    this.#sum.update(piece);
    for (let at = 0; at < piece.length; at += blobBytes) {
      const blob = piece.subarray(at, at + blobBytes);
      this.#remaining -= blob.length;
      this.#send(blob);
    }
    return 0;
  }

  #begin(sizeBytes: number): void {
    this.#totalBytes = this.#remaining = sizeBytes;
    this.#parts.log.info('sending database snapshot to client', this.#fields());
  }

  #finish(): void {
    this.#send(this.#sum.digest());
    this.#call.end();
    this.#parts.log.info('successfully sent database snapshot to client', this.#fields());
  }

  #fields() {
    return { 'total-bytes': this.#totalBytes, 'storage-version': this.#version };
  }

  #send(blob: Bytes): void {
    const message = new Writer(blob.length + fieldsBytesMax);
    message.int64Field(remainingTag, this.#remaining);
    message.bytesField(blobTag, blob, 0, blob.length);
    message.stringField(versionTag, this.#version);
    this.#call.send(message.bytes, 0, message.at, true);
  }
}
