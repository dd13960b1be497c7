// Proves: a database is taken in only when whoever will hold its content can read it.
import { equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import { noBytes, uint64Bytes, utf8 } from '../base/bytes.js';
import type { LeaseId } from '../base/ids.js';
import { encodeLease, leaseKey } from '../lease/record.js';
import { encodeRevision } from '../mvcc/revision-bytes.js';
import { DatabaseJudge } from './database-judge.js';

/** What is said of a database with this in it, which came with the snapshot at 100. */
function faultOf(give: (judge: DatabaseJudge) => void): string {
  const judge = new DatabaseJudge(100);
  give(judge);
  return judge.fault ?? 'none';
}

// {key: 'k', create_revision: 7, mod_revision: 7, version: 1}
const value = Uint8Array.from([0x0a, 1, 0x6b, 0x10, 7, 0x18, 7, 0x20, 1]);
const lease = leaseKey(5n as LeaseId);

test('what a start could not read is a fault, and what etcd writes is none', () => {
  equal(
    faultOf((judge) => judge.append(7, 0, false, value)),
    'none',
  );
  match(
    faultOf((judge) => judge.append(8, 0, false, value)),
    /revision 8 says that it is 7/,
  );
  match(
    faultOf((judge) => judge.append(7, 0, false, value.subarray(0, 2))),
    /no KeyValue/,
  );
  equal(
    faultOf((judge) => judge.append(1007, 0, false, noBytes)),
    'none',
  );

  equal(
    faultOf((judge) => judge.setRecord('meta', utf8('consistent_index'), uint64Bytes(100))),
    'none',
  );
  match(
    faultOf((judge) => judge.setRecord('meta', utf8('consistent_index'), uint64Bytes(101))),
    /index is 101/,
  );
  match(
    faultOf((judge) => judge.setRecord('meta', utf8('consistent_index'), noBytes)),
    /index is -1/,
  );
  equal(
    faultOf((judge) => judge.setRecord('meta', utf8('confState'), utf8('{"voters":[1]}'))),
    'none',
  );
  match(
    faultOf((judge) => judge.setRecord('meta', utf8('confState'), utf8('{"voters":'))),
    /record of meta/,
  );
  equal(
    faultOf((judge) => judge.setRecord('meta', utf8('scheduledCompactRev'), encodeRevision(6))),
    'none',
  );
  match(
    faultOf((judge) => judge.setRecord('meta', utf8('finishedCompactRev'), utf8('6'))),
    /record of meta/,
  );

  equal(
    faultOf((judge) => judge.setRecord('lease', lease, encodeLease(5n as LeaseId, 10, 0))),
    'none',
  );
  match(
    faultOf((judge) => judge.setRecord('lease', lease, Uint8Array.of(0x08))),
    /record of lease/,
  );
  equal(
    faultOf((judge) => judge.setRecord('alarm', Uint8Array.of(0x08, 1, 0x10, 1), noBytes)),
    'none',
  );
  match(
    faultOf((judge) => judge.setRecord('alarm', Uint8Array.of(0x08), noBytes)),
    /record of alarm/,
  );
  equal(
    faultOf((judge) => judge.setRecord('members', utf8('a1'), utf8('{"id":161}'))),
    'none',
  );
  match(
    faultOf((judge) => judge.setRecord('members', utf8('a2'), utf8('{"id":161}'))),
    /it stands under its id/,
  );
  match(
    faultOf((judge) => judge.setRecord('members_removed', utf8('x'), noBytes)),
    /its key is an id/,
  );
});
