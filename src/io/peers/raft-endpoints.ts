/**
 * What members ask of each other's peer port under `/raft`: streams to hear from us, single messages, snapshots, a sign of life.
 * Each is checked as etcd checks it, and refused in its words.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Bytes } from '../../base/bytes.js';
import { idToHex, type MemberId } from '../../base/ids.js';
import { apiVersion } from '../../base/version.js';
import { incompatibility } from '../../cluster/peer-check.js';
import { describeMessageType } from '../../raft/describe.js';
import { isSound } from '../../wire/peer/sound.js';
import { decodeMessage } from '../../wire/raftpb/codec.js';
import { type Message, messageType } from '../../wire/raftpb/types.js';
import type { Peer, StreamKind } from './peer.js';
import { bodyTooLarge, gather } from './peer-http.js';
import type { PeerSetup } from './peer-setup.js';
import { refuse, refuseMethod } from './replies.js';
import { SnapshotReceiver } from './snapshot-receiver.js';

/** As etcd counts snapshots of nobody it knows. */
const unknownSender = 'UNKNOWN_SNAPSHOT_SENDER';
/** A post holds one message of at most a few megabytes, unless requests may be larger than anyone lets them be. */
const messageBytesMax = 64 * 1024 * 1024;

/** What the endpoints ask of the transport. */
export interface KnownPeers {
  peer(id: MemberId): Peer | undefined;
  addRemote(id: MemberId, peerUrls: readonly string[]): void;
}

export class RaftEndpoints {
  readonly #setup: PeerSetup;
  readonly #known: KnownPeers;

  constructor(setup: PeerSetup, known: KnownPeers) {
    this.#setup = setup;
    this.#known = known;
  }

  /** False when the path is not under `/raft`. */
  serve(message: IncomingMessage, response: ServerResponse): boolean {
    const path = (message.url ?? '').split('?', 1)[0] ?? '';
    if (path === '/raft') this.#serveMessage(message, response);
    else if (path === '/raft/snapshot') this.#serveSnapshot(message, response);
    else if (path === '/raft/probing') serveProbe(message, response);
    else if (path.startsWith('/raft/stream/')) this.#serveStream(message, response, path);
    else return false;
    return true;
  }

  #serveStream(message: IncomingMessage, response: ServerResponse, path: string): void {
    message.resume();
    if (message.method !== 'GET') return refuseMethod(response, 'GET');
    const { log, memberId, clusterId, events } = this.#setup;
    response.setHeader('X-Server-Version', apiVersion);
    if (!this.#isOfCluster(message, response)) return;
    const own = idToHex(memberId);
    const ids = { 'local-member-id': own, 'remote-peer-id-stream-handler': own };
    const [, stream, name = ''] = /^(.*)\/([^/]*)$/.exec(path) ?? [];
    const kind = kindOf(stream);
    if (kind === undefined) {
      log.debug('ignored unexpected streaming request path', { ...ids, path });
      return refuse(response, 404, 'invalid path');
    }
    const from = parseId(name);
    if (from === undefined) {
      log.warn('failed to parse path into ID', { ...ids, path: name, error: 'invalid syntax' });
      return refuse(response, 404, 'invalid from');
    }
    const named = { ...ids, 'remote-peer-id-from': idToHex(from) };
    if (events.isRemoved(from)) {
      log.warn('rejected stream from remote peer because it was removed', named);
      return refuse(response, 410, 'removed member');
    }
    const peer = this.#known.peer(from);
    const cluster = { 'cluster-id': idToHex(clusterId) };
    if (peer === undefined) {
      this.#addRemote(from, message);
      log.warn('failed to find remote peer in cluster', { ...named, ...cluster });
      return refuse(response, 404, 'error sender not found');
    }
    const to = headerOf(message, 'x-raft-to');
    if (to !== own) {
      log.warn('ignored streaming request; ID mismatch', { ...named, 'remote-peer-id-header': to, ...cluster });
      return refuse(response, 412, 'to field mismatch');
    }
    response.writeHead(200);
    response.flushHeaders();
    // From here on the body's chunks are written straight to the socket, one for each turn.
    peer.attach(kind, message.socket);
  }

  #serveMessage(request: IncomingMessage, response: ServerResponse): void {
    if (request.method !== 'POST') return refuseMethod(response, 'POST');
    if (!this.#isOfCluster(request, response)) return;
    const sender = parseId(headerOf(request, 'x-server-from'));
    if (sender !== undefined) this.#addRemote(sender, request);
    const { log, counters } = this.#setup;
    const address = `${request.socket.remoteAddress}:${request.socket.remotePort}`;
    gather(request, messageBytesMax, (read) => {
      if (read.ok) return this.#takeMessage(read.body, address, response);
      log.warn('failed to read Raft message', { ...this.#own, error: read.why });
      counters.failedReceive(address);
      response.shouldKeepAlive = false;
      if (read.why === bodyTooLarge) return refuse(response, 413, read.why);
      refuse(response, 400, 'error reading raft message');
    });
  }

  #takeMessage(body: Bytes, address: string, response: ServerResponse): void {
    const { log, counters } = this.#setup;
    const malformed = () => {
      log.warn('failed to unmarshal Raft message', { ...this.#own, error: 'malformed message' });
      counters.failedReceive(address);
      refuse(response, 400, 'error unmarshalling raft message');
    };
    const message = decodeMessage(body, 0, body.length);
    if (typeof message === 'number') return malformed();
    counters.of(idToHex(message.from)).receivedBytes += body.length;
    // As in etcd, that a message is not for us comes before all that it says.
    const refused = this.#refusalOf(message);
    if (refused !== undefined) {
      log.warn('failed to process Raft message', { ...this.#own, error: refused });
      // No 403: who gets that stops for good, and a member that has taken another's URL would stop whoever still looks for that one.
      response.shouldKeepAlive = false;
      return refuse(response, 500, 'error processing raft message');
    }
    if (!isSound(message)) return malformed();
    if (message.type === messageType.snap) {
      // Its database comes with it, by another way: raft would rest the log on values that are not there.
      log.warn('unexpected Raft message type', { ...this.#own, 'message-type': describeMessageType(message.type) });
      return refuse(response, 400, 'wrong raft message type');
    }
    this.#deliver(message);
    response.writeHead(204).end();
  }

  #serveSnapshot(request: IncomingMessage, response: ServerResponse): void {
    const { counters } = this.#setup;
    if (request.method !== 'POST') {
      counters.of(unknownSender).snapshotsUnreceived++;
      return refuseMethod(response, 'POST');
    }
    if (!this.#isOfCluster(request, response)) {
      counters.of(unknownSender).snapshotsUnreceived++;
      return;
    }
    const sender = parseId(headerOf(request, 'x-server-from'));
    if (sender !== undefined) this.#addRemote(sender, request);
    new SnapshotReceiver(this.#setup, request, response, (message) => this.process(message));
  }

  /** Hands a message to the member; what stands against it otherwise. */
  process(message: Message): string | undefined {
    const refused = this.#refusalOf(message);
    if (refused === undefined) this.#deliver(message);
    return refused;
  }

  #refusalOf({ from, to }: Message): string | undefined {
    const { log, memberId, events } = this.#setup;
    if (events.isRemoved(from)) {
      log.warn('rejected Raft message from removed member', { ...this.#own, 'removed-member-id': idToHex(from) });
      return 'cannot process message from removed member';
    }
    if (to !== memberId) {
      log.warn('rejected Raft message to mismatch member', { ...this.#own, 'mismatch-member-id': idToHex(to) });
      return 'cannot process message to mismatch member';
    }
    return undefined;
  }

  #deliver(message: Message): void {
    this.#setup.events.received(message);
    this.#setup.turn.begin();
  }

  /** In every line of the log. */
  get #own() {
    return { 'local-member-id': idToHex(this.#setup.memberId) };
  }

  #addRemote(id: MemberId, request: IncomingMessage): void {
    const urls = headerOf(request, 'x-peerurls');
    if (urls !== '') this.#known.addRemote(id, urls.split(','));
  }

  #isOfCluster(request: IncomingMessage, response: ServerResponse): boolean {
    const { log, memberId, clusterId } = this.#setup;
    response.setHeader('X-Etcd-Cluster-ID', idToHex(clusterId));
    const found = incompatibility({
      serverVersion: headerOf(request, 'x-server-version'),
      minClusterVersion: headerOf(request, 'x-min-cluster-version'),
      clusterId: headerOf(request, 'x-etcd-cluster-id'),
      from: headerOf(request, 'x-server-from'),
      ownClusterId: idToHex(clusterId),
    });
    if (found === undefined) return true;
    log.warn(found.msg, { 'local-member-id': idToHex(memberId), ...found.fields });
    request.resume();
    refuse(response, 412, found.text);
    return false;
  }
}

function kindOf(stream: string | undefined): StreamKind | undefined {
  if (stream === '/raft/stream/msgapp') return 'msgapp';
  return stream === '/raft/stream/message' ? 'message' : undefined;
}

/** As Go's `ParseUint(text, 16, 64)`. */
function parseId(text: string): MemberId | undefined {
  return /^[0-9a-fA-F]{1,}$/.test(text) && text.replace(/^0+/, '').length <= 16
    ? (BigInt(`0x${text}`) as MemberId)
    : undefined;
}

function headerOf(request: IncomingMessage, name: string): string {
  const value = request.headers[name];
  return typeof value === 'string' ? value : (value?.[0] ?? '');
}

function serveProbe(request: IncomingMessage, response: ServerResponse): void {
  request.resume();
  const body = `{"OK":true,"Now":"${new Date().toISOString()}"}\n`;
  response.writeHead(200, { 'Content-Type': 'text/plain; charset=utf-8', 'Content-Length': body.length });
  response.end(body);
}
