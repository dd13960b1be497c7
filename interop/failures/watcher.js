/** A client that watches all keys, and goes on from where it was whenever its watch ends. */
import { fromBinary } from '@bufbuild/protobuf';
import { utf8 } from '../../dist/base/bytes.js';
import { Watch, WatchRequestSchema } from '../../dist/gen/etcdserverpb/rpc_pb.js';
import { encoded } from './endpoint.js';
import { changeOf, prefix } from './load.js';

const pauseMs = 20;

export class Watcher {
  events = [];
  problems = [];
  /** The revision up to which all is known. */
  revision;
  #call;
  #closed = false;

  /** `choose()` says which endpoint to watch at, each time anew. */
  constructor(name, choose, base) {
    this.name = name;
    this.revision = base;
    void this.#run(choose);
  }

  async #run(choose) {
    while (!this.#closed) {
      await new Promise((resolve) => this.#watch(choose(), resolve));
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }

  #watch(endpoint, over) {
    const events = {
      message: (call, bytes, start, end) => {
        // What comes late belongs to a watch that has been given up.
        if (call === this.#call) this.#read(bytes.slice(start, end));
      },
      ended: over,
    };
    const call = endpoint.open(Watch.method.watch, events);
    if (call === undefined) return over();
    this.#call = call;
    const create = {
      key: utf8(prefix),
      rangeEnd: utf8(`${prefix.slice(0, -1)}0`),
      startRevision: BigInt(this.revision + 1),
    };
    call.send(encoded(WatchRequestSchema, { requestUnion: { case: 'createRequest', value: create } }));
  }

  #read(bytes) {
    let response;
    try {
      response = fromBinary(Watch.method.watch.output, bytes);
    } catch ({ message }) {
      this.problems.push(`${this.name}, at ${this.revision}, was told what is no answer: ${message}: ${hex(bytes)}`);
      return this.again();
    }
    this.#take(response);
  }

  #take({ canceled, cancelReason, compactRevision, events }) {
    if (canceled) {
      this.problems.push(`${this.name} was cancelled: ${cancelReason} (compacted at ${compactRevision})`);
      return this.#call.cancel();
    }
    const changes = events.map(({ kv }) => changeOf(kv));
    if (changes.length === 0) return;
    // A revision comes in one piece, and never again.
    if (changes[0].revision <= this.revision) {
      this.problems.push(`${this.name} was told of ${changes[0].revision} after ${this.revision}`);
    }
    this.events.push(...changes);
    this.revision = changes.at(-1).revision;
  }

  /** Goes elsewhere, or on. */
  again() {
    this.#call?.cancel();
  }

  /** What has been judged is not kept. */
  nextRound(final) {
    this.events = this.events.filter(({ revision }) => revision > final);
    this.problems = [];
  }

  close() {
    this.#closed = true;
    this.again();
  }
}

const hex = (bytes) => Buffer.from(bytes).toString('hex').slice(0, 1000);
