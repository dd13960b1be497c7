// Proves: the transport hears of each other member once, of its new URLs, and of its end, whatever the book goes through.
import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import type { MemberId } from '../base/ids.js';
import { MembershipBook } from '../cluster/book.js';
import { encodeContext } from '../cluster/member.js';
import { type ConfChangeType, confChangeType } from '../wire/raftpb/types.js';
import { noPeers } from './peers.js';
import { Roster } from './roster.js';

const { addNode, removeNode, updateNode } = confChangeType;
const member = (n: bigint, url: string) => ({
  id: n as MemberId,
  peerUrls: [url],
  isLearner: false,
  name: '',
  clientUrls: [],
});

test('members come, move and go', () => {
  const told: string[] = [];
  const book = new MembershipBook(1);
  const roster = new Roster(1n as MemberId, book, {
    ...noPeers,
    add: (id, urls) => told.push(`add ${id} ${urls}`),
    update: (id, urls) => told.push(`update ${id} ${urls}`),
    remove: (id) => told.push(`remove ${id}`),
  });
  const change = (type: ConfChangeType, n: bigint, url = '') => {
    const context = type === removeNode ? undefined : encodeContext({ member: member(n, url), isPromote: false });
    book.apply({ id: 1n, type, nodeId: n as MemberId, context });
    roster.follow();
    return told.splice(0);
  };
  roster.introduce([member(1n, 'own'), member(2n, 'b'), member(3n, 'c')]);
  deepEqual(told.splice(0), ['add 2 b', 'add 3 c']);
  deepEqual(change(addNode, 1n, 'own'), []);
  deepEqual(change(addNode, 2n, 'b'), []);
  deepEqual(change(updateNode, 2n, 'b2'), ['update 2 b2']);
  deepEqual(change(addNode, 4n, 'd'), ['add 4 d']);
  deepEqual(change(removeNode, 2n), ['remove 2']);
  deepEqual(change(removeNode, 1n), []);
  roster.introduce([member(2n, 'b')]);
  deepEqual(told, []);
});
