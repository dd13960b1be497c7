/**
 * A disk in memory that forgets like a real one: what was not synced may be there after a crash, or not, or in part.
 *
 * Each file and directory is held twice: as processes see it (`now`), and as it is sure to be after the power fails (`durable`), with
 * the changes between the two in a list. On a crash, of each file's changes every sector of every write is kept or lost on its own
 * account; of each directory's changes, either a prefix or any subset is kept. A write that goes through to the disk
 * is such a change while it is under way, and durable when it is answered.
 *
 * Nothing here waits: asynchronous calls stand in a queue, and each `turn()` answers one of them, drawn from the seed.
 */
import type { Bytes } from '../base/bytes.js';
import { check } from '../base/check.js';
import type { Random } from '../base/random.js';
import { type Disk, DiskFailure, type DiskFile, type Done } from '../wire/wal/disk.js';
import { sectorBytes } from '../wire/wal/format.js';

/** Thrown by the call during which the power fails, or after it: the process that made the call is no more. */
export class SimCrash extends Error {
  override readonly name = 'SimCrash';
}

/** What a crash leaves of that which was not durable: nothing, all of it, or whatever the seed says, down to single sectors. */
export type CrashMode = 'drop' | 'keep' | 'tear';

/** A call, before it is done: what it does and to which path. */
export type SimCall = { readonly kind: string; readonly path: string };

type FileWrite = { readonly kind: 'write'; readonly offset: number; readonly bytes: Bytes };
type FileChange = FileWrite | { readonly kind: 'truncate'; readonly sizeBytes: number };

type DirectoryChange =
  | { readonly kind: 'set'; readonly name: string; readonly node: Node }
  | { readonly kind: 'remove'; readonly name: string }
  | { readonly kind: 'rename'; readonly from: string; readonly to: string; readonly node: Node };

class SimInode {
  now = new Content();
  durable = new Content();
  changes: FileChange[] = [];
}

class SimDirectory {
  now = new Map<string, Node>();
  durable = new Map<string, Node>();
  changes: DirectoryChange[] = [];
}

type Node = SimInode | SimDirectory;

/** Bytes that grow; what was never written is zero. */
class Content {
  bytes: Bytes = new Uint8Array(0);
  length = 0;

  write(bytes: Bytes, offset: number): void {
    this.resize(Math.max(this.length, offset + bytes.length));
    this.bytes.set(bytes, offset);
  }

  resize(length: number): void {
    if (length > this.bytes.length) {
      const grown = new Uint8Array(Math.max(length, this.bytes.length * 2));
      grown.set(this.bytes.subarray(0, this.length));
      this.bytes = grown;
    } else if (length < this.length) {
      this.bytes.fill(0, length, this.length);
    }
    this.length = length;
  }

  copy(): Content {
    const copy = new Content();
    copy.bytes = this.bytes.slice(0, this.length);
    copy.length = this.length;
    return copy;
  }
}

export class SimDisk implements Disk {
  /** Calls made so far; each is a point at which the power may fail. */
  calls = 0;
  /** The call, counted as in `calls`, at which the power fails. */
  crashAtCall = Number.POSITIVE_INFINITY;
  /** Asked before each call; what it answers is how the call fails. */
  fails: (call: SimCall) => DiskFailure | undefined = () => undefined;

  readonly #random: Random;
  #root = new SimDirectory();
  /** Changes with every crash: handles of the process that is gone are dead. */
  #life = 0;
  #queue: (() => void)[] = [];
  #soon: (() => void)[] = [];
  #crashed = false;

  constructor(random: Random) {
    this.#random = random;
  }

  /** No call is under way. */
  get idle(): boolean {
    return this.#queue.length === 0 && this.#soon.length === 0;
  }

  /** Answers one of the calls that are under way; false when there is none. */
  turn(): boolean {
    if (this.runSoon()) return true;
    if (this.#queue.length === 0) return false;
    const [answer] = this.#queue.splice(this.#random.below(this.#queue.length), 1);
    answer?.();
    return true;
  }

  /** Calls back one who asked for it by `soon`; false when there is none. */
  runSoon(): boolean {
    const soon = this.#soon.shift();
    soon?.();
    return soon !== undefined;
  }

  /** The process is gone, at once; the power stays on, so what was written is there, and of what is under way a random part. */
  kill(): void {
    this.#endLife();
    visit(this.#root, (node) => {
      if (!(node instanceof SimInode)) return;
      node.changes = node.changes.filter((made) => made.kind === 'truncate' || this.#random.oneIn(2));
      for (const made of node.changes) if (made.kind === 'write') node.now.write(made.bytes, made.offset);
    });
  }

  /** The power fails. The disk can be used again at once, by whoever comes after. */
  crash(mode: CrashMode = 'tear'): void {
    this.#endLife();
    // Durable directories may name what the others do not, and the other way round: all are settled before any is read.
    const nodes = new Set<Node>();
    visitAll(this.#root, nodes);
    for (const node of nodes) {
      if (node instanceof SimInode) this.#crashFile(node, mode);
      else this.#crashDirectory(node, mode);
    }
  }

  /** The file as it is now, without a call; undefined when it is not there. */
  peek(path: string): Bytes | undefined {
    const node = this.#find(path);
    return node instanceof SimInode ? node.now.bytes.slice(0, node.now.length) : undefined;
  }

  /** Changes a byte where it lies, as a failing disk does. */
  rot(path: string, offset: number, mask: number): void {
    const node = this.#find(path);
    check(node instanceof SimInode && offset < node.now.length, 'there is such a byte');
    for (const content of [node.now, node.durable])
      if (offset < content.length) content.bytes[offset] = (content.bytes[offset] as number) ^ mask;
  }

  list(directory: string): string[] | undefined {
    this.#call('list', directory);
    const node = this.#find(directory);
    return node instanceof SimDirectory ? [...node.now.keys()].sort() : undefined;
  }

  read(path: string): { readonly bytes: Bytes; readonly length: number } {
    this.#call('read', path);
    const node = this.#find(path);
    if (!(node instanceof SimInode)) throw notThere(path);
    return { bytes: node.now.bytes.slice(0, node.now.length), length: node.now.length };
  }

  makeDirectoryNow(path: string): void {
    this.#call('makeDirectory', path);
    let at = this.#root;
    for (const name of path.split('/').filter((part) => part !== '')) {
      const next = at.now.get(name) ?? new SimDirectory();
      check(next instanceof SimDirectory, 'a path leads through directories');
      if (!at.now.has(name)) change(at, { kind: 'set', name, node: next });
      at = next;
    }
  }

  open(path: string): DiskFile {
    this.#call('open', path);
    const [parent, name] = this.#place(path);
    const node = parent.now.get(name) ?? new SimInode();
    if (!(node instanceof SimInode))
      throw new DiskFailure('EISDIR', path, `EISDIR: illegal operation on a directory, open '${path}'`);
    if (!parent.now.has(name)) change(parent, { kind: 'set', name, node });
    return new SimFile(this, node, path);
  }

  renameNow(from: string, to: string): void {
    this.#call('rename', from);
    this.#rename(from, to);
  }

  removeNow(path: string): void {
    this.#call('remove', path);
    this.#remove(path);
  }

  syncDirectoryNow(path: string): void {
    this.#call('syncDirectory', path);
    this.#syncDirectory(path);
  }

  rename(from: string, to: string, done: Done): void {
    this.later('rename', from, done, () => this.#rename(from, to));
  }

  remove(path: string, done: Done): void {
    this.later('remove', path, done, () => this.#remove(path));
  }

  syncDirectory(path: string, done: Done): void {
    this.later('syncDirectory', path, done, () => this.#syncDirectory(path));
  }

  soon(call: () => void): void {
    this.#soon.push(call);
  }

  /** Counts a call that returns when it is done; throws when the power fails during it, or when it is to fail. */
  now(kind: string, path: string, life: number): void {
    if (life !== this.#life) throw new SimCrash('a file of a process that is gone');
    this.#call(kind, path);
  }

  /** Queues `act`, to be followed by `done` in the same turn. */
  later(kind: string, path: string, done: Done, act: () => void): void {
    const failure = this.#count({ kind, path });
    this.#queue.push(() => {
      if (failure === undefined) act();
      done(failure);
    });
  }

  get life(): number {
    return this.#life;
  }

  #call(kind: string, path: string): void {
    const failure = this.#count({ kind, path });
    if (failure !== undefined) throw failure;
  }

  #count(call: SimCall): DiskFailure | undefined {
    if (this.#crashed) throw new SimCrash('the power is off');
    if (++this.calls >= this.crashAtCall) {
      this.#crashed = true;
      throw new SimCrash(`power failed at call ${this.calls}, ${call.kind} ${call.path}`);
    }
    return this.fails(call);
  }

  #endLife(): void {
    this.#life++;
    this.#queue = [];
    this.#soon = [];
    this.#crashed = false;
    this.crashAtCall = Number.POSITIVE_INFINITY;
  }

  #rename(from: string, to: string): void {
    const [parent, name] = this.#place(from);
    const [target, newName] = this.#place(to);
    check(parent === target, 'names change within a directory');
    const node = parent.now.get(name);
    if (node === undefined) throw notThere(from);
    change(parent, { kind: 'rename', from: name, to: newName, node });
  }

  #remove(path: string): void {
    const [parent, name] = this.#place(path);
    if (parent.now.has(name)) change(parent, { kind: 'remove', name });
  }

  #syncDirectory(path: string): void {
    const node = this.#find(path);
    if (!(node instanceof SimDirectory)) throw notThere(path);
    node.durable = new Map(node.now);
    node.changes = [];
  }

  #find(path: string): Node | undefined {
    let at: Node | undefined = this.#root;
    for (const name of path.split('/')) {
      if (name === '') continue;
      at = at instanceof SimDirectory ? at.now.get(name) : undefined;
    }
    return at;
  }

  #place(path: string): [SimDirectory, string] {
    const cut = path.lastIndexOf('/');
    const parent = this.#find(path.slice(0, cut));
    if (!(parent instanceof SimDirectory)) throw notThere(path);
    return [parent, path.slice(cut + 1)];
  }

  /** A random part of what was not durable is so now. */
  #crashFile(file: SimInode, mode: CrashMode): void {
    const content = file.durable;
    // Now and then all or nothing: mixed outcomes alone would hardly ever keep a long write whole.
    const luck = mode === 'drop' ? 0 : mode === 'keep' ? 1 : this.#random.below(4);
    for (const made of file.changes) {
      if (luck === 0 || (luck > 1 && this.#random.oneIn(3))) continue;
      if (made.kind === 'truncate') content.resize(made.sizeBytes);
      else if (luck === 1) content.write(made.bytes, made.offset);
      else this.#tear(content, made.bytes, made.offset);
    }
    file.changes = [];
    file.now = content.copy();
  }

  /** Each sector of a write on its own account. */
  #tear(content: Content, bytes: Bytes, offset: number): void {
    for (let at = 0; at < bytes.length; ) {
      const stop = Math.min(bytes.length, at + sectorBytes - ((offset + at) % sectorBytes));
      if (this.#random.oneIn(2)) content.write(bytes.subarray(at, stop), offset + at);
      at = stop;
    }
  }

  #crashDirectory(directory: SimDirectory, mode: CrashMode): void {
    const kept = mode === 'drop' ? [] : mode === 'keep' ? directory.changes : this.#someOf(directory.changes);
    for (const made of kept) apply(directory.durable, made);
    directory.now = new Map(directory.durable);
    directory.changes = [];
  }

  /** The first of them, or any. */
  #someOf(changes: readonly DirectoryChange[]): readonly DirectoryChange[] {
    if (this.#random.oneIn(2)) return changes.slice(0, this.#random.below(changes.length + 1));
    return changes.filter(() => this.#random.oneIn(2));
  }
}

class SimFile implements DiskFile {
  readonly #disk: SimDisk;
  readonly #inode: SimInode;
  readonly #life: number;

  constructor(
    disk: SimDisk,
    inode: SimInode,
    readonly path: string,
  ) {
    this.#disk = disk;
    this.#inode = inode;
    this.#life = disk.life;
  }

  get sizeBytes(): number {
    return this.#inode.now.length;
  }

  write(bytes: Bytes, length: number, offset: number, done: Done): void {
    this.#live();
    const made = this.#begin(bytes, length, offset);
    this.#disk.later('write', this.path, done, () => this.#through(made));
  }

  truncate(sizeBytes: number, done: Done): void {
    this.#live();
    this.#disk.later('truncate', this.path, done, () => this.#truncate(sizeBytes));
  }

  writeNow(bytes: Bytes, length: number, offset: number): void {
    const made = this.#begin(bytes, length, offset);
    this.#disk.now('write', this.path, this.#life);
    this.#through(made);
  }

  truncateNow(sizeBytes: number): void {
    this.#disk.now('truncate', this.path, this.#life);
    this.#truncate(sizeBytes);
  }

  syncNow(): void {
    this.#disk.now('sync', this.path, this.#life);
    this.#inode.durable = this.#inode.now.copy();
    this.#inode.changes = [];
  }

  close(): void {}

  #live(): void {
    if (this.#life !== this.#disk.life) throw new SimCrash('a file of a process that is gone');
  }

  /** A write that is under way counts among the changes of which a crash leaves a part. */
  #begin(bytes: Bytes, length: number, offset: number): FileWrite {
    const made: FileWrite = { kind: 'write', offset, bytes: bytes.slice(0, length) };
    this.#inode.changes.push(made);
    return made;
  }

  #through(made: FileWrite): void {
    const inode = this.#inode;
    inode.changes.splice(inode.changes.indexOf(made), 1);
    if (made.offset + made.bytes.length > inode.durable.length) this.#settleLength();
    inode.now.write(made.bytes, made.offset);
    inode.durable.write(made.bytes, made.offset);
  }

  /** A write through to the disk takes along the length that it needs, and so the changes of length before it. */
  #settleLength(): void {
    const inode = this.#inode;
    for (const made of inode.changes) if (made.kind === 'truncate') inode.durable.resize(made.sizeBytes);
    inode.changes = inode.changes.filter(({ kind }) => kind !== 'truncate');
  }

  #truncate(sizeBytes: number): void {
    this.#inode.now.resize(sizeBytes);
    this.#inode.changes.push({ kind: 'truncate', sizeBytes });
  }
}

function change(directory: SimDirectory, made: DirectoryChange): void {
  directory.changes.push(made);
  apply(directory.now, made);
}

function apply(names: Map<string, Node>, made: DirectoryChange): void {
  if (made.kind === 'remove') names.delete(made.name);
  else if (made.kind === 'set') names.set(made.name, made.node);
  else {
    names.delete(made.from);
    names.set(made.to, made.node);
  }
}

function visit(directory: SimDirectory, seen: (node: Node) => void): void {
  for (const node of directory.now.values()) {
    seen(node);
    if (node instanceof SimDirectory) visit(node, seen);
  }
}

/** All that is named now, was named durably, or is named by a change between the two. */
function visitAll(node: Node, seen: Set<Node>): void {
  if (seen.has(node)) return;
  seen.add(node);
  if (!(node instanceof SimDirectory)) return;
  for (const child of node.now.values()) visitAll(child, seen);
  for (const child of node.durable.values()) visitAll(child, seen);
  for (const made of node.changes) if (made.kind !== 'remove') visitAll(made.node, seen);
}

function notThere(path: string): DiskFailure {
  return new DiskFailure('ENOENT', path, `ENOENT: no such file or directory, '${path}'`);
}
