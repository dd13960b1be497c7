/**
 * Sends a peer a snapshot message and the database it stands for, in one post: the database is made piece by piece, as fast
 * as the peer takes it, while writes go on.
 */
import type { ClientRequest } from 'node:http';
import { performance } from 'node:perf_hooks';
import { text } from '../../base/bytes.js';
import { printBytes } from '../../base/go-text.js';
import { idToHex } from '../../base/ids.js';
import type { DatabaseDump } from '../../member/database-dump.js';
import { MessageEncoder } from '../../wire/peer/message-stream.js';
import { Writer } from '../../wire/proto/writer.js';
import type { Message } from '../../wire/raftpb/types.js';
import { checksum } from '../checksum.js';
import { faultText } from '../fault.js';
import { gather, headerOf, type PeerHttp } from './peer-http.js';
import { checksumTrailer, type PeerSetup, requestHeaders } from './peer-setup.js';
import type { PeerStatus } from './peer-status.js';
import type { PeerPlace, UrlPicker } from './peer-url.js';
import { postRefusal } from './refusals.js';

/** One slice of the work, and one write. */
const pieceBytes = 256 * 1024;
/** A peer that takes nothing for so long is given up; when it has all, it may have to sync and check gigabytes before it answers. */
const stalledMs = 60_000;
const savingMs = 10 * 60_000;
const answerBytesMax = 64 * 1024;

export class SnapshotSender {
  readonly #setup: PeerSetup;
  readonly #status: PeerStatus;
  readonly #picker: UrlPicker;
  readonly #http: PeerHttp;
  readonly #sending = new Set<Sending>();

  constructor(setup: PeerSetup, status: PeerStatus, picker: UrlPicker, http: PeerHttp) {
    this.#setup = setup;
    this.#status = status;
    this.#picker = picker;
    this.#http = http;
  }

  /** Closes `dump`; `done` comes in a turn of its own. */
  send(message: Message, dump: DatabaseDump, done: (arrived: boolean) => void): void {
    const { count } = this.#status;
    const place = this.#picker.pick();
    const beganMs = performance.now();
    count.snapshotsSending++;
    const sending = new Sending(this.#setup, this.#status, message, dump, (failed) => {
      this.#sending.delete(sending);
      dump.close();
      count.snapshotsSending--;
      if (failed === undefined) this.#arrived(sending, (performance.now() - beganMs) / 1000);
      else this.#failed(sending, failed, place);
      done(failed === undefined);
      this.#setup.turn.begin();
    });
    this.#sending.add(sending);
    sending.begin(this.#http, place);
  }

  stop(): void {
    for (const sending of this.#sending) sending.end('stopped');
  }

  #arrived(sending: Sending, seconds: number): void {
    const { count } = this.#status;
    this.#status.activate();
    this.#setup.log.info('sent database snapshot', sending.fields());
    count.sentBytes += sending.totalBytes;
    count.snapshotsSent++;
    count.snapshotSendSeconds.observe(seconds);
  }

  #failed(sending: Sending, error: string, place: PeerPlace | undefined): void {
    const { count, id } = this.#status;
    this.#setup.log.warn('failed to send database snapshot', { ...sending.fields(), error });
    this.#picker.unreachable(place);
    this.#status.deactivate('sendMsgSnap', 'post', error);
    this.#setup.events.unreachable(id);
    count.sendFailures++;
    count.snapshotsUnsent++;
  }
}

class Sending {
  readonly #setup: PeerSetup;
  readonly #status: PeerStatus;
  readonly #message: Message;
  readonly #dump: DatabaseDump;
  readonly #over: (failed: string | undefined) => void;
  readonly #head = new Writer(64 * 1024);
  #request: ClientRequest | undefined;
  #planned = false;
  #checksum = 0;
  #ended = false;

  constructor(
    setup: PeerSetup,
    status: PeerStatus,
    message: Message,
    dump: DatabaseDump,
    over: (failed: string | undefined) => void,
  ) {
    this.#setup = setup;
    this.#status = status;
    this.#message = message;
    this.#dump = dump;
    this.#over = over;
    new MessageEncoder().write(this.#head, message);
  }

  /** 0 while it is not known. */
  get totalBytes(): number {
    return this.#planned ? this.#head.at + this.#dump.sizeBytes : 0;
  }

  fields() {
    return {
      'snapshot-index': this.#message.snapshot?.metadata.index,
      'remote-peer-id': idToHex(this.#status.id),
      bytes: this.totalBytes,
      size: printBytes(this.totalBytes),
    };
  }

  begin(http: PeerHttp, place: PeerPlace | undefined): void {
    if (place === undefined) return this.end('no URL of the peer is known');
    const plan = () => {
      if (this.#ended) return;
      this.#planned = this.#dump.plan(pieceBytes);
      if (this.#planned) this.#open(http, place);
      else setImmediate(plan);
    };
    setImmediate(plan);
  }

  #open(http: PeerHttp, place: PeerPlace): void {
    this.#setup.log.info('sending database snapshot', this.fields());
    const headers = {
      'Content-Type': 'application/octet-stream',
      Trailer: checksumTrailer,
      ...requestHeaders(this.#setup),
    };
    const request = http.open(place, { method: 'POST', path: '/raft/snapshot', headers }, (message) => {
      gather(message, answerBytesMax, (answer) => {
        if (!answer.ok) return this.end(answer.why);
        const { status, statusText, body } = answer;
        const clusterId = headerOf(answer.headers, 'x-etcd-cluster-id');
        const said = { url: `${place.url}/raft/snapshot`, status, statusText, clusterId, body: text(body) };
        this.end(postRefusal(this.#setup, this.#status.id, said));
      });
    });
    this.#request = request;
    request.on('error', (error) => this.end(faultText(error)));
    request.setTimeout(stalledMs, () => this.end('i/o timeout'));
    request.on('drain', () => this.#pump(request));
    const head = this.#head.bytes.subarray(0, this.#head.at);
    this.#checksum = checksum(head, 0, head.length, 0);
    request.write(head);
    this.#pump(request);
  }

  /** A piece a turn, while the peer takes them. */
  #pump(request: ClientRequest): void {
    if (this.#ended || request.writableEnded) return;
    const piece = this.#dump.next(pieceBytes);
    if (piece === undefined) return this.#endBody(request);
    this.#checksum = checksum(piece, 0, piece.length, this.#checksum);
    if (request.write(piece)) setImmediate(() => this.#pump(request));
  }

  /** The peer has much to do before it answers. */
  #endBody(request: ClientRequest): void {
    request.addTrailers({ [checksumTrailer]: this.#checksum.toString(16) });
    request.end();
    request.setTimeout(savingMs);
  }

  /** Once, and never while whoever began it is still on the way. */
  end(failed: string | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#request?.destroy();
    setImmediate(this.#over, failed);
  }
}
