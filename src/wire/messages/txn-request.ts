/**
 * Transactions, decoded in place: compares, and operations that may be transactions themselves.
 *
 * A nested transaction is not decoded by recursion but put off to a list, so that 10,000 levels, which protobuf allows, need no stack.
 */
import { type Bytes, noBytes } from '../../base/bytes.js';
import type { LeaseId } from '../../base/ids.js';
import { type DecodeFailure, decodeFailure, messageDepthMax } from '../proto/failure.js';
import { signedOf } from '../proto/int64.js';
import { Reader } from '../proto/reader.js';
import { DeleteRangeRequest, PutRequest, RangeRequest } from './kv-requests.js';

export const compareResult = { equal: 0, greater: 1, less: 2, notEqual: 3 } as const;
export const compareTarget = { version: 0, create: 1, mod: 2, value: 3, lease: 4 } as const;
/** Which operand a compare came with, by field number; it need not be the one its target calls for. */
export const compareOperand = { none: 0, version: 4, create: 5, mod: 6, value: 7, lease: 8 } as const;
export type CompareOperand = (typeof compareOperand)[keyof typeof compareOperand];

export class Compare {
  bytes: Bytes = noBytes;
  /** Any int32, as `target`. */
  result = 0;
  target = 0;
  keyStart = 0;
  keyEnd = 0;
  rangeEndStart = 0;
  rangeEndEnd = 0;
  operand: CompareOperand = compareOperand.none;
  /** The operand of a version or a revision. */
  number = 0;
  valueStart = 0;
  valueEnd = 0;
  leaseLo = 0;
  leaseHi = 0;

  get key(): Bytes {
    return this.bytes.subarray(this.keyStart, this.keyEnd);
  }

  get rangeEnd(): Bytes {
    return this.bytes.subarray(this.rangeEndStart, this.rangeEndEnd);
  }

  get value(): Bytes {
    return this.bytes.subarray(this.valueStart, this.valueEnd);
  }

  get lease(): LeaseId {
    return signedOf(this.leaseLo, this.leaseHi) as LeaseId;
  }

  merge(from: Reader): void {
    this.bytes = from.bytes;
    for (let tag = from.tag(); tag !== 0; tag = from.tag()) {
      switch (tag) {
        case 0x08:
          this.result = from.int32();
          break;
        case 0x10:
          this.target = from.int32();
          break;
        case 0x1a:
          this.keyEnd = from.bytesField();
          this.keyStart = from.fieldStart;
          break;
        case 0x20:
          this.#numberOperand(compareOperand.version, from);
          break;
        case 0x28:
          this.#numberOperand(compareOperand.create, from);
          break;
        case 0x30:
          this.#numberOperand(compareOperand.mod, from);
          break;
        case 0x3a:
          this.operand = compareOperand.value;
          this.valueEnd = from.bytesField();
          this.valueStart = from.fieldStart;
          break;
        case 0x40:
          if (!from.varint()) return;
          this.operand = compareOperand.lease;
          this.leaseLo = from.lo;
          this.leaseHi = from.hi;
          break;
        case 0x202:
          this.rangeEndEnd = from.bytesField();
          this.rangeEndStart = from.fieldStart;
          break;
        default:
          from.skip(tag);
      }
    }
  }

  #numberOperand(operand: CompareOperand, from: Reader): void {
    this.operand = operand;
    this.number = from.int64();
  }
}

/** An operation in which nothing known was set. */
export class EmptyOp {
  readonly kind = 'empty';
}

export type RequestOp = RangeRequest | PutRequest | DeleteRangeRequest | TxnRequest | EmptyOp;

const emptyOp = new EmptyOp();
const reader = new Reader();

/** Nested transactions met but not read yet, in the order they came. */
class Pending {
  readonly txns: TxnRequest[] = [];
  readonly starts: number[] = [];
  readonly ends: number[] = [];
  readonly depths: number[] = [];

  add(txn: TxnRequest, start: number, end: number, depth: number): void {
    this.txns.push(txn);
    this.starts.push(start);
    this.ends.push(end);
    this.depths.push(depth);
  }
}

export class TxnRequest {
  readonly kind = 'txn';
  compare: Compare[] = [];
  success: RequestOp[] = [];
  failure: RequestOp[] = [];

  decode(bytes: Bytes, start: number, end: number): DecodeFailure {
    this.compare = [];
    this.success = [];
    this.failure = [];
    const pending = new Pending();
    reader.open(bytes, start, end);
    this.#merge(pending, 1);
    for (let i = 0; i < pending.txns.length && reader.failure === decodeFailure.none; i++) {
      const depth = pending.depths[i] as number;
      if (depth > messageDepthMax) return decodeFailure.tooDeep;
      reader.open(bytes, pending.starts[i] as number, pending.ends[i] as number);
      (pending.txns[i] as TxnRequest).#merge(pending, depth);
    }
    return reader.failure;
  }

  #merge(pending: Pending, depth: number): void {
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      switch (tag) {
        case 0x0a:
          this.compare.push(decodeCompare(depth + 1));
          break;
        case 0x12:
          this.success.push(decodeOp(pending, depth + 1));
          break;
        case 0x1a:
          this.failure.push(decodeOp(pending, depth + 1));
          break;
        default:
          reader.skip(tag);
      }
    }
  }
}

function decodeCompare(depth: number): Compare {
  const compare = new Compare();
  const outer = reader.enter();
  if (depth > messageDepthMax) reader.fail(decodeFailure.tooDeep);
  compare.merge(reader);
  reader.leave(outer);
  return compare;
}

/** The last member set is the operation; one that is set twice in a row is merged. */
function decodeOp(pending: Pending, depth: number): RequestOp {
  let op: RequestOp = emptyOp;
  const outer = reader.enter();
  if (depth > messageDepthMax) reader.fail(decodeFailure.tooDeep);
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    switch (tag) {
      case 0x0a:
        if (op.kind !== 'range') op = new RangeRequest();
        mergeOp(op, depth + 1);
        break;
      case 0x12:
        if (op.kind !== 'put') op = new PutRequest();
        mergeOp(op, depth + 1);
        break;
      case 0x1a:
        if (op.kind !== 'deleteRange') op = new DeleteRangeRequest();
        mergeOp(op, depth + 1);
        break;
      case 0x22: {
        if (op.kind !== 'txn') op = new TxnRequest();
        const stop = reader.bytesField();
        pending.add(op, reader.fieldStart, stop, depth + 1);
        break;
      }
      default:
        reader.skip(tag);
    }
  }
  reader.leave(outer);
  return op;
}

function mergeOp(op: RangeRequest | PutRequest | DeleteRangeRequest, depth: number): void {
  const outer = reader.enter();
  if (depth > messageDepthMax) reader.fail(decodeFailure.tooDeep);
  op.merge(reader);
  reader.leave(outer);
}
