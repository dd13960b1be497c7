/** `v3electionpb.Election`: who campaigns for a name puts a key with a value below it; the oldest such key is the leader's. */
import { create, toBinary } from '@bufbuild/protobuf';
import { type Bytes, equalBytes, noBytes } from '../base/bytes.js';
import type { LeaseId } from '../base/ids.js';
import {
  CampaignRequestSchema,
  CampaignResponseSchema,
  type LeaderKey,
  LeaderRequestSchema,
  LeaderResponseSchema,
  ProclaimRequestSchema,
  ProclaimResponseSchema,
  ResignRequestSchema,
  ResignResponseSchema,
} from '../gen/v3electionpb/v3election_pb.js';
import type { ErrorName } from '../wire/errors.js';
import type { Call, Method } from '../wire/grpc/service.js';
import { coldHeader, coldMethod } from './cold.js';
import {
  Contest,
  type ContestParts,
  createdAt,
  DeletionsWait,
  foundBy,
  keyUnder,
  prefixOf,
  refuseBare,
  type Step,
  type Txn,
} from './contest.js';
import { Contestant, ContestMethod } from './contest-method.js';
import { leaderResponse, Observer } from './election-observer.js';

export function electionMethods(parts: ContestParts): [string, Method][] {
  const contest = new Contest(parts);
  const { answers } = parts;
  const path = (name: string) => `/v3electionpb.Election/${name}`;
  return [
    [
      path('Campaign'),
      new ContestMethod('unary', answers, CampaignRequestSchema, (call, { name, lease, value }) => {
        return new Campaign(contest, call, { name, value, lease: lease as LeaseId });
      }),
    ],
    [path('Proclaim'), proclaimMethod(contest)],
    [path('Leader'), leaderMethod(contest)],
    [
      path('Observe'),
      new ContestMethod('serverStream', answers, LeaderRequestSchema, (call, { name }) => {
        return new Observer(contest, call, prefixOf(name));
      }),
    ],
    [path('Resign'), resignMethod(contest)],
  ];
}

/** Puts a new value, if the key is still the one that was elected. */
function proclaim(contest: Contest, leader: ElectedKey, value: Bytes, step: Step<Txn>): void {
  const { key, revision, lease } = leader;
  const success = [{ request: { case: 'requestPut', value: { key, value, lease } } } as const];
  contest.txn({ compare: [createdAt(key, revision)], success }, key.length + value.length, {
    done: (txn) => (txn.response.succeeded ? step.done(txn) : step.failed('electionNotLeader')),
    failed: (error) => step.failed(error),
  });
}

/** Deletes the key, if it is still the one that was elected. */
function resign(contest: Contest, key: Bytes, revision: number, step: Step<Txn>): void {
  const success = [{ request: { case: 'requestDeleteRange', value: { key } } } as const];
  contest.txn({ compare: [createdAt(key, revision)], success }, 0, step);
}

type ElectedKey = { readonly key: Bytes; readonly revision: number; readonly lease: LeaseId };

/** Why the leader key that a client names cannot be used, if so. */
function refusalOf(leader: LeaderKey | undefined): ErrorName | undefined {
  if (leader === undefined) return 'leaderFieldMissing';
  return leader.key.length === 0 ? 'emptyKey' : undefined;
}

function proclaimMethod(contest: Contest): Method {
  const { answers } = contest.parts;
  return coldMethod(answers, ProclaimRequestSchema, ProclaimResponseSchema, ({ leader, value }, { call, answer }) => {
    const failed = (error: ErrorName) => refuseBare(call, error);
    const error = refusalOf(leader);
    if (leader === undefined || error !== undefined) {
      failed(error ?? 'leaderFieldMissing');
      return;
    }
    contest.lease(leader.lease as LeaseId, {
      done: (lease) =>
        proclaim(contest, { key: leader.key, revision: Number(leader.rev), lease }, value, {
          done: ({ revision }) => answer({ header: coldHeader(answers, revision) }),
          failed,
        }),
      failed,
    });
  });
}

function resignMethod(contest: Contest): Method {
  const { answers } = contest.parts;
  return coldMethod(answers, ResignRequestSchema, ResignResponseSchema, ({ leader }, { call, answer }) => {
    const error = refusalOf(leader);
    if (leader === undefined || error !== undefined) {
      refuseBare(call, error ?? 'leaderFieldMissing');
      return;
    }
    resign(contest, leader.key, Number(leader.rev), {
      done: ({ revision }) => answer({ header: coldHeader(answers, revision) }),
      failed: (refused) => refuseBare(call, refused),
    });
  });
}

function leaderMethod(contest: Contest): Method {
  const { answers } = contest.parts;
  return coldMethod(answers, LeaderRequestSchema, LeaderResponseSchema, ({ name }, { call }) => {
    contest.read({
      done: (revision) => {
        const leader = contest.firstCreated(prefixOf(name));
        if (leader === undefined) refuseBare(call, 'electionNoLeader');
        else call.reply(leaderResponse(answers, revision, leader.kv));
      },
      failed: (error) => refuseBare(call, error),
    });
  });
}

/** One call of Campaign, from its request to the leadership. */
class Campaign extends Contestant {
  readonly #contest: Contest;
  readonly #call: Call;
  readonly #name: Bytes;
  readonly #value: Bytes;
  #elected: ElectedKey = { key: noBytes, revision: 0, lease: 0n as LeaseId };
  /** The revision that the answer's header names: that of the transaction that entered the contest. */
  #entered = 0;
  /** Set while our key waits for others to go. */
  #wait: DeletionsWait | undefined = undefined;

  constructor(contest: Contest, call: Call, wanted: { name: Bytes; value: Bytes; lease: LeaseId }) {
    super();
    this.#contest = contest;
    this.#call = call;
    this.#name = wanted.name;
    this.#value = wanted.value;
    contest.lease(wanted.lease, {
      done: (lease) => this.#enter(lease),
      failed: (error) => refuseBare(this.#call, error),
    });
  }

  cancel(): void {
    if (this.#wait === undefined) return;
    this.#wait.cancel();
    this.#resign();
  }

  #enter(lease: LeaseId): void {
    if (this.#call.ended) return;
    const key = keyUnder(prefixOf(this.#name), lease);
    const request = {
      compare: [createdAt(key, 0)],
      success: [{ request: { case: 'requestPut', value: { key, value: this.#value, lease } } } as const],
      failure: [{ request: { case: 'requestRange', value: { key } } } as const],
    };
    this.#contest.txn(request, key.length + this.#value.length, {
      done: (txn) => this.#hasEntered(key, lease, txn),
      failed: (error) => refuseBare(this.#call, error),
    });
  }

  #hasEntered(key: Bytes, lease: LeaseId, { response, revision }: Txn): void {
    if (this.#call.ended) return;
    this.#entered = revision;
    const before = response.succeeded ? undefined : foundBy(response, 0);
    this.#elected = { key, lease, revision: before?.create ?? revision };
    if (before === undefined || equalBytes(before.value, this.#value)) {
      this.#awaitTurn();
      return;
    }
    proclaim(this.#contest, this.#elected, this.#value, {
      done: () => this.#awaitTurn(),
      failed: (error) => {
        this.#resign();
        refuseBare(this.#call, error);
      },
    });
  }

  #awaitTurn(): void {
    if (this.#call.ended) return;
    this.#wait = new DeletionsWait(this.#contest, prefixOf(this.#name), this.#elected.revision - 1, {
      done: () => this.#answer(),
      failed: (error) => refuseBare(this.#call, error),
    });
  }

  #answer(): void {
    const { key, revision, lease } = this.#elected;
    const header = coldHeader(this.#contest.parts.answers, this.#entered);
    const leader = { name: this.#name, key, rev: BigInt(revision), lease };
    this.#call.reply(toBinary(CampaignResponseSchema, create(CampaignResponseSchema, { header, leader })));
  }

  #resign(): void {
    resign(this.#contest, this.#elected.key, this.#elected.revision, { done: () => {}, failed: () => {} });
  }
}
