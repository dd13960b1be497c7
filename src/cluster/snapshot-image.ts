/**
 * What a `.snap` file holds besides raft's own data: the membership, in the shape of etcd's old v2 store after the
 * members had just been written into an empty one. etcd 3.7 writes it and never reads it; earlier peers read it.
 *
 *   /0/members/<id>/raftAttributes, /0/members/<id>/attributes, /0/removed_members/<id>, /0/version, and an empty /1
 */
import { type Bytes, utf8 } from '../base/bytes.js';
import { idToHex } from '../base/ids.js';
import { type JsonOut, jsonText } from '../base/json.js';
import type { MembershipBook } from './book.js';

const historyCapacity = 1000;
const storeFormat = 2;

type Node = {
  readonly path: string;
  readonly index: number;
  value: string;
  readonly children: Map<string, Node> | undefined;
};
type Step = { readonly action: 'create' | 'set'; readonly path: string; readonly value: string };

export function snapshotImage(book: MembershipBook): Bytes {
  const steps = stepsOf(book);
  const root = directory('/', 0);
  root.children?.set('0', directory('/0', 0));
  root.children?.set('1', directory('/1', 0));
  for (const [i, step] of steps.entries()) place(root, step, i + 1);
  return utf8(
    jsonText({
      Root: nodeJson(root),
      WatcherHub: { EventHistory: historyJson(steps) },
      CurrentIndex: steps.length,
      Stats: statsJson(steps),
      CurrentVersion: storeFormat,
    }),
  );
}

/** The writes that build the image, each one index further. */
function stepsOf(book: MembershipBook): readonly Step[] {
  const steps: Step[] = [];
  for (const member of book.list()) {
    const path = `/0/members/${idToHex(member.id)}`;
    const raft = jsonText({ peerURLs: member.peerUrls, isLearner: member.isLearner || undefined });
    steps.push({ action: 'create', path: `${path}/raftAttributes`, value: raft });
    if (member.clientUrls.length === 0) continue;
    const attributes = jsonText({ name: member.name || undefined, clientURLs: member.clientUrls });
    steps.push({ action: 'set', path: `${path}/attributes`, value: attributes });
  }
  for (const id of book.removed) steps.push({ action: 'create', path: `/0/removed_members/${idToHex(id)}`, value: '' });
  if (book.version !== undefined) steps.push({ action: 'set', path: '/0/version', value: book.version });
  return steps;
}

function directory(path: string, index: number): Node {
  return { path, index, value: '', children: new Map() };
}

/** Directories on the way are made with the index of the write that needed them. */
function place(root: Node, step: Step, index: number): void {
  const names = step.path.slice(1).split('/');
  const last = names.pop() as string;
  let node = root;
  let path = '';
  for (const name of names) {
    path += `/${name}`;
    const next = node.children?.get(name) ?? directory(path, index);
    node.children?.set(name, next);
    node = next;
  }
  node.children?.set(last, { path: step.path, index, value: step.value, children: undefined });
}

function nodeJson(node: Node): JsonOut {
  const byName = [...(node.children ?? [])].sort(([a], [b]) => (a < b ? -1 : 1));
  const children = byName.map(([name, child]) => [name, nodeJson(child)] as const);
  return {
    Path: node.path,
    CreatedIndex: node.index,
    ModifiedIndex: node.index,
    ExpireTime: '0001-01-01T00:00:00Z',
    Value: node.value,
    Children: node.children === undefined ? null : Object.fromEntries(children),
  };
}

function historyJson(steps: readonly Step[]): JsonOut {
  const kept = steps.slice(-historyCapacity);
  const first = steps.length - kept.length;
  const events: JsonOut[] = kept.map(({ action, path, value }, i) => ({
    action,
    node: { key: path, value, modifiedIndex: first + i + 1, createdIndex: first + i + 1 },
  }));
  while (events.length < historyCapacity) events.push(null);
  return {
    Queue: {
      Events: events,
      Size: kept.length,
      Front: 0,
      Back: kept.length % historyCapacity,
      Capacity: historyCapacity,
    },
    StartIndex: kept.length === 0 ? 0 : first + 1,
    LastIndex: steps.length,
  };
}

function statsJson(steps: readonly Step[]): JsonOut {
  const count = (action: Step['action']) => steps.filter((step) => step.action === action).length;
  return {
    getsSuccess: 0,
    getsFail: 1,
    setsSuccess: count('set'),
    setsFail: 0,
    deleteSuccess: 0,
    deleteFail: 0,
    updateSuccess: 0,
    updateFail: 0,
    createSuccess: count('create'),
    createFail: 0,
    compareAndSwapSuccess: 0,
    compareAndSwapFail: 0,
    compareAndDeleteSuccess: 0,
    compareAndDeleteFail: 0,
    expireCount: 0,
    watchers: 0,
  };
}
