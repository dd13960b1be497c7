/** Raft consensus on its own: no clock, no randomness of its own, no network, no disk. Start at `RawNode`. */
export { idToHex, type MemberId, noMember } from '../base/ids.js';
export {
  type ConfChange,
  type ConfChangeSingle,
  type ConfChangeV2,
  type ConfState,
  confChangeTransition,
  confChangeType,
  type Entry,
  entryType,
  type HardState,
  type Message,
  messageType,
  type Snapshot,
} from '../wire/raftpb/types.js';
export { type AnyConfChange, asV2 } from './conf-change.js';
export { decodeConfChange, encodeConfChange } from './conf-change-codec.js';
export { type Config, configFault, defaults, type ReadOnlyOption } from './config.js';
export type { Configuration } from './configuration.js';
export { describeMessage, describeReady } from './describe.js';
export { noLimit } from './entry-size.js';
export { type Logger, silent } from './logger.js';
export { emptyConfState, emptySnapshot, MemoryStorage } from './memory-storage.js';
export { localAppendThread, localApplyThread, newMessage } from './message.js';
export type { Role } from './raft.js';
export { type Peer, RawNode } from './raw-node.js';
export type { ReadState } from './read-only.js';
export type { Ready } from './ready.js';
export { type Refusal, refusals } from './refusal.js';
export type { BasicStatus, ProgressStatus, SoftState, Status } from './status.js';
export type { Storage, Unreadable } from './storage.js';
