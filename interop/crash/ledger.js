/** What the server has said about the whole store, beside single keys: revisions, compactions, hashes of its history. */
import { KV, Maintenance } from '../../dist/gen/etcdserverpb/rpc_pb.js';

const pauseMs = 5;
const pausesBetween = 10;
/** Revisions that a compaction leaves. */
const kept = 2000n;

export class Ledger {
  /** The highest revision that any answer bore. */
  revision = 0n;
  /** The highest compaction answered, and the highest asked for. */
  compacted = -1n;
  compacting = -1n;
  /** A hash of all history up to a revision, taken while puts went on. */
  hashed = undefined;
  stopped = false;

  see(revision) {
    if (revision > this.revision) this.revision = revision;
  }

  /** Compacts and hashes now and then, until it is told to stop or the server is gone. */
  async run(client, random) {
    while (!this.stopped) {
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      // A hash makes a server write out all it has: none may come after the last put, or there is nothing left to lose.
      if (this.stopped || !random.oneIn(pausesBetween)) continue;
      try {
        if (random.oneIn(3)) await this.#compact(client);
        else this.hashed = await client.call(Maintenance.method.hashKV, {});
      } catch (error) {
        if (error.unsure) return;
        throw error;
      }
    }
  }

  async #compact(client) {
    const revision = this.revision - kept;
    if (revision <= this.compacting || revision < 1n) return;
    this.compacting = revision;
    await client.call(KV.method.compact, { revision });
    this.compacted = revision;
  }

  /** What a restarted server says now, held against what it said before; each problem in words. */
  async check(client, revision) {
    const problems = [];
    if (revision < this.revision) problems.push(`the revision is ${revision}, was ${this.revision}`);
    const now = await client.call(Maintenance.method.hashKV, {});
    if (now.compactRevision < this.compacted || now.compactRevision > this.compacting) {
      const bounds = `${this.compacted} was answered and ${this.compacting} asked for`;
      problems.push(`compacted at ${now.compactRevision}, though ${bounds}`);
    }
    const { hashed } = this;
    if (hashed !== undefined && hashed.compactRevision === now.compactRevision) {
      const again = await client.call(Maintenance.method.hashKV, { revision: hashed.hashRevision });
      if (again.hash !== hashed.hash) problems.push(`the history up to ${hashed.hashRevision} hashes differently`);
    }
    this.see(revision);
    this.compacted = now.compactRevision;
    this.compacting = now.compactRevision;
    this.hashed = undefined;
    return problems;
  }
}
