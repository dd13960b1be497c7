/**
 * Clients at a steady pace: puts and small transactions, linearizable gets, each through whichever member seems well.
 * Who waits for too long gives up and goes to another member with something new; nothing is asked twice.
 */
import { fromBinary } from '@bufbuild/protobuf';
import { text, utf8 } from '../../dist/base/bytes.js';
import { KV } from '../../dist/gen/etcdserverpb/rpc_pb.js';
import { grpcCode } from '../../dist/wire/grpc/service.js';

export const prefix = 'failures/';
const keyCount = 200;
const filling = '.'.repeat(100);
const paceMs = 2;
/** Each call waits for this long, and up to twice as long: whoever began together does not come back together. */
const patienceMs = 200;
/** On a machine so busy that answers take longer than that, for so many times their mean; or ever longer, while there are none. */
const patienceMeans = 3;
const patienceMsMax = 5000;
const silenceMs = 3000;
const txnOneIn = 10;
/** No more calls than this are under way, so that a cluster that stands still is not met by all of them at once. */
const writersMax = 300;
const readersMax = 100;

export class Load {
  #writing = 0;
  #reading = 0;
  #owedWrites = 0;
  #owedReads = 0;
  #timer;
  #beforeMs = 0;
  #meanMs = 0;
  #answeredMs = 0;
  #idle = () => {};

  /** `rates`: { puts, gets }, each second. */
  constructor({ endpoints, history, random, rates }) {
    Object.assign(this, { endpoints, history, random, rates });
  }

  start() {
    this.#beforeMs = performance.now();
    this.#answeredMs = this.#beforeMs;
    this.#timer = setInterval(() => this.#pace(), paceMs);
  }

  /** When every call has ended. */
  async stop() {
    clearInterval(this.#timer);
    if (this.#writing + this.#reading > 0) await new Promise((resolve) => (this.#idle = resolve));
  }

  /** What could not be begun in time is not made up for. */
  #pace() {
    const nowMs = performance.now();
    const seconds = Math.min((nowMs - this.#beforeMs) / 1000, 0.05);
    this.#beforeMs = nowMs;
    for (this.#owedWrites += seconds * this.rates.puts; this.#owedWrites >= 1; this.#owedWrites--) {
      if (this.#writing < writersMax) this.#write();
    }
    for (this.#owedReads += seconds * this.rates.gets; this.#owedReads >= 1; this.#owedReads--) {
      if (this.#reading < readersMax) this.#read();
    }
  }

  /** Of those that have a connection and have not just failed; else of all. */
  #endpoint() {
    const usable = this.endpoints.filter((endpoint) => endpoint.usable);
    return this.random.pick(usable.length > 0 ? usable : this.endpoints);
  }

  #write() {
    const { history, random } = this;
    const endpoint = this.#endpoint();
    const first = random.below(keyCount);
    const isTxn = random.oneIn(txnOneIn);
    const keys = (isTxn ? [first, (first + 1) % keyCount] : [first]).map(keyOf).sort();
    const write = history.beginWrite(keys, endpoint.index);
    const value = utf8(`${write.id} ${filling}`);
    const puts = keys.map((key) => ({ key: utf8(key), value }));
    const [method, request] = isTxn ? [KV.method.txn, txnOf(puts)] : [KV.method.put, puts[0]];
    this.#writing++;
    this.#call(endpoint, method, request, {
      done: () => {
        this.#writing--;
        this.#tellIfIdle();
      },
      answered: ({ header }) => history.acknowledged(write, Number(header.revision)),
      failed: (code, reason) => history.failed(write, code, reason),
    });
  }

  #read() {
    const { history, random } = this;
    const endpoint = this.#endpoint();
    const key = keyOf(random.below(keyCount));
    const read = history.beginRead(key, endpoint.index);
    this.#reading++;
    this.#call(
      endpoint,
      KV.method.range,
      { key: utf8(key) },
      {
        done: () => {
          this.#reading--;
          this.#tellIfIdle();
        },
        answered: ({ header, kvs }) => history.answered(read, Number(header.revision), kvs.map(changeOf)[0]),
        failed: (code, reason) => history.readFailed(code, reason),
      },
    );
  }

  #call(endpoint, method, request, { done, answered, failed }) {
    let response;
    const beganMs = performance.now();
    const took = () => this.#took(beganMs);
    const events = {
      message(_call, bytes, start, end) {
        response = fromBinary(method.output, bytes.slice(start, end));
      },
      ended(_call, code, reason) {
        if (code === grpcCode.ok) {
          took();
          answered(response);
        } else {
          failed(code, reason);
          endpoint.suspect();
        }
        done();
      },
    };
    const timeoutMs = this.#patience();
    if (endpoint.begin(method, request, events, timeoutMs)) return;
    failed(grpcCode.unavailable, 'not sent');
    done();
  }

  #took(beganMs) {
    this.#answeredMs = performance.now();
    this.#meanMs += (this.#answeredMs - beganMs - this.#meanMs) / 64;
  }

  #patience() {
    const silences = Math.floor((performance.now() - this.#answeredMs) / silenceMs);
    const leastMs = Math.min(Math.max(patienceMs, patienceMeans * this.#meanMs) * 2 ** silences, patienceMsMax);
    return leastMs + this.random.below(leastMs);
  }

  #tellIfIdle() {
    if (this.#writing + this.#reading === 0) this.#idle();
  }
}

const keyOf = (number) => `${prefix}${String(number).padStart(3, '0')}`;
const txnOf = (puts) => ({ success: puts.map((value) => ({ request: { case: 'requestPut', value } })) });

/** A key-value as the judge knows it: values begin with the id of their write. */
export function changeOf({ key, value, modRevision, version }) {
  return {
    key: text(key),
    id: Number.parseInt(text(value), 10),
    revision: Number(modRevision),
    version: Number(version),
  };
}
