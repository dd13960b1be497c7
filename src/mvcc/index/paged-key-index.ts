/**
 * The key index in pages of its own: no object lives per key or revision, so the collector has nothing to look at.
 *
 * An entry of the tree holds a key's newest revision, `history.ts` holds the older ones. A deleted key stays, dead, until
 * a compaction has passed its tombstone. Inner pages know how many live keys are below them: counting is by the tree's
 * height, not by the number of keys.
 */

import { type Bytes, compareBytes, noBytes } from '../../base/bytes.js';
import { check } from '../../base/check.js';
import { type LeaseId, noLease } from '../../base/ids.js';
import { type DroppedVisitor, type KeyIndex, KeyState, type KeyVisitor } from '../key-index.js';
import { Compaction } from './compaction.js';
import { History, noRecord } from './history.js';
import { KeyBuffer } from './key-buffer.js';
import { LeafEntry } from './leaf-entry.js';
import { PageTree } from './page-tree.js';
import { noPage } from './pages.js';
import { leaseTail, lifeTail, SlottedPage, subTail } from './slotted-page.js';

/** How large the chunks of memory are, as powers of two; tests take small ones. */
export interface PagedKeyIndexOptions {
  readonly chunkPagesLog2?: number;
  readonly chunkRecordsLog2?: number;
}

export class PagedKeyIndex implements KeyIndex {
  readonly tree: PageTree;
  readonly history: History;
  readonly compaction: Compaction;
  #liveKeys = 0;
  readonly #entry = new LeafEntry();
  /** The entry of the last put, until its length is named. */
  readonly #lastPut = new LeafEntry();
  /** Scans at work, one within the visitor of the other; each depth has a window of its own. */
  #scans = 0;
  readonly #scanWindows: ScanWindow[] = [];

  constructor(options: PagedKeyIndexOptions = {}) {
    this.tree = new PageTree(options.chunkPagesLog2);
    this.history = new History(options.chunkRecordsLog2);
    this.compaction = new Compaction(this.tree, this.history);
  }

  get liveKeys(): number {
    return this.#liveKeys;
  }

  get sizeBytes(): number {
    return this.tree.pool.sizeBytes + this.history.sizeBytes;
  }

  /** Goes on with the pages and records of another index; see `checkpoint.ts`. */
  adoptLiveKeys(liveKeys: number): void {
    this.#liveKeys = liveKeys;
  }

  find(key: Bytes, into: KeyState): boolean {
    if (!this.#locate(key) || this.#entry.isDead) return false;
    this.#entry.fill(into);
    return true;
  }

  findAt(key: Bytes, revision: number, into: KeyState): boolean {
    if (revision === 0) return this.find(key, into);
    return this.#locate(key) && this.#entry.fillAt(revision, this.history, into);
  }

  put(key: Bytes, main: number, sub: number, lease: LeaseId, into: KeyState): LeaseId {
    check(this.#scans === 0, 'the visitor of a scan does not change the index');
    const entry = this.#lastPut;
    const tails = (lease === noLease ? 0 : leaseTail) | (sub === 0 ? 0 : subTail);
    let create = main;
    let version = 1;
    let leaseBefore = noLease;
    if (this.tree.locate(key)) {
      this.#widen(key, entry, tails | lifeTail);
      if (entry.isDead) this.#addLive(1);
      else {
        create = entry.create;
        version = entry.version + 1;
        leaseBefore = entry.lease;
      }
      const older = this.#retire(entry, main, sub);
      entry.setRevision(main, sub, false);
      entry.setLife(create, version, older);
    } else {
      entry.open(this.tree.leaf, this.tree.insertHere(key, tails));
      entry.setRevision(main, sub, false);
      this.#addLive(1);
    }
    entry.setLease(lease);
    entry.storedBytes = 0;
    into.main = main;
    into.sub = sub;
    into.create = create;
    into.version = version;
    into.lease = lease;
    into.storedBytes = 0;
    return leaseBefore;
  }

  setStoredBytes(storedBytes: number): void {
    this.#lastPut.storedBytes = storedBytes;
  }

  tombstone(key: Bytes, main: number, sub: number): boolean {
    check(this.#scans === 0, 'the visitor of a scan does not change the index');
    if (!this.#locate(key) || this.#entry.isDead) return false;
    const entry = this.#entry;
    this.#widen(key, entry, lifeTail | (sub === 0 ? 0 : subTail));
    const { create, version } = entry;
    const older = this.#retire(entry, main, sub);
    this.#bury(entry, main, sub, create, version, older);
    this.#addLive(-1);
    return true;
  }

  restore(key: Bytes, state: KeyState, tombstone: boolean): void {
    if (!tombstone) {
      this.#restorePut(key, state);
    } else if (!this.tombstone(key, state.main, state.sub)) {
      this.#restoreTombstone(key, state.main, state.sub);
    }
  }

  scan(key: Bytes, end: Bytes | undefined, revision: number, visit: KeyVisitor): void {
    if (end !== undefined && compareBytes(key, end) >= 0) return;
    this.#scanWindows[this.#scans] ??= new ScanWindow(this.tree);
    const window = this.#scanWindows[this.#scans] as ScanWindow;
    this.#scans++;
    try {
      window.begin(this.tree, key, end);
      while (window.nextAlive(revision, this.history)) {
        window.readKey();
        if (!visit(window.key.view(), window.state)) return;
      }
    } finally {
      this.#scans--;
    }
  }

  count(key: Bytes, end: Bytes | undefined, revision: number): number {
    if (end !== undefined && compareBytes(key, end) >= 0) return 0;
    if (revision !== 0) return this.#countAt(key, end, revision);
    let until = this.#liveKeys;
    if (end !== undefined) {
      this.tree.locate(end);
      until = this.tree.rankHere();
    }
    this.tree.locate(key);
    return until - this.tree.rankHere();
  }

  compact(revision: number, from: Bytes | undefined, maxKeys: number, dropped: DroppedVisitor): Bytes | undefined {
    check(this.#scans === 0, 'the visitor of a scan does not change the index');
    check(maxKeys > 0, 'a slice of a compaction does something');
    return this.compaction.slice(revision, from ?? noBytes, maxKeys, dropped);
  }

  /** What a key had at `revision` is kept when it is a put: so it is what a scan sees. */
  keep(revision: number, visit: (main: number, sub: number) => void): void {
    const window = new ScanWindow(this.tree);
    window.begin(this.tree, noBytes, undefined);
    while (window.nextAlive(revision, this.history)) visit(window.state.main, window.state.sub);
  }

  #countAt(key: Bytes, end: Bytes | undefined, revision: number): number {
    const window = new ScanWindow(this.tree);
    window.begin(this.tree, key, end);
    let count = 0;
    while (window.nextAlive(revision, this.history)) count++;
    return count;
  }

  /** Leads `#entry` to the key; false when it is unknown. */
  #locate(key: Bytes): boolean {
    if (!this.tree.locate(key)) return false;
    this.#entry.open(this.tree.leaf, this.tree.leaf.entryAt(this.tree.position));
    return true;
  }

  /** Leads `entry` to the located key, which then has `tails`. */
  #widen(key: Bytes, entry: LeafEntry, tails: number): void {
    const { leaf } = this.tree;
    entry.open(leaf, leaf.entryAt(this.tree.position));
    if ((tails & ~entry.tails) === 0) return;
    const { main, version } = entry;
    const grewLife = (tails & ~entry.tails & lifeTail) !== 0;
    entry.open(leaf, this.tree.widenHere(key, tails & ~entry.tails));
    if (grewLife) entry.setLife(main, version, noRecord);
  }

  /** Makes a record of the newest revision, for another comes at (main, sub). */
  #retire(entry: LeafEntry, main: number, sub: number): number {
    const mainBefore = entry.main;
    check(main > mainBefore || (main === mainBefore && sub > entry.sub), "a key's revisions only rise");
    if (entry.isDead) {
      return this.history.addTombstone(mainBefore, entry.sub, entry.history, entry.create, entry.version);
    }
    return this.history.addPut(mainBefore, entry.sub, entry.history, entry.storedBytes, entry.lease);
  }

  #bury(entry: LeafEntry, main: number, sub: number, create: number, version: number, older: number): void {
    entry.setRevision(main, sub, true);
    entry.setLife(create, version, older);
    entry.setLease(noLease);
    entry.storedBytes = 0;
  }

  #restorePut(key: Bytes, state: KeyState): void {
    const { main, sub, create, version, lease, storedBytes } = state;
    this.put(key, main, sub, lease, state);
    this.setStoredBytes(storedBytes);
    state.storedBytes = storedBytes;
    if (create === state.create && version === state.version) return;
    // Its generation began before what is stored, so only the value tells.
    state.create = create;
    state.version = version;
    this.#locate(key);
    this.#widen(key, this.#entry, lifeTail);
    this.#entry.setLife(create, version, this.#entry.history);
  }

  /** The puts before it were dropped. It is remembered so that the next compaction drops it from the disk too. */
  #restoreTombstone(key: Bytes, main: number, sub: number): void {
    const tails = lifeTail | (sub === 0 ? 0 : subTail);
    const entry = this.#entry;
    let older = noRecord;
    if (this.tree.locate(key)) {
      this.#widen(key, entry, tails);
      older = this.#retire(entry, main, sub);
    } else entry.open(this.tree.leaf, this.tree.insertHere(key, tails));
    this.#bury(entry, main, sub, 0, 0, older);
  }

  #addLive(delta: number): void {
    this.#liveKeys += delta;
    this.tree.addLive(delta);
  }
}

/** Where a scan stands, and what it shows to its visitor. */
class ScanWindow {
  readonly key = new KeyBuffer();
  readonly state = new KeyState();
  readonly #leaf: SlottedPage;
  readonly #entry = new LeafEntry();
  #position = 0;
  #stop = 0;
  #prefixLength = 0;
  /** The scan ends at this position of this leaf, or with the last leaf. */
  #endLeaf = noPage;
  #endPosition = 0;
  #at = 0;

  constructor(tree: PageTree) {
    this.#leaf = new SlottedPage(tree.pool, tree.longKeys);
  }

  begin(tree: PageTree, key: Bytes, end: Bytes | undefined): void {
    this.#endLeaf = noPage;
    if (end !== undefined) {
      tree.locate(end);
      this.#endLeaf = tree.leaf.page;
      this.#endPosition = tree.position;
    }
    tree.locate(key);
    this.#enter(tree.leaf.page, tree.position);
  }

  /** Goes on to the next key that was alive at `revision`, and fills `state`; false at the end. */
  nextAlive(revision: number, history: History): boolean {
    for (;;) {
      while (this.#position < this.#stop) {
        this.#at = this.#leaf.entryAt(this.#position++);
        this.#entry.open(this.#leaf, this.#at);
        if (revision === 0) {
          if (this.#entry.isDead) continue;
          this.#entry.fill(this.state);
          return true;
        }
        if (this.#entry.fillAt(revision, history, this.state)) return true;
      }
      if (this.#leaf.page === this.#endLeaf || this.#leaf.next === noPage) return false;
      this.#enter(this.#leaf.next, 0);
    }
  }

  readKey(): void {
    this.#leaf.suffixInto(this.#at, this.#prefixLength, this.key);
  }

  #enter(page: number, position: number): void {
    this.#leaf.open(page);
    this.#leaf.prefixInto(this.key);
    this.#prefixLength = this.key.length;
    this.#position = position;
    this.#stop = page === this.#endLeaf ? this.#endPosition : this.#leaf.count;
  }
}
