/** A snapshot post to us: a message, then a database that goes to disk as it comes, no faster than the disk takes it. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { performance } from 'node:perf_hooks';
import type { Bytes } from '../../base/bytes.js';
import type { PeerCount } from '../../base/counters.js';
import { printBytes, printDuration } from '../../base/go-text.js';
import { idToHex, noMember } from '../../base/ids.js';
import { describeMessageType } from '../../raft/describe.js';
import type { StreamFault } from '../../wire/peer/message-stream.js';
import { SnapshotPostReader } from '../../wire/peer/snapshot-post.js';
import { type Message, messageType } from '../../wire/raftpb/types.js';
import { checksum } from '../checksum.js';
import type { DatabaseIntake } from '../storage.js';
import { checksumTrailer, type PeerSetup } from './peer-setup.js';
import { refuse } from './replies.js';

const cutShort = 'unexpected EOF';
const faults: Readonly<Record<StreamFault, string>> = {
  tooLarge: 'rafthttp: error limit exceeded',
  malformed: 'proto: cannot parse invalid wire-format data',
};

export class SnapshotReceiver {
  readonly #setup: PeerSetup;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  /** Hands the message to the member; what stands against it otherwise. */
  readonly #process: (message: Message) => string | undefined;
  readonly #reader = new SnapshotPostReader();
  readonly #beganMs = performance.now();
  #intake: DatabaseIntake | undefined;
  #checksum = 0;
  #databaseBytes = 0;
  #writing = false;
  /** All of the body has come. */
  #whole = false;
  #cut = false;
  #over = false;

  constructor(
    setup: PeerSetup,
    request: IncomingMessage,
    response: ServerResponse,
    process: (message: Message) => string | undefined,
  ) {
    this.#setup = setup;
    this.#request = request;
    this.#response = response;
    this.#process = process;
    request.on('data', (chunk: Uint8Array) => this.#receive(chunk));
    request.on('end', () => this.#ended());
    request.on('error', () => this.#lost());
    request.on('close', () => this.#lost());
  }

  #receive(chunk: Bytes): void {
    if (this.#over) return;
    this.#checksum = checksum(chunk, 0, chunk.length, this.#checksum);
    const before = this.#reader.message;
    const piece = this.#reader.add(chunk);
    const { fault, message } = this.#reader;
    if (fault !== undefined) return this.#undecoded(faults[fault]);
    if (message === undefined) return;
    if (before === undefined && !this.#began(message)) return;
    if (piece.length > 0) this.#write(piece);
  }

  /** False when it is refused. */
  #began(message: Message): boolean {
    const { log, events } = this.#setup;
    const ids = this.#ids();
    this.#count.receivedBytes += this.#reader.messageBytes;
    const { snapshot } = message;
    if (message.type !== messageType.snap || snapshot === undefined) {
      const named = { ...ids, 'message-type': describeMessageType(message.type) };
      log.warn('unexpected Raft message type', named);
      this.#refuse(400, 'wrong raft message type');
      return false;
    }
    log.info('receiving database snapshot', {
      ...ids,
      'incoming-snapshot-index': snapshot.metadata.index,
      'incoming-snapshot-message-size-bytes': this.#reader.messageBytes,
      'incoming-snapshot-message-size': printBytes(this.#reader.messageBytes),
    });
    this.#count.snapshotsReceiving++;
    this.#intake = events.receiveDatabase(snapshot.metadata.index);
    return true;
  }

  #write(piece: Bytes): void {
    this.#databaseBytes += piece.length;
    this.#writing = true;
    this.#request.pause();
    this.#intake?.write(piece, (failed) => {
      this.#writing = false;
      if (failed !== undefined) this.#unsaved(failed);
      else if (this.#whole) this.#finish();
      else if (this.#cut) this.#abort();
      else if (!this.#over) this.#request.resume();
    });
  }

  /** The body is complete. Its last piece may still be on its way to the disk: a pause does not hold back the end. */
  #ended(): void {
    if (this.#over) return;
    if (this.#reader.message === undefined) return this.#undecoded(this.#reader.midway ? cutShort : 'EOF');
    this.#whole = true;
    if (!this.#writing) this.#finish();
  }

  #finish(): void {
    const { message } = this.#reader;
    if (message === undefined) return;
    const given = this.#request.trailers[checksumTrailer.toLowerCase()];
    if (given !== undefined && given !== this.#checksum.toString(16)) {
      this.#intake?.abort();
      return this.#unsaved('it has not the checksum that its sender gave it');
    }
    this.#over = true;
    // Nothing moves on the connection while the database is synced and checked.
    this.#request.socket.setTimeout(0);
    this.#intake?.finish((failed) => {
      if (failed !== undefined) this.#unsaved(failed);
      else this.#saved(message);
    });
  }

  #saved(message: Message): void {
    const tookMs = performance.now() - this.#beganMs;
    const bytes = this.#databaseBytes;
    const count = this.#count;
    count.receivedBytes += bytes;
    count.snapshotsReceiving--;
    this.#setup.log.info('received and saved database snapshot', {
      ...this.#ids(),
      'incoming-snapshot-index': message.snapshot?.metadata.index,
      'incoming-snapshot-size-bytes': bytes,
      'incoming-snapshot-size': printBytes(bytes),
      'download-took': printDuration(tookMs),
    });
    const refused = this.#process(message);
    if (refused !== undefined) {
      this.#setup.log.warn('failed to process Raft message', { ...this.#ids(), error: refused });
      count.snapshotsUnreceived++;
      return refuse(this.#response, 500, `failed to process raft message (${refused})`);
    }
    this.#response.writeHead(204).end();
    count.snapshotsReceived++;
    count.snapshotReceiveSeconds.observe(tookMs / 1000);
  }

  /** The connection is gone before all had come. */
  #lost(): void {
    if (this.#over || this.#whole) return;
    if (this.#reader.message === undefined) return this.#undecoded(cutShort);
    this.#cut = true;
    if (!this.#writing) this.#abort();
  }

  #abort(): void {
    this.#intake?.abort();
    this.#unsaved(cutShort);
  }

  #undecoded(error: string): void {
    const { log, memberId, counters } = this.#setup;
    const { remoteAddress, remotePort } = this.#request.socket;
    const from = { 'local-member-id': idToHex(memberId), 'remote-snapshot-sender-id': idToHex(noMember) };
    log.warn('failed to decode Raft message', { ...from, error });
    counters.failedReceive(`${remoteAddress}:${remotePort}`);
    counters.of(idToHex(noMember)).snapshotsUnreceived++;
    this.#refuse(400, `failed to decode raft message (${error})`);
  }

  #unsaved(error: string): void {
    const index = this.#reader.message?.snapshot?.metadata.index;
    const fields = { ...this.#ids(), 'incoming-snapshot-index': index, error };
    this.#setup.log.warn('failed to save incoming database snapshot', fields);
    this.#count.snapshotsReceiving--;
    this.#count.snapshotsUnreceived++;
    this.#refuse(500, `failed to save KV snapshot (${error})`);
  }

  /** The rest of the body is not read: it may be gigabytes. */
  #refuse(status: number, why: string): void {
    this.#over = true;
    this.#response.shouldKeepAlive = false;
    refuse(this.#response, status, why);
    this.#request.resume();
    this.#response.on('finish', () => this.#request.socket.destroySoon());
  }

  get #count(): PeerCount {
    return this.#setup.counters.of(idToHex(this.#reader.message?.from ?? noMember));
  }

  #ids() {
    return {
      'local-member-id': idToHex(this.#setup.memberId),
      'remote-snapshot-sender-id': idToHex(this.#reader.message?.from ?? noMember),
    };
  }
}
