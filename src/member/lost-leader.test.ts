// Proves: followers cut off from a dead leader campaign in turn, soon after an election timeout, and nobody campaigns who need not.
import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { type MemberId, noMember } from '../base/ids.js';
import { LostLeader } from './lost-leader.js';

const idOf = (number: number) => BigInt(number) as MemberId;
const options = { preVote: true, electionMs: 1000, heartbeatMs: 100 };

/** A follower of member 1 among members 1, 2 and 3, and a learner 4. */
class Follower {
  leader: MemberId = idOf(1);
  isLeader = false;
  silentTicks = 0;
  connected = true;
  /** The ticks at which it campaigned. */
  readonly campaigns: number[] = [];
  readonly #lost: LostLeader;
  #ticks = 0;

  constructor(
    readonly memberId: MemberId,
    given: Partial<typeof options> = {},
  ) {
    const members = [3, 2, 1, 4].map((number) => ({
      id: idOf(number),
      name: '',
      peerUrls: [],
      clientUrls: [],
      isLearner: number === 4,
    }));
    this.#lost = new LostLeader(
      { ...options, ...given },
      {
        member: this,
        members: { list: () => members },
        peers: { activeSinceMs: (id) => (id === this.leader && !this.connected ? undefined : 5) },
      },
    );
    this.#lost.tick();
  }

  /** Campaigns come to nothing: as a candidate it knows no leader. */
  campaign(): void {
    this.campaigns.push(this.#ticks);
    this.leader = noMember;
    this.silentTicks = 0;
  }

  pass(ticks: number): this {
    for (let i = 0; i < ticks; i++) {
      this.#ticks++;
      this.silentTicks++;
      this.#lost.tick();
    }
    return this;
  }
}

function cutOff(number: number, given: Partial<typeof options> = {}): Follower {
  const follower = new Follower(idOf(number), given);
  follower.connected = false;
  return follower;
}

test('followers without a connection go in turn, by their ids, once each', () => {
  deepEqual(cutOff(2).pass(40).campaigns, [11]);
  deepEqual(cutOff(3).pass(40).campaigns, [13]);
  deepEqual(cutOff(4).pass(20).campaigns, [], 'a learner has no vote to win');
});

test('a campaign just begun is not begun anew', () => {
  const follower = cutOff(2).pass(10);
  follower.leader = noMember;
  follower.silentTicks = 0;
  deepEqual(follower.pass(30).campaigns, []);
});

test('a lead given up in an own campaign is still lost', () => {
  const follower = cutOff(3).pass(10);
  follower.leader = noMember;
  follower.silentTicks = 0;
  deepEqual(follower.pass(30).campaigns, [13]);
});

test('who is connected, or hears the leader all the same, leaves it to raft', () => {
  deepEqual(new Follower(idOf(2)).pass(40).campaigns, []);
  const hearing = cutOff(2);
  for (let i = 0; i < 10; i++) {
    hearing.silentTicks = 0;
    hearing.pass(5);
  }
  deepEqual(hearing.campaigns, []);
});

test('a leader that was never within reach is not missed, nor one that stepped down', () => {
  const follower = new Follower(idOf(2));
  follower.leader = noMember;
  follower.pass(40);
  follower.leader = idOf(3);
  follower.connected = false;
  deepEqual(follower.pass(40).campaigns, []);
});

test('when somebody leads it is over', () => {
  const follower = cutOff(3).pass(15);
  deepEqual(follower.campaigns, [13]);
  follower.leader = idOf(2);
  follower.connected = true;
  deepEqual(follower.pass(40).campaigns, [13]);
});

test('without pre-votes a campaign would depose a leader that others hear', () => {
  deepEqual(cutOff(2, { preVote: false }).pass(40).campaigns, []);
});
