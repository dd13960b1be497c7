/**
 * The judge judged: an honest history, in which it must find nothing, and the same with one lie each, which it must find.
 *
 *     revision   2        3        4            5
 *     write      1: a     2: b     3: a and b   4: a (unknown to its client)
 */
import { History } from './history.js';
import { Judge } from './judge.js';

const base = { revision: 1, keys: new Map() };
const event = (revision, key, id, version) => ({ revision, key, id, version });

function honest() {
  const history = new History();
  const put = (keys, revision) => {
    const write = history.beginWrite(keys, 0);
    if (revision > 0) history.acknowledged(write, revision);
    return write;
  };
  const get = (key, revision, found) => {
    history.answered(history.beginRead(key, 1), revision, found);
    return history.reads.at(-1);
  };
  const writes = [put(['a'], 2), put(['b'], 3), put(['a', 'b'], 4), put(['a'], 0)];
  const refused = history.beginWrite(['b'], 2);
  history.failed(refused, 14, 'etcdserver: no leader');
  const read = get('a', 4, { id: 3, revision: 4, version: 2 });
  get('c', 5, undefined);
  const events = [
    event(2, 'a', 1, 1),
    event(3, 'b', 2, 1),
    event(4, 'a', 3, 2),
    event(4, 'b', 3, 2),
    event(5, 'a', 4, 3),
  ];
  const watched = [...events];
  return { history, writes, read, refused, events, watched };
}

const lies = {
  'nothing wrong': () => {},
  'an acknowledged write is lost': ({ events, watched }) => {
    events.pop();
    watched.pop();
    return ({ writes }) => Object.assign(writes[3], { outcome: 'acknowledged', revision: 5, ended: 100 });
  },
  'a revision is left out': ({ events }) => events.splice(1, 1),
  'a write is acknowledged at another revision': ({ writes }) => (writes[1].revision = 2),
  'half a transaction': ({ events }) => events.splice(3, 1),
  'a write comes true twice': ({ events, watched }) => {
    events.push(event(6, 'b', 2, 3));
    watched.push(event(6, 'b', 2, 3));
  },
  'a version is wrong': ({ events }) => (events[2] = event(4, 'a', 3, 3)),
  'a refused write comes true': ({ events, watched, refused }) => {
    events.push(event(6, 'b', refused.id, 3));
    watched.push(event(6, 'b', refused.id, 3));
  },
  'a write that nobody asked for': ({ events, watched }) => {
    events.push(event(6, 'b', 99, 3));
    watched.push(event(6, 'b', 99, 3));
  },
  'a stale read': ({ read }) => Object.assign(read, { revision: 3, found: { id: 1, revision: 2, version: 1 } }),
  'a read of the wrong value': ({ read }) => Object.assign(read, { found: { id: 1, revision: 2, version: 1 } }),
  'a read that foresees': ({ read, writes }) => {
    Object.assign(writes[3], { begun: 1000 });
    Object.assign(read, { revision: 5, found: { id: 4, revision: 5, version: 3 } });
  },
  'a write placed before one that ended earlier': ({ writes }) => {
    Object.assign(writes[0], { begun: 50, ended: 51 });
  },
  'a watcher misses an event': ({ watched }) => watched.splice(2, 1),
  'a watcher is told twice': ({ watched }) => watched.splice(2, 0, watched[1]),
  'a watcher is told in another order': ({ watched }) => watched.splice(1, 2, watched[2], watched[1]),
};

/** Throws on a judge that sees too much or too little. */
export function checkJudge() {
  for (const [lie, tell] of Object.entries(lies)) {
    const story = honest();
    const last = tell(story);
    if (typeof last === 'function') last(story);
    const judge = new Judge(story.history, base, story.events);
    const problems = judge.judge();
    judge.watcher('a watcher', story.watched);
    if (problems.length > 0 !== (lie !== 'nothing wrong')) {
      throw new Error(`the judge was shown "${lie}" and found ${problems.join('; ') || 'nothing'}`);
    }
  }
}
