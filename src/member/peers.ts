/**
 * The other members of the cluster, as a member deals with them beside raft's messages: whom it can reach, and what it asks them.
 *
 * Who they are follows the membership book, ourselves left out. Nothing here waits; an answer comes in a turn of its own.
 */
import { type Bytes, noBytes } from '../base/bytes.js';
import type { MemberId } from '../base/ids.js';

/** A request to the port on which members serve each other: `/leases`, `/members/promote/1`, `/version`... */
export interface PeerRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Bytes;
  readonly timeoutMs: number;
}

export interface PeerAnswer {
  readonly status: number;
  readonly body: Bytes;
}

export interface Peers {
  /** A member to talk to, at any of `peerUrls`. */
  add(id: MemberId, peerUrls: readonly string[]): void;
  update(id: MemberId, peerUrls: readonly string[]): void;
  /** It is of the cluster no more: its connections end, and what it says from now on is refused as from a removed member. */
  remove(id: MemberId): void;
  /** Since when it has been connected, by `World.nowMs`; undefined when it is not, or is no peer. */
  activeSinceMs(id: MemberId): number | undefined;
  /** `answered` is called once, with undefined when no answer came in time. */
  ask(id: MemberId, request: PeerRequest, answered: (answer: PeerAnswer | undefined) => void): void;
}

/** For a member that is, and stays, alone. */
export const noPeers: Peers = {
  add() {},
  update() {},
  remove() {},
  activeSinceMs: () => undefined,
  ask: (_id, _request, answered) => answered(undefined),
};

export const getRequest = (path: string, timeoutMs: number): PeerRequest => ({
  method: 'GET',
  path,
  headers: {},
  body: noBytes,
  timeoutMs,
});
