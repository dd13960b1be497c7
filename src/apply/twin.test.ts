// Proves: transactions and ranges answer the very bytes of etcd's own apply code (interop/txn), or its refusals.
import { equal } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { PagedKeyIndex } from '../mvcc/index/paged-key-index.js';
import { MemoryValues } from '../mvcc/memory-values.js';
import { RangeCursor } from '../mvcc/range-cursor.js';
import { Store } from '../mvcc/store.js';
import { errors } from '../wire/errors.js';
import { RangeRequest } from '../wire/messages/kv-requests.js';
import { TxnRequest } from '../wire/messages/txn-request.js';
import { Writer } from '../wire/proto/writer.js';
import { KvApplier } from './kv-applier.js';

interface Step {
  /** Encoded requests, in base 64. */
  readonly txn?: string;
  readonly range?: string;
  readonly compact?: number;
  readonly answer: string;
  readonly error?: string;
}

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const file = process.env.QUORATE_TXN_VECTORS ?? join(root, 'interop/txn/vectors.json');
const histories: Step[][] = JSON.parse(readFileSync(file, 'utf8'));
const leases = { has: (lease: bigint) => lease === 7n, attach: () => {}, detach: () => {} };

/** etcd's texts within the server, before they become a client's. */
const innerText: Readonly<Record<string, string>> = {
  compacted: 'mvcc: required revision has been compacted',
  futureRevision: 'mvcc: required revision is a future revision',
  leaseNotFound: 'lease not found',
};
const refused = (name: keyof typeof errors) => `refused: ${innerText[name] ?? errors[name].text}`;

/** A header as the apply code fills it: the revision alone. */
function writeHeader(to: Writer, revision: number): void {
  const header = to.open(0x0a);
  to.int64Field(0x18, revision);
  to.close(header);
}

function answer(store: Store, kv: KvApplier, step: Step): string {
  if (step.compact !== undefined) {
    const error = store.compactor.schedule(step.compact);
    for (let now = 0; !store.compactor.idle; now += 10) store.compactor.step(now);
    return error === undefined ? '' : refused(error);
  }
  const bytes = Buffer.from(step.txn ?? step.range ?? '', 'base64');
  const out = new Writer(1024);
  if (step.txn !== undefined) {
    const request = new TxnRequest();
    equal(request.decode(bytes, 0, bytes.length), 0);
    const outcome = kv.txn(request);
    if (outcome.kind === 'refused') return refused(outcome.error);
    if (outcome.kind !== 'txn') throw new Error(outcome.kind);
    writeHeader(out, outcome.revision);
    out.raw(outcome.body, 0, outcome.body.length);
  } else {
    const request = new RangeRequest();
    equal(request.decode(bytes, 0, bytes.length), 0);
    const cursor = new RangeCursor(store);
    const error = cursor.open(request);
    if (error !== undefined) return refused(error);
    cursor.plan();
    writeHeader(out, store.revision);
    cursor.write(out);
  }
  return Buffer.from(out.copy()).toString('base64');
}

test('the answers of etcd', () => {
  let answered = 0;
  for (const [number, steps] of histories.entries()) {
    const store = new Store({ index: new PagedKeyIndex(), values: new MemoryValues(), leases });
    const kv = new KvApplier(store, Number.POSITIVE_INFINITY);
    for (const [place, step] of steps.entries()) {
      const wanted = step.error === undefined ? step.answer : `refused: ${step.error}`;
      equal(answer(store, kv, step), wanted, `history ${number}, step ${place}`);
      if (step.error === undefined) answered++;
    }
  }
  equal(answered > 100, true);
});
