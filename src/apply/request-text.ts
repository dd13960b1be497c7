/**
 * Requests as etcd's log shows them: protobuf's text form in one line, values by their size alone, for they may be secrets.
 *
 *     key:"foo" value_size:3 lease:7
 *     compare:<target:VALUE key:"a" value_size:1> success:<request_put:<key:"a" value_size:1>> failure:<>
 */
import type { Bytes } from '../base/bytes.js';
import { LeaseGrantRequestSchema, LeaseRevokeRequestSchema } from '../gen/etcdserverpb/rpc_pb.js';
import { decodeGenerated } from '../wire/messages/generated.js';
import { CompactionRequest, DeleteRangeRequest, PutRequest, RangeRequest } from '../wire/messages/kv-requests.js';
import { type Compare, compareOperand, type RequestOp, TxnRequest } from '../wire/messages/txn-request.js';
import { decodeFailure } from '../wire/proto/failure.js';
import { requestField } from './request-field.js';

/** A log line is no place for more; etcd sets no bound. */
const textMax = 2000;
const nestingMax = 8;

/** The request that stands in `bytes[start, end)` as field `field` of an `InternalRaftRequest`; empty for kinds that nobody waits for. */
export function requestText(field: number, bytes: Bytes, start: number, end: number): string {
  const text = wholeText(field, bytes, start, end);
  return text.length > textMax ? `${text.slice(0, textMax)}...` : text;
}

/** As it stands in the log of entries: under its kind. */
export function entryText(field: number, bytes: Bytes, start: number, end: number): string {
  const name = kindNames[field];
  return name === undefined ? '' : `${name}:<${requestText(field, bytes, start, end)}>`;
}

const kindNames: Readonly<Record<number, string>> = {
  [requestField.range]: 'range',
  [requestField.put]: 'put',
  [requestField.deleteRange]: 'delete_range',
  [requestField.txn]: 'txn',
  [requestField.compaction]: 'compaction',
  [requestField.leaseGrant]: 'lease_grant',
  [requestField.leaseRevoke]: 'lease_revoke',
};

function wholeText(field: number, bytes: Bytes, start: number, end: number): string {
  switch (field) {
    case requestField.range: {
      const range = new RangeRequest();
      return range.decode(bytes, start, end) === decodeFailure.none ? rangeText(range) : '';
    }
    case requestField.put: {
      const put = new PutRequest();
      return put.decode(bytes, start, end) === decodeFailure.none ? putText(put) : '';
    }
    case requestField.deleteRange: {
      const deletion = new DeleteRangeRequest();
      return deletion.decode(bytes, start, end) === decodeFailure.none ? deleteRangeText(deletion) : '';
    }
    case requestField.txn: {
      const txn = new TxnRequest();
      return txn.decode(bytes, start, end) === decodeFailure.none ? txnText(txn, 0) : '';
    }
    case requestField.compaction: {
      const compaction = new CompactionRequest();
      if (compaction.decode(bytes, start, end) !== decodeFailure.none) return '';
      return fields(['revision', compaction.revision], ['physical', compaction.physical]);
    }
    case requestField.leaseGrant: {
      const grant = decodeGenerated(LeaseGrantRequestSchema, bytes, start, end);
      return grant.ok ? `ttl:${grant.message.TTL}-second id:${hexId(grant.message.ID)}` : '';
    }
    case requestField.leaseRevoke: {
      const revoke = decodeGenerated(LeaseRevokeRequestSchema, bytes, start, end);
      return revoke.ok ? `id:${hexId(revoke.message.ID)}` : '';
    }
    default:
      return '';
  }
}

const hexId = (id: bigint) => BigInt.asUintN(64, id).toString(16).padStart(16, '0');

/** Those that are not zero, empty or false. */
function fields(...all: readonly (readonly [string, number | bigint | boolean | string])[]): string {
  return all
    .filter(([, value]) => Boolean(value))
    .map(([name, value]) => `${name}:${value}`)
    .join(' ');
}

const orders = ['', 'ASCEND', 'DESCEND'];
const targets = ['', 'VERSION', 'CREATE', 'MOD', 'VALUE'];

function rangeText(range: RangeRequest): string {
  return fields(
    ['key', quoted(range.key)],
    ['range_end', quoted(range.rangeEnd)],
    ['limit', range.limit],
    ['revision', range.revision],
    ['sort_order', orders[range.sortOrder] ?? range.sortOrder],
    ['sort_target', targets[range.sortTarget] ?? range.sortTarget],
    ['serializable', range.serializable],
    ['keys_only', range.keysOnly],
    ['count_only', range.countOnly],
    ['min_mod_revision', range.minModRevision],
    ['max_mod_revision', range.maxModRevision],
    ['min_create_revision', range.minCreateRevision],
    ['max_create_revision', range.maxCreateRevision],
  );
}

function putText(put: PutRequest): string {
  return fields(
    ['key', quoted(put.key)],
    ['value_size', put.value.length],
    ['lease', put.lease],
    ['prev_kv', put.prevKv],
    ['ignore_value', put.ignoreValue],
    ['ignore_lease', put.ignoreLease],
  );
}

function deleteRangeText(deletion: DeleteRangeRequest): string {
  return fields(['key', quoted(deletion.key)], ['range_end', quoted(deletion.rangeEnd)], ['prev_kv', deletion.prevKv]);
}

function txnText(txn: TxnRequest, depth: number): string {
  const compare = txn.compare.map(compareText).join(' ');
  const ops = (list: readonly RequestOp[]) => list.map((op) => opText(op, depth)).join(' ');
  return `compare:<${compare}> success:<${ops(txn.success)}> failure:<${ops(txn.failure)}>`;
}

function opText(op: RequestOp, depth: number): string {
  switch (op.kind) {
    case 'range':
      return `request_range:<${rangeText(op)}>`;
    case 'put':
      return `request_put:<${putText(op)}>`;
    case 'deleteRange':
      return `request_delete_range:<${deleteRangeText(op)}>`;
    case 'txn':
      return `request_txn:<${depth < nestingMax ? txnText(op, depth + 1) : '...'}>`;
    case 'empty':
      return '';
  }
}

const results = ['', 'GREATER', 'LESS', 'NOT_EQUAL'];
const compareTargets = ['', 'CREATE', 'MOD', 'VALUE', 'LEASE'];

function compareText(compare: Compare): string {
  const { operand, number } = compare;
  return fields(
    ['result', results[compare.result] ?? compare.result],
    ['target', compareTargets[compare.target] ?? compare.target],
    ['key', quoted(compare.key)],
    ['version', operand === compareOperand.version ? number : 0],
    ['create_revision', operand === compareOperand.create ? number : 0],
    ['mod_revision', operand === compareOperand.mod ? number : 0],
    ['value_size', operand === compareOperand.value ? compare.value.length : 0],
    ['lease', operand === compareOperand.lease ? compare.lease : 0],
    ['range_end', quoted(compare.rangeEnd)],
  );
}

const escapes: Readonly<Record<number, string>> = { 10: '\\n', 13: '\\r', 9: '\\t', 34: '\\"', 92: '\\\\' };

/** Empty for no bytes. */
function quoted(bytes: Bytes): string {
  if (bytes.length === 0) return '';
  const shown = bytes.length > textMax ? bytes.subarray(0, textMax) : bytes;
  let text = '';
  for (const byte of shown) {
    const short = escapes[byte];
    if (short !== undefined) text += short;
    else text += byte >= 32 && byte < 127 ? String.fromCharCode(byte) : `\\${byte.toString(8).padStart(3, '0')}`;
  }
  return `"${text}"`;
}
