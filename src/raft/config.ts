/** What a node is told once, at its start. Times are counted in ticks: what a tick lasts is the caller's business. */
import { type MemberId, noMember } from '../base/ids.js';
import { noLimit } from './entry-size.js';
import { type Logger, silent } from './logger.js';
import { isLocalTarget } from './message.js';
import type { Storage } from './storage.js';

/**
 * How a linearizable read learns that this leader is still the leader. `safe`: a round of heartbeats. `leaseBased`: by the
 * clock, for free, and wrong if clocks drift without bound.
 */
export type ReadOnlyOption = 'safe' | 'leaseBased';

export interface Config {
  readonly id: MemberId;
  /** Silence after which a follower campaigns: drawn from [electionTicks, 2 * electionTicks). */
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  readonly storage: Storage;
  /** A whole number in [0, below): the only source of chance. */
  readonly random: (below: number) => number;
  /** On a restart: what the application has applied already and does not want again. */
  readonly applied: number;
  /** Storage is told by messages and answers by messages, so that writes overlap; see `Ready`. */
  readonly asyncStorageWrites: boolean;
  /** Bounds the encoded bytes of an append message; 0: one entry a message. */
  readonly maxMessageBytes: number;
  /** Bounds the encoded bytes handed out to be applied and not yet acknowledged. 0: as `maxMessageBytes`. */
  readonly maxApplyingBytes: number;
  /** Bounds the payload bytes that a leader lets stay uncommitted; 0: no bound. What exceeds it is refused. */
  readonly maxUncommittedBytes: number;
  /** Bounds the append messages on their way to one follower. */
  readonly maxInflightMessages: number;
  /** Bounds their payload bytes; 0: no bound. */
  readonly maxInflightBytes: number;
  /** A leader that hears of no quorum for an election timeout steps down; a follower in touch with it votes for nobody. */
  readonly checkQuorum: boolean;
  /** Ask whether an election could be won before raising the term. Thesis 9.6. */
  readonly preVote: boolean;
  readonly readOnly: ReadOnlyOption;
  /** A follower refuses proposals instead of passing them on. */
  readonly disableProposalForwarding: boolean;
  /** Take every membership change into the log, sensible or not; only where something above raft orders them. */
  readonly disableConfChangeValidation: boolean;
  /** A leader that is removed or demoted becomes a follower at once. */
  readonly stepDownOnRemoval: boolean;
  readonly logger: Logger;
}

/** All but what only the caller can know. */
export const defaults = {
  electionTicks: 10,
  heartbeatTicks: 1,
  applied: 0,
  asyncStorageWrites: false,
  maxMessageBytes: noLimit,
  maxApplyingBytes: 0,
  maxUncommittedBytes: 0,
  maxInflightMessages: 512,
  maxInflightBytes: 0,
  checkQuorum: false,
  preVote: false,
  readOnly: 'safe',
  disableProposalForwarding: false,
  disableConfChangeValidation: false,
  stepDownOnRemoval: false,
  logger: silent,
} as const satisfies Partial<Config>;

/** What is wrong with the configuration, if anything is. */
export function configFault(config: Config): string | undefined {
  if (config.id === noMember) return 'cannot use none as id';
  if (isLocalTarget(config.id)) return 'cannot use local target as id';
  if (config.heartbeatTicks <= 0) return 'heartbeat tick must be greater than 0';
  if (config.electionTicks <= config.heartbeatTicks) return 'election tick must be greater than heartbeat tick';
  if (config.maxInflightMessages <= 0) return 'max inflight messages must be greater than 0';
  if (config.maxInflightBytes !== 0 && config.maxInflightBytes < config.maxMessageBytes) {
    return 'max inflight bytes must be >= max message size';
  }
  if (config.maxApplyingBytes === 0 && config.maxMessageBytes === 0) return 'max applying bytes must be greater than 0';
  if (config.readOnly === 'leaseBased' && !config.checkQuorum) {
    return 'CheckQuorum must be enabled when ReadOnlyOption is ReadOnlyLeaseBased';
  }
  return undefined;
}
