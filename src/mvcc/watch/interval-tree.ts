/**
 * Ranges of keys, found by a key that lies in them: for those few watched ranges that are neither one key nor a prefix.
 *
 * A treap ordered by where ranges begin; each node knows the furthest end below it, so that a search skips what ends too early.
 * Priorities are hashes of a counter: the shape is that of random draws, and the same on each run.
 */
import { type Bytes, compareBytes } from '../../base/bytes.js';
import { mixHash } from '../../base/hash.js';
import type { Spot } from './watcher.js';

class Node {
  left: Node | undefined = undefined;
  right: Node | undefined = undefined;
  /** The furthest end in this subtree; undefined: some range has no end. */
  furthest: Bytes | undefined;

  constructor(
    readonly spot: Spot,
    readonly priority: number,
  ) {
    this.furthest = spot.end;
  }
}

export class IntervalTree {
  #root: Node | undefined = undefined;
  #inserted = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  insert(spot: Spot): void {
    this.#root = insert(this.#root, new Node(spot, mixHash(++this.#inserted)));
    this.#size++;
  }

  remove(spot: Spot): void {
    this.#root = remove(this.#root, spot);
    this.#size--;
  }

  /** The spot of exactly this range. */
  find(key: Bytes, end: Bytes | undefined): Spot | undefined {
    let node = this.#root;
    while (node !== undefined) {
      const order = compareRanges(key, end, node.spot.key, node.spot.end);
      if (order === 0) return node.spot;
      node = order < 0 ? node.left : node.right;
    }
    return undefined;
  }

  all(): Spot[] {
    const spots: Spot[] = [];
    const collect = (node: Node | undefined) => {
      if (node === undefined) return;
      spots.push(node.spot);
      collect(node.left);
      collect(node.right);
    };
    collect(this.#root);
    return spots;
  }

  /** Writes the spots that `key` lies in to `into[count...)`; answers the new count. */
  stab(key: Bytes, into: Spot[], count: number): number {
    return stab(this.#root, key, into, count);
  }
}

function stab(node: Node | undefined, key: Bytes, into: Spot[], count: number): number {
  if (node === undefined || !isBefore(key, node.furthest)) return count;
  count = stab(node.left, key, into, count);
  if (compareBytes(node.spot.key, key) > 0) return count;
  if (isBefore(key, node.spot.end)) into[count++] = node.spot;
  return stab(node.right, key, into, count);
}

function isBefore(key: Bytes, end: Bytes | undefined): boolean {
  return end === undefined || compareBytes(key, end) < 0;
}

function compareEnds(a: Bytes | undefined, b: Bytes | undefined): number {
  if (a === undefined || b === undefined) return (a === undefined ? 1 : 0) - (b === undefined ? 1 : 0);
  return compareBytes(a, b);
}

function compareRanges(keyA: Bytes, endA: Bytes | undefined, keyB: Bytes, endB: Bytes | undefined): number {
  return compareBytes(keyA, keyB) || compareEnds(endA, endB);
}

function settle(node: Node): Node {
  let furthest = node.spot.end;
  if (node.left !== undefined && compareEnds(node.left.furthest, furthest) > 0) furthest = node.left.furthest;
  if (node.right !== undefined && compareEnds(node.right.furthest, furthest) > 0) furthest = node.right.furthest;
  node.furthest = furthest;
  return node;
}

function insert(node: Node | undefined, added: Node): Node {
  if (node === undefined) return added;
  const { spot } = added;
  if (compareRanges(spot.key, spot.end, node.spot.key, node.spot.end) < 0) {
    const left = insert(node.left, added);
    node.left = left;
    if (left.priority <= node.priority) return settle(node);
    node.left = left.right;
    left.right = settle(node);
    return settle(left);
  }
  const right = insert(node.right, added);
  node.right = right;
  if (right.priority <= node.priority) return settle(node);
  node.right = right.left;
  right.left = settle(node);
  return settle(right);
}

function remove(node: Node | undefined, spot: Spot): Node | undefined {
  if (node === undefined) return undefined;
  if (node.spot === spot) return merge(node.left, node.right);
  if (compareRanges(spot.key, spot.end, node.spot.key, node.spot.end) < 0) node.left = remove(node.left, spot);
  else node.right = remove(node.right, spot);
  return settle(node);
}

/** All of `left` is before all of `right`. */
function merge(left: Node | undefined, right: Node | undefined): Node | undefined {
  if (left === undefined) return right;
  if (right === undefined) return left;
  if (left.priority > right.priority) {
    left.right = merge(left.right, right);
    return settle(left);
  }
  right.left = merge(left, right.left);
  return settle(right);
}
