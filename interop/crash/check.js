/** After a restart: is every acknowledged change there, and nothing that nobody asked for? */

import { text, utf8 } from '../../dist/base/bytes.js';
import { KV, Lease } from '../../dist/gen/etcdserverpb/rpc_pb.js';
import { changed, difference } from './model.js';

/** Each problem in words. What was found becomes what each writer goes on from. */
export async function check(client, writers, ledger) {
  const range = await client.call(KV.method.range, { key: utf8('crash/'), rangeEnd: utf8('crash0') });
  const { leases } = await client.call(Lease.method.leaseLeases, {});
  const problems = await ledger.check(client, range.header.revision);
  const keys = range.kvs.map(keyOf);
  for (const writer of writers) {
    const found = {
      keys: new Map(keys.filter(([key]) => writer.owns(key))),
      leases: new Set(leases.map(({ ID }) => ID).filter(writer.ownsLease)),
    };
    problems.push(...checkWriter(writer, found), ...(await checkAttached(client, found)));
    writer.state = found;
    writer.pending = undefined;
  }
  return problems;
}

function keyOf({ key, value, lease, version, modRevision, createRevision }) {
  return [text(key), { value: text(value), lease, version, modRevision, createRevision }];
}

/** What was pending when the server died may have come true, but only as a whole. */
function checkWriter({ state, pending }, found) {
  const lost = difference(state, found);
  if (lost === undefined) return [];
  if (pending === undefined) return [lost];
  const half = difference(changed(state, pending, undefined), found);
  if (half === undefined) return [];
  return [`${lost}; nor has the unanswered change come true: ${half}`];
}

/** A lease must know its keys, as they know it. */
async function checkAttached(client, { keys, leases }) {
  const problems = [];
  for (const id of leases) {
    const answer = await client.call(Lease.method.leaseTimeToLive, { ID: id, keys: true });
    const attached = answer.keys.map(text).sort().join();
    const expected = [...keys]
      .filter(([, { lease }]) => lease === id)
      .map(([key]) => key)
      .sort()
      .join();
    if (attached !== expected)
      problems.push(`lease ${id} holds ${attached || 'nothing'}, not ${expected || 'nothing'}`);
  }
  return problems;
}
