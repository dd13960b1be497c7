/**
 * Lease book: which leases live, for how long each was granted, and which keys hang on them.
 *
 * Replicated state: all members hold the same book, for it changes only as entries are applied. When a lease falls due
 * is not in it: that is the leader's own reckoning, in `deadlines.ts`, which follows the book lease by lease.
 *
 * A lease is a slot number into typed arrays; no object lives per lease. Each lease also stands in the value store, as a
 * record `lease`/id, so that it is committed together with the keys that hang on it.
 *
 * Invariant: a lease leaves the book through `revoke` alone; passing time removes nothing.
 */
import type { Bytes } from '../base/bytes.js';
import { check } from '../base/check.js';
import { mixHash } from '../base/hash.js';
import { type LeaseId, noLease } from '../base/ids.js';
import { SlotTable } from '../base/slot-table.js';
import type { LeaseAttachments } from '../mvcc/lease-attachments.js';
import type { ValueStore } from '../mvcc/value-store.js';
import { AttachedKeys } from './attached-keys.js';
import { decodeLease, encodeLease, leaseBucket, leaseKey } from './record.js';

/** etcd's `MaxLeaseTTL`: about 285 years. */
export const ttlSecondsMax = 9_000_000_000;

export type LeaseSlot = number;
export type Granted =
  | { readonly ok: true; readonly ttlSeconds: number }
  | { readonly ok: false; readonly error: 'leaseNotFound' | 'leaseExists' | 'leaseTtlTooLarge' };

/** Told of each change of the book, after it was made; for a revocation, before the slot is free. */
export interface LeaseFollower {
  granted(slot: LeaseSlot): void;
  revoked(slot: LeaseSlot): void;
  /** The book was filled anew: all slots known before are void. */
  restored(): void;
}

/** The shortest time to live that is granted: a shorter lease would end while the next leader is still being elected. */
export function ttlSecondsMin(electionTicks: number, tickMs: number): number {
  return Math.ceil((3 * electionTicks * tickMs) / 2 / 1000);
}

const idBox = new BigInt64Array(1);
const idHalves = new Int32Array(idBox.buffer);

function hashId(id: bigint): number {
  idBox[0] = id;
  return mixHash((idHalves[0] as number) ^ Math.imul(idHalves[1] as number, 0x9e3779b1));
}

export class LeaseBook implements LeaseAttachments {
  readonly #values: ValueStore;
  readonly #ttlSecondsMin: number;
  readonly #keys = new AttachedKeys();
  readonly #table = new SlotTable();
  #ids = new BigInt64Array(16);
  #ttlSeconds = new Float64Array(16);
  /** What was left at the last checkpoint; 0 when there was none. */
  #remainingSeconds = new Float64Array(16);
  #used = 0;
  readonly #freeSlots: number[] = [];
  readonly #followers: LeaseFollower[] = [];

  constructor(values: ValueStore, secondsMin: number) {
    this.#values = values;
    this.#ttlSecondsMin = secondsMin;
  }

  follow(follower: LeaseFollower): void {
    this.#followers.push(follower);
  }

  get size(): number {
    return this.#table.size;
  }

  get attachedKeys(): number {
    return this.#keys.size;
  }

  /** All slots in use are below this number. */
  get slotsEnd(): number {
    return this.#used;
  }

  get sizeBytes(): number {
    return this.#table.sizeBytes + this.#ids.length * 24 + this.#keys.sizeBytes;
  }

  grant(id: LeaseId, ttlSeconds: number): Granted {
    // The member picks an id before it proposes a grant; a foreign entry with none is refused as etcd's lessor refuses it.
    if (id === noLease) return { ok: false, error: 'leaseNotFound' };
    if (ttlSeconds > ttlSecondsMax) return { ok: false, error: 'leaseTtlTooLarge' };
    if (this.slotOf(id) >= 0) return { ok: false, error: 'leaseExists' };
    const granted = Math.max(ttlSeconds, this.#ttlSecondsMin);
    const slot = this.#add(id, granted, 0);
    this.#write(slot);
    for (const follower of this.#followers) follower.granted(slot);
    return { ok: true, ttlSeconds: granted };
  }

  /** False when there is no such lease. Its keys are to be deleted from the store before, in the order of `keysOf`. */
  revoke(id: LeaseId): boolean {
    const at = this.#find(id);
    if (at < 0) return false;
    const slot = this.#table.slot(at);
    for (const follower of this.#followers) follower.revoked(slot);
    this.#keys.detachAll(slot);
    this.#table.remove(at);
    this.#ids[slot] = noLease;
    this.#freeSlots.push(slot);
    this.#values.deleteRecord(leaseBucket, leaseKey(id));
    return true;
  }

  /** Notes what is left of a lease, for the next leader to begin with. `persist` as the cluster's version allows it. */
  checkpoint(id: LeaseId, remainingSeconds: number, persist: boolean): void {
    const slot = this.slotOf(id);
    if (slot < 0) return;
    this.#remainingSeconds[slot] = remainingSeconds;
    if (persist) this.#write(slot);
  }

  has(id: LeaseId): boolean {
    return this.#find(id) >= 0;
  }

  /** Where the lease stands, or -1. Good until it is revoked. */
  slotOf(id: LeaseId): LeaseSlot {
    const at = this.#find(id);
    return at < 0 ? -1 : this.#table.slot(at);
  }

  /** `noLease` when the slot is free. */
  idOf(slot: LeaseSlot): LeaseId {
    return this.#ids[slot] as LeaseId;
  }

  ttlSecondsOf(slot: LeaseSlot): number {
    return this.#ttlSeconds[slot] as number;
  }

  /** With how many seconds a new leader begins: those left at the last checkpoint, else all that were granted. */
  freshSecondsOf(slot: LeaseSlot): number {
    const remaining = this.#remainingSeconds[slot] as number;
    return remaining > 0 ? remaining : this.ttlSecondsOf(slot);
  }

  checkpointedSecondsOf(slot: LeaseSlot): number {
    return this.#remainingSeconds[slot] as number;
  }

  /** Copies of the keys that hang on the lease, in byte order. */
  keysOf(slot: LeaseSlot): Bytes[] {
    return this.#keys.keysOf(slot);
  }

  attach(id: LeaseId, key: Bytes): void {
    const slot = this.slotOf(id);
    if (slot >= 0) this.#keys.attach(slot, key);
  }

  detach(key: Bytes): void {
    if (this.#keys.size > 0) this.#keys.detach(key);
  }

  /** Fills the book from the value store's records. Keys are attached by the store, as it loads them. */
  restore(): void {
    this.#keys.clear();
    this.#table.clear();
    this.#ids.fill(noLease);
    this.#used = 0;
    this.#freeSlots.length = 0;
    this.#values.scanRecords(leaseBucket, (_key, value) => {
      const lease = decodeLease(value);
      this.#add(lease.id, Math.max(lease.ttlSeconds, this.#ttlSecondsMin), lease.remainingSeconds);
    });
    for (const follower of this.#followers) follower.restored();
  }

  #write(slot: LeaseSlot): void {
    const id = this.idOf(slot);
    const record = encodeLease(id, this.ttlSecondsOf(slot), this.checkpointedSecondsOf(slot));
    this.#values.setRecord(leaseBucket, leaseKey(id), record);
  }

  #find(id: LeaseId): number {
    const hash = hashId(id);
    for (let at = this.#table.first(hash); at >= 0; at = this.#table.next(hash, at)) {
      if (this.#ids[this.#table.slot(at)] === id) return at;
    }
    return -1;
  }

  #add(id: LeaseId, ttlSeconds: number, remainingSeconds: number): LeaseSlot {
    check(id !== noLease, 'no lease has the id that means "none"');
    const slot = this.#freeSlots.pop() ?? this.#used++;
    if (slot === this.#ids.length) this.#grow();
    this.#ids[slot] = id;
    this.#ttlSeconds[slot] = ttlSeconds;
    this.#remainingSeconds[slot] = remainingSeconds;
    this.#table.insert(hashId(id), slot);
    return slot;
  }

  #grow(): void {
    const capacity = this.#ids.length * 2;
    const ids = new BigInt64Array(capacity);
    ids.set(this.#ids);
    this.#ids = ids;
    this.#ttlSeconds = grown(this.#ttlSeconds, capacity);
    this.#remainingSeconds = grown(this.#remainingSeconds, capacity);
  }
}

function grown(from: Float64Array<ArrayBuffer>, capacity: number): Float64Array<ArrayBuffer> {
  const into = new Float64Array(capacity);
  into.set(from);
  return into;
}
