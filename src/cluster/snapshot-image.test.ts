// Proves: the membership image is, to the byte, the one etcd 3.7.1 wrote for the same membership.
import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { text, utf8 } from '../base/bytes.js';
import { MembershipBook } from './book.js';
import { snapshotImage } from './snapshot-image.js';

/** Recorded from a `.snap` file; the 996 empty places of the history are written as NULLS here. */
const recorded =
  '{"Root":{"Path":"/","CreatedIndex":0,"ModifiedIndex":0,"ExpireTime":"0001-01-01T00:00:00Z","Value":"","Children":{"0":{"Path":"/0","CreatedIndex":0,"ModifiedIndex":0,"ExpireTime":"0001-01-01T00:00:00Z","Value":"","Children":{"members":{"Path":"/0/members","CreatedIndex":1,"ModifiedIndex":1,"ExpireTime":"0001-01-01T00:00:00Z","Value":"","Children":{"96bb8698f482fc24":{"Path":"/0/members/96bb8698f482fc24","CreatedIndex":1,"ModifiedIndex":1,"ExpireTime":"0001-01-01T00:00:00Z","Value":"","Children":{"attributes":{"Path":"/0/members/96bb8698f482fc24/attributes","CreatedIndex":2,"ModifiedIndex":2,"ExpireTime":"0001-01-01T00:00:00Z","Value":"{\\"name\\":\\"s1\\",\\"clientURLs\\":[\\"http://127.0.0.1:22001\\"]}","Children":null},"raftAttributes":{"Path":"/0/members/96bb8698f482fc24/raftAttributes","CreatedIndex":1,"ModifiedIndex":1,"ExpireTime":"0001-01-01T00:00:00Z","Value":"{\\"peerURLs\\":[\\"http://127.0.0.1:22002\\"]}","Children":null}}},"9e52eef124aabb2b":{"Path":"/0/members/9e52eef124aabb2b","CreatedIndex":3,"ModifiedIndex":3,"ExpireTime":"0001-01-01T00:00:00Z","Value":"","Children":{"raftAttributes":{"Path":"/0/members/9e52eef124aabb2b/raftAttributes","CreatedIndex":3,"ModifiedIndex":3,"ExpireTime":"0001-01-01T00:00:00Z","Value":"{\\"peerURLs\\":[\\"http://127.0.0.1:22012\\"],\\"isLearner\\":true}","Children":null}}}}},"version":{"Path":"/0/version","CreatedIndex":4,"ModifiedIndex":4,"ExpireTime":"0001-01-01T00:00:00Z","Value":"3.7.0","Children":null}}},"1":{"Path":"/1","CreatedIndex":0,"ModifiedIndex":0,"ExpireTime":"0001-01-01T00:00:00Z","Value":"","Children":{}}}},"WatcherHub":{"EventHistory":{"Queue":{"Events":[{"action":"create","node":{"key":"/0/members/96bb8698f482fc24/raftAttributes","value":"{\\"peerURLs\\":[\\"http://127.0.0.1:22002\\"]}","modifiedIndex":1,"createdIndex":1}},{"action":"set","node":{"key":"/0/members/96bb8698f482fc24/attributes","value":"{\\"name\\":\\"s1\\",\\"clientURLs\\":[\\"http://127.0.0.1:22001\\"]}","modifiedIndex":2,"createdIndex":2}},{"action":"create","node":{"key":"/0/members/9e52eef124aabb2b/raftAttributes","value":"{\\"peerURLs\\":[\\"http://127.0.0.1:22012\\"],\\"isLearner\\":true}","modifiedIndex":3,"createdIndex":3}},{"action":"set","node":{"key":"/0/version","value":"3.7.0","modifiedIndex":4,"createdIndex":4}},NULLS],"Size":4,"Front":0,"Back":4,"Capacity":1000},"StartIndex":1,"LastIndex":4}},"CurrentIndex":4,"Stats":{"getsSuccess":0,"getsFail":1,"setsSuccess":2,"setsFail":0,"deleteSuccess":0,"deleteFail":0,"updateSuccess":0,"updateFail":0,"createSuccess":2,"createFail":0,"compareAndSwapSuccess":0,"compareAndSwapFail":0,"compareAndDeleteSuccess":0,"compareAndDeleteFail":0,"expireCount":0,"watchers":0},"CurrentVersion":2}';

test('one member and a learner', () => {
  const book = new MembershipBook(1);
  book.load(
    'members',
    '96bb8698f482fc24',
    utf8(
      '{"id":10861422917829458980,"peerURLs":["http://127.0.0.1:22002"],"name":"s1","clientURLs":["http://127.0.0.1:22001"]}',
    ),
  );
  book.load(
    'members',
    '9e52eef124aabb2b',
    utf8('{"id":11408443525552585515,"peerURLs":["http://127.0.0.1:22012"],"isLearner":true}'),
  );
  book.setVersion('3.7.0');
  const nulls = Array.from({ length: 996 }, () => 'null').join(',');
  equal(text(snapshotImage(book)), recorded.replace('NULLS', nulls));
});
