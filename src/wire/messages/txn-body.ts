/**
 * What a transaction answers, without its header: field 2 `succeeded`, field 3 `responses`.
 *
 * Written while the operations run. Headers inside carry the revision only, and that of a nested transaction nothing,
 * as in etcd:
 *
 *     writeSucceeded(to, true);
 *     ... writeOpPut(to, revision, prevKv); const nested = beginNestedTxn(to, true); ... endNestedTxn(to, nested); ...
 */
import type { Bytes } from '../../base/bytes.js';
import { varintSize, type Writer } from '../proto/writer.js';
import { writeRangeEnd } from './kv-responses.js';

const responsesTag = 0x1a;
const rangeTag = 0x0a;
const putTag = 0x12;
const deleteRangeTag = 0x1a;
const txnTag = 0x22;

export function writeSucceeded(to: Writer, succeeded: boolean): void {
  to.boolField(0x10, succeeded);
}

export function writeOpPut(to: Writer, revision: number, prevKv: Bytes | undefined): void {
  const op = to.open(responsesTag);
  const put = to.open(putTag);
  writeRevisionHeader(to, revision);
  if (prevKv !== undefined) to.bytesField(0x12, prevKv, 0, prevKv.length);
  to.close(put);
  to.close(op);
}

export function writeOpDeleteRange(to: Writer, revision: number, deleted: number, prevKvs: readonly Bytes[]): void {
  const op = to.open(responsesTag);
  const deletion = to.open(deleteRangeTag);
  writeRevisionHeader(to, revision);
  to.int64Field(0x10, deleted);
  for (const prevKv of prevKvs) to.bytesField(0x1a, prevKv, 0, prevKv.length);
  to.close(deletion);
  to.close(op);
}

/** An operation under way: where its two lengths go. */
export type OpenOp = { readonly op: number; readonly response: number };

/** Then `writeRangeKv` for each key-value, then `endOpRange`. */
export function beginOpRange(to: Writer, revision: number): OpenOp {
  const op = to.open(responsesTag);
  const response = to.open(rangeTag);
  writeRevisionHeader(to, revision);
  return { op, response };
}

export function endOpRange(to: Writer, begun: OpenOp, more: boolean, count: number): void {
  writeRangeEnd(to, more, count);
  to.close(begun.response);
  to.close(begun.op);
}

/** Then the nested operations, then `endNestedTxn`. */
export function beginNestedTxn(to: Writer, succeeded: boolean): OpenOp {
  const op = to.open(responsesTag);
  const response = to.open(txnTag);
  to.byte(0x0a);
  to.byte(0);
  writeSucceeded(to, succeeded);
  return { op, response };
}

export function endNestedTxn(to: Writer, begun: OpenOp): void {
  to.close(begun.response);
  to.close(begun.op);
}

function writeRevisionHeader(to: Writer, revision: number): void {
  to.byte(0x0a);
  if (revision === 0) {
    to.byte(0);
    return;
  }
  to.byte(1 + varintSize(revision));
  to.byte(0x18);
  to.varint(revision);
}
