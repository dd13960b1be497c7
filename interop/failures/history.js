/**
 * All that clients did and were told, in the one order in which this process saw it: each call's begin and end has a
 * number, and if one call's end is before another's begin, then it truly ended before the other began.
 */
import { grpcCode } from '../../dist/wire/grpc/service.js';

/** Refusals that say that nothing was or will be done; every other failure of a write leaves it unknown. */
const certain = new Set(['etcdserver: no leader', 'etcdserver: too many requests', 'not sent']);
/** What a cluster with members that are gone may answer. Anything else is a fault in itself. */
const expected = new Set([
  grpcCode.unavailable,
  grpcCode.deadlineExceeded,
  grpcCode.canceled,
  grpcCode.resourceExhausted,
]);

export class History {
  /** By id, which is what the values begin with. */
  writes = new Map();
  reads = [];
  /** Answers that no failure explains, in words. */
  strange = [];
  /** The highest revision that a write was acknowledged with. */
  acknowledgedRevision = 0;
  #now = 0;
  #lastId = 0;
  /** In the order of their answers. */
  #acknowledged = [];
  #roundBegan = 0;

  beginWrite(keys, member) {
    const write = {
      id: ++this.#lastId,
      keys,
      member,
      begun: ++this.#now,
      ended: Number.POSITIVE_INFINITY,
      beganMs: performance.now(),
      endedMs: Number.POSITIVE_INFINITY,
      outcome: 'unknown',
      revision: 0,
      reason: '',
    };
    this.writes.set(write.id, write);
    return write;
  }

  acknowledged(write, revision) {
    this.#end(write);
    write.outcome = 'acknowledged';
    write.revision = revision;
    this.acknowledgedRevision = Math.max(this.acknowledgedRevision, revision);
    this.#acknowledged.push(write);
  }

  /** The first answer to a write that was begun after a moment. */
  firstAcknowledged(sinceMs) {
    let first;
    for (let i = this.#acknowledged.length - 1; i >= 0 && this.#acknowledged[i].endedMs >= sinceMs; i--) {
      if (this.#acknowledged[i].beganMs >= sinceMs) first = this.#acknowledged[i];
    }
    return first;
  }

  /** What has become of this round's operations. */
  counts() {
    const outcomes = { acknowledged: 0, refused: 0, unknown: 0 };
    for (const { begun, outcome } of this.writes.values()) if (begun > this.#roundBegan) outcomes[outcome]++;
    return { ...outcomes, reads: this.reads.length };
  }

  failed(write, code, text) {
    this.#end(write);
    write.outcome = certain.has(text) ? 'refused' : 'unknown';
    write.reason = text;
    this.#note(code, text);
    // It may still come true, at any time.
    if (write.outcome === 'unknown') write.ended = Number.POSITIVE_INFINITY;
  }

  #end(operation) {
    operation.ended = ++this.#now;
    operation.endedMs = performance.now();
  }

  beginRead(key, member) {
    return { key, member, begun: ++this.#now, ended: 0, beganMs: performance.now(), endedMs: 0 };
  }

  /** `found`: { id, modRevision, version }, or undefined when there was no such key. */
  answered(read, revision, found) {
    this.#end(read);
    this.reads.push({ ...read, revision, found });
  }

  readFailed(code, text) {
    this.#note(code, text);
  }

  #note(code, text) {
    if (!expected.has(code) && !certain.has(text)) this.strange.push(`refused with code ${code}: ${text}`);
  }

  /** Writes whose fate is not known may come true in a later round, if they have not yet: `came` holds those that have. */
  nextRound(came) {
    for (const [id, write] of this.writes) {
      if (write.outcome !== 'unknown' || came.has(id)) this.writes.delete(id);
    }
    this.reads = [];
    this.strange = [];
    this.#acknowledged = [];
    this.#roundBegan = this.#now;
  }
}
