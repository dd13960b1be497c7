/**
 * The way to the other members: who they are, what is sent to them, and what they ask of the peer port.
 *
 *     member --send--> Peer --one write a turn--> its streams
 *     streams, posts --received--> member
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { idToHex, type MemberId } from '../../base/ids.js';
import type { DatabaseDump } from '../../member/database-dump.js';
import type { PeerAnswer, PeerRequest, Peers } from '../../member/peers.js';
import type { Message } from '../../wire/raftpb/types.js';
import { Peer } from './peer.js';
import { PeerHttp } from './peer-http.js';
import type { PeerSetup } from './peer-setup.js';
import type { PeerPlace } from './peer-url.js';
import { RaftEndpoints } from './raft-endpoints.js';
import { Remote } from './remote.js';

/** Whoever knows the cluster's id can say that it is somebody: so many are believed at once. */
const remotesMax = 32;

export class PeerTransport implements Peers {
  readonly #setup: PeerSetup;
  readonly #http: PeerHttp;
  readonly #peers = new Map<MemberId, Peer>();
  /** Senders that the book does not know yet: a member that catches up must be able to answer them. */
  readonly #remotes = new Map<MemberId, Remote>();
  readonly #endpoints: RaftEndpoints;
  #stopped = false;

  constructor(setup: PeerSetup) {
    this.#setup = setup;
    this.#http = new PeerHttp(setup.tls);
    this.#endpoints = new RaftEndpoints(setup, this);
  }

  add(id: MemberId, peerUrls: readonly string[]): void {
    if (this.#stopped || id === this.#setup.memberId || this.#peers.has(id)) return;
    this.#peers.set(id, new Peer(this.#setup, this.#http, id, peerUrls, this.#setup.counters.of(idToHex(id))));
    this.#remotes.get(id)?.stop();
    this.#remotes.delete(id);
    this.#setup.log.info('added remote peer', this.#named('remote', id, peerUrls));
  }

  update(id: MemberId, peerUrls: readonly string[]): void {
    const peer = this.#peers.get(id);
    if (peer === undefined) return;
    peer.update(peerUrls);
    this.#setup.log.info('updated remote peer', this.#named('updated-remote', id, peerUrls));
  }

  remove(id: MemberId): void {
    const peer = this.#peers.get(id);
    const named = { 'local-member-id': idToHex(this.#setup.memberId), 'removed-remote-peer-id': idToHex(id) };
    if (peer === undefined) return this.#setup.log.warn('skipped removing already removed peer', named);
    peer.stop();
    this.#peers.delete(id);
    this.#setup.log.info('removed remote peer', named);
  }

  /** One that says it is a member, of which we do not know yet. */
  addRemote(id: MemberId, peerUrls: readonly string[]): void {
    if (this.#stopped || id === this.#setup.memberId || this.#peers.has(id) || this.#remotes.has(id)) return;
    if (this.#remotes.size >= remotesMax || !peerUrls.every((url) => /^(https?|unixs?):\/\/[^/]+$/.test(url))) return;
    this.#remotes.set(id, new Remote(this.#setup, this.#http, id, peerUrls));
    this.#setup.log.info('added new remote peer', this.#named('remote', id, peerUrls));
  }

  #named(what: string, id: MemberId, urls: readonly string[]) {
    return {
      'local-member-id': idToHex(this.#setup.memberId),
      [`${what}-peer-id`]: idToHex(id),
      [`${what}-peer-urls`]: urls,
    };
  }

  peer(id: MemberId): Peer | undefined {
    return this.#peers.get(id);
  }

  activeSinceMs(id: MemberId): number | undefined {
    return this.#peers.get(id)?.status.activeSinceMs;
  }

  send(to: MemberId, message: Message): void {
    const peer = this.#peers.get(to);
    if (peer !== undefined) peer.send(message);
    else this.#remotes.get(to)?.send(message);
  }

  sendSnapshot(to: MemberId, message: Message, dump: DatabaseDump, done: (arrived: boolean) => void): void {
    const peer = this.#peers.get(to);
    if (peer !== undefined) return peer.sendSnapshot(message, dump, done);
    dump.close();
    setImmediate(done, false);
  }

  ask(id: MemberId, request: PeerRequest, answered: (answer: PeerAnswer | undefined) => void): void {
    const places = this.#peers.get(id)?.picker.places ?? [];
    if (places.length > 0) this.#askAt(places, request, answered);
    else setImmediate(answered, undefined);
  }

  /** Asks at one URL after the other, until one answers. */
  #askAt(
    [place, ...others]: readonly PeerPlace[],
    request: PeerRequest,
    answered: (answer: PeerAnswer | undefined) => void,
  ): void {
    if (place === undefined) return answered(undefined);
    this.#http.ask(place, request, (answer) => {
      if (this.#stopped) return;
      if (!answer.ok) return this.#askAt(others, request, answered);
      answered({ status: answer.status, body: answer.body });
      this.#setup.turn.begin();
    });
  }

  /** Takes the requests under `/raft`; false for others. */
  serve(message: IncomingMessage, response: ServerResponse): boolean {
    return this.#endpoints.serve(message, response);
  }

  stop(): void {
    this.#stopped = true;
    for (const peer of this.#peers.values()) peer.stop();
    for (const remote of this.#remotes.values()) remote.stop();
    this.#peers.clear();
    this.#remotes.clear();
    this.#http.close();
  }
}
