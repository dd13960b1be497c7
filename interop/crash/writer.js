/** One concurrent client: one change at a time to keys and leases of its own, each answer noted. */

import { utf8 } from '../../dist/base/bytes.js';
import { KV, Lease } from '../../dist/gen/etcdserverpb/rpc_pb.js';
import { changed, emptyState } from './model.js';

const keyCount = 16;
const leasesMax = 3;
const valueBytesMax = 2000;
/** Long enough never to end within a test. */
const leaseSeconds = 36_000n;

export class Writer {
  /** All that was acknowledged. */
  state = emptyState;
  /** Asked for and not answered yet: it may come true, as a whole. */
  pending = undefined;
  acknowledged = 0;
  #written = 0;

  constructor(index, random) {
    this.prefix = `crash/${String(index).padStart(3, '0')}/`;
    this.firstLease = BigInt(index) * 1_000_000n + 1n;
    this.random = random;
  }

  owns = (key) => key.startsWith(this.prefix);
  ownsLease = (id) => id >= this.firstLease && id < this.firstLease + 1_000_000n;

  /** Changes one thing after another until it is told to stop, or the server is gone. */
  async run(client, ledger) {
    while (!ledger.stopped) {
      this.pending = this.#draw();
      let revision;
      try {
        revision = await ask(client, this.pending);
      } catch (error) {
        if (error.unsure) return;
        throw error;
      }
      this.state = changed(this.state, this.pending, revision);
      this.pending = undefined;
      this.acknowledged++;
      ledger.see(revision);
    }
  }

  #draw() {
    const { random, state } = this;
    const leases = [...state.leases];
    const lot = random.below(20);
    if (lot === 0 && leases.length < leasesMax) return { grant: this.firstLease + BigInt(this.#written++) };
    if (lot === 1 && leases.length > 1) return { revoke: random.pick(leases) };
    const [first, second, third] = random.shuffle(Array.from({ length: keyCount }, (_, i) => `${this.prefix}${i}`));
    if (lot < 5) return { deletes: [first] };
    if (lot < 9) return { puts: [this.#put(first, leases), this.#put(second, leases)], deletes: [third] };
    return { puts: [this.#put(first, leases)] };
  }

  #put(key, leases) {
    const { random } = this;
    const value = `${this.prefix}${this.#written++} ${'.'.repeat(random.below(valueBytesMax))}`;
    return { key, value, lease: leases.length > 0 && random.oneIn(3) ? random.pick(leases) : 0n };
  }
}

/** Answers the revision that the server gives. */
async function ask(client, { puts = [], deletes = [], grant, revoke }) {
  const answer = await (grant !== undefined
    ? client.call(Lease.method.leaseGrant, { ID: grant, TTL: leaseSeconds })
    : revoke !== undefined
      ? client.call(Lease.method.leaseRevoke, { ID: revoke })
      : askKeys(
          client,
          puts.map(encoded),
          deletes.map((key) => ({ key: utf8(key) })),
        ));
  return answer.header.revision;
}

function askKeys(client, puts, deletes) {
  if (puts.length === 1 && deletes.length === 0) return client.call(KV.method.put, puts[0]);
  if (puts.length === 0 && deletes.length === 1) return client.call(KV.method.deleteRange, deletes[0]);
  const operations = [
    ...puts.map((value) => ({ case: 'requestPut', value })),
    ...deletes.map((value) => ({ case: 'requestDeleteRange', value })),
  ];
  return client.call(KV.method.txn, { success: operations.map((request) => ({ request })) });
}

const encoded = ({ key, value, lease }) => ({ key: utf8(key), value: utf8(value), lease });
