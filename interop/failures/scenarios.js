/**
 * What goes wrong, while clients go on. Each answers its figures: `gapMs`, from the fault until a write that was begun
 * after it is acknowledged, and `healedMs`, when nothing stands in the way of the members any more.
 *
 * A figure in `needs` must be over zero in one round at least: not in each, for neither kind compacts its log in the 30 s
 * after it has sent a snapshot, and ours keeps more for a follower within reach.
 */
import { setTimeout as sleep } from 'node:timers/promises';

const downMsMax = 1500;
const electionMs = 1000;
/** Of the scenario that must end in a snapshot. */
const snapshotCount = 500;
const catchUpEntries = 100;
const writesMissedMax = 2000;
const writesUnderWayMax = 7000;

export const scenarios = {
  'kill-leader': {
    told: 'kill -9 of the leader',
    async fault(stage) {
      const leader = await stage.leader();
      const sinceMs = performance.now();
      await stage.kill(leader);
      const gapMs = await stage.writeGap(sinceMs);
      await sleep(stage.random.below(downMsMax));
      await stage.start(leader);
      return { gapMs };
    },
  },

  'kill-follower': {
    told: 'kill -9 of a follower',
    async fault(stage) {
      const [follower] = stage.followers(await stage.leader());
      const sinceMs = performance.now();
      await stage.kill(follower);
      const gapMs = await stage.writeGap(sinceMs);
      await sleep(stage.random.below(downMsMax));
      await stage.start(follower);
      return { gapMs };
    },
  },

  /** The gap counts from when they are started again. */
  'kill-all': {
    told: 'kill -9 of all at once',
    async fault(stage) {
      const all = stage.random.shuffle([0, 1, 2]);
      await Promise.all(all.map((i) => stage.kill(i)));
      await sleep(stage.random.below(500));
      const sinceMs = performance.now();
      await Promise.all(all.map((i) => stage.start(i)));
      return { gapMs: await stage.writeGap(sinceMs) };
    },
  },

  'stop-leader': {
    told: 'SIGSTOP of the leader for 0.1 to 10 s',
    async fault(stage) {
      const leader = await stage.leader();
      // Short pauses are as many as long ones.
      const pauseMs = 100 * 100 ** (stage.random.below(1000) / 1000);
      const sinceMs = performance.now();
      stage.pause(leader);
      const gap = stage.writeGap(sinceMs);
      await sleep(pauseMs);
      stage.resume(leader);
      return { gapMs: await gap, pauseMs };
    },
  },

  snapshot: {
    told: 'a follower away until it needs a snapshot',
    needs: 'snapshots',
    flags: [`--snapshot-count=${snapshotCount}`, `--snapshot-catchup-entries=${catchUpEntries}`],
    async fault(stage) {
      const leader = await stage.leader();
      const [follower] = stage.followers(leader);
      // Who is dead is kept the least for.
      const away = stage.rounds === 1 ? absences.killed : stage.random.pick(Object.values(absences));
      const before = await stage.snapshotsReceived(follower);
      const sinceMs = performance.now();
      await away.leave(stage, follower);
      const gapMs = await stage.writeGap(sinceMs);
      const revision = stage.history.acknowledgedRevision + away.writes;
      await stage.until('writes go on', async () => stage.history.acknowledgedRevision >= revision || undefined);
      await away.back(stage, follower);
      const healedMs = performance.now();
      await stage.caughtUp();
      const received = await stage.snapshotsReceived(follower);
      return { gapMs, healedMs, snapshots: received - (away === absences.killed ? 0 : before) };
    },
  },

  'blackhole-out': {
    told: 'the way from the leader to a follower blackholed',
    fault: (stage) => blackhole(stage, (leader, follower) => [[leader, follower]]),
  },

  'blackhole-in': {
    told: 'the way from a follower to the leader blackholed',
    fault: (stage) => blackhole(stage, (leader, follower) => [[follower, leader]]),
  },

  'blackhole-followers': {
    told: 'a way between followers blackholed',
    fault: (stage) => blackhole(stage, (_leader, follower, other) => [[follower, other]]),
  },

  'deaf-leader': {
    told: 'both ways from followers to the leader blackholed',
    fault: (stage) =>
      blackhole(stage, (leader, follower, other) => [
        [follower, leader],
        [other, leader],
      ]),
  },

  'mute-leader': {
    told: 'both ways from the leader to followers blackholed',
    fault: (stage) =>
      blackhole(stage, (leader, follower, other) => [
        [leader, follower],
        [leader, other],
      ]),
  },

  flaky: {
    told: 'links slow and cut at random',
    async fault(stage) {
      const { random, links } = stage;
      const sinceMs = performance.now();
      links.delay(random.below(3), random.below(3), 1 + random.below(100));
      for (let cuts = 1 + random.below(5); cuts > 0; cuts--) {
        const [from, to] = random.shuffle([0, 1, 2]);
        links.cut(from, to);
        await sleep(random.below(electionMs / 2));
      }
      const gapMs = await stage.writeGap(sinceMs);
      links.heal();
      return { gapMs };
    },
  },
};

/**
 * Ways of being away, and for how many writes: what has been sent to a member that still has its connections waits in them,
 * up to the 512 messages that raft lets be under way.
 */
const absences = {
  killed: {
    writes: writesMissedMax,
    leave: (stage, i) => stage.kill(i),
    back: (stage, i) => stage.start(i),
  },
  stopped: {
    writes: writesUnderWayMax,
    leave: (stage, i) => stage.pause(i),
    back: (stage, i) => stage.resume(i),
  },
  cutOff: {
    writes: writesUnderWayMax,
    leave({ links, endpoints }, i) {
      for (const { index } of endpoints) {
        if (index === i) continue;
        links.blackhole(i, index);
        links.blackhole(index, i);
      }
    },
    back: ({ links }) => links.heal(),
  },
};

/** For less than an election timeout, or for longer than connections live without a word. */
async function blackhole(stage, waysOf) {
  const leader = await stage.leader();
  const ways = waysOf(leader, ...stage.followers(leader));
  const sinceMs = performance.now();
  for (const [from, to] of ways) stage.links.blackhole(from, to);
  const gapMs = await stage.writeGap(sinceMs);
  await sleep(200 * 40 ** (stage.random.below(1000) / 1000));
  stage.links.heal();
  return { gapMs };
}
