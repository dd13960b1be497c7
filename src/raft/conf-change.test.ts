// Proves: membership changes agree with plain set arithmetic over what each member is meant to become.
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import type { MemberId } from '../base/ids.js';
import type { Random } from '../base/random.js';
import { forSeeds } from '../base/seeds.js';
import { type ConfChangeSingle, confChangeType } from '../wire/raftpb/types.js';
import { enterJoint, leaveJoint, restore, simple } from './conf-change.js';
import { brokenRule, byId, type Configuration, isJoint, noConfiguration, toConfState } from './configuration.js';

type Part = 'voter' | 'learner';

/** The oracle: what each member is to be, and the outgoing voters, if any. */
interface Plain {
  readonly meant: ReadonlyMap<MemberId, Part>;
  readonly outgoing: readonly MemberId[];
  readonly autoLeave: boolean;
}

function apply(meant: ReadonlyMap<MemberId, Part>, changes: readonly ConfChangeSingle[]): Map<MemberId, Part> {
  const next = new Map(meant);
  for (const { type, nodeId } of changes) {
    if (nodeId === 0n) continue;
    if (type === confChangeType.addNode) next.set(nodeId, 'voter');
    else if (type === confChangeType.addLearnerNode) next.set(nodeId, 'learner');
    else if (type === confChangeType.removeNode) next.delete(nodeId);
  }
  return next;
}

function show({ meant, outgoing, autoLeave }: Plain): Configuration {
  const all = (part: Part, inOutgoing: boolean | undefined) =>
    [...meant]
      .filter(([id, is]) => is === part && (inOutgoing === undefined || outgoing.includes(id) === inOutgoing))
      .map(([id]) => id)
      .sort(byId);
  return {
    voters: all('voter', undefined),
    outgoing: [...outgoing].sort(byId),
    learners: all('learner', false),
    learnersNext: all('learner', true),
    autoLeave,
  };
}

const votersOf = (meant: ReadonlyMap<MemberId, Part>) =>
  [...meant].filter(([, is]) => is === 'voter').map(([id]) => id);

function draw(random: Random): ConfChangeSingle[] {
  const types = Object.values(confChangeType);
  return Array.from({ length: random.below(4) }, () => ({
    type: random.pick(types),
    nodeId: BigInt(random.below(7)) as MemberId,
  }));
}

test('changes are set arithmetic', () => {
  let reached = 0;
  forSeeds(10_000, (random) => {
    let at = noConfiguration;
    let plain: Plain = { meant: new Map(), outgoing: [], autoLeave: false };
    for (let step = 0; step < 12; step++) {
      const changes = draw(random);
      const meant = apply(plain.meant, changes);
      const before = votersOf(plain.meant);
      const after = votersOf(meant);
      const joint = plain.outgoing.length > 0;
      const kind = random.below(3);
      let changed = leaveJoint(at);
      let expected: Plain | undefined = joint ? { ...plain, outgoing: [], autoLeave: false } : undefined;
      if (kind === 0) {
        changed = simple(at, changes);
        const differing =
          before.filter((id) => !after.includes(id)).length + after.filter((id) => !before.includes(id)).length;
        const allowed = !joint && after.length > 0 && differing <= 1;
        expected = allowed ? { meant, outgoing: [], autoLeave: false } : undefined;
      } else if (kind === 1) {
        const autoLeave = random.oneIn(2);
        changed = enterJoint(at, changes, autoLeave);
        const allowed = !joint && before.length > 0 && after.length > 0;
        expected = allowed ? { meant, outgoing: before, autoLeave } : undefined;
      }
      equal(changed.ok, expected !== undefined);
      if (!changed.ok || expected === undefined) continue;
      plain = expected;
      at = changed.configuration;
      deepEqual(at, show(plain));
      equal(brokenRule(at), undefined);
      // Nobody who was a member, and was not put out on the way, is new.
      const members = new Set([...at.voters, ...at.outgoing, ...at.learners]);
      for (const id of changed.fresh) ok(members.has(id));
      reached++;
      const again = restore(toConfState(at));
      ok(again.ok);
      deepEqual(again.configuration, at);
    }
  });
  ok(reached > 20_000);
});

test('who leaves and comes back within one change is new; a voter made a learner is not', () => {
  const id = (digit: number) => BigInt(digit) as MemberId;
  const voter = (digit: number) => ({ type: confChangeType.addNode, nodeId: id(digit) });
  const learner = (digit: number) => ({ type: confChangeType.addLearnerNode, nodeId: id(digit) });
  const removed = (digit: number) => ({ type: confChangeType.removeNode, nodeId: id(digit) });
  const start = restore({
    voters: [id(1), id(2)],
    learners: [id(3)],
    votersOutgoing: [],
    learnersNext: [],
    autoLeave: false,
  });
  ok(start.ok);
  const back = enterJoint(start.configuration, [removed(3), learner(3), voter(4)], false);
  ok(back.ok);
  deepEqual(back.fresh, [id(3), id(4)]);
  // A voter that goes and comes back stays in the outgoing set meanwhile.
  const kept = enterJoint(start.configuration, [removed(2), voter(2)], false);
  ok(kept.ok);
  deepEqual(kept.fresh, []);
  const demoted = enterJoint(start.configuration, [learner(2)], false);
  ok(demoted.ok);
  deepEqual(demoted.configuration.learnersNext, [id(2)]);
  ok(isJoint(demoted.configuration));
  deepEqual(demoted.fresh, []);
});
