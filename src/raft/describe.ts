/** Texts for logs and transcripts, character for character those of etcd's library. */
import { text } from '../base/bytes.js';
import { idToHex, type MemberId, noMember } from '../base/ids.js';
import {
  type ConfChangeSingle,
  type ConfChangeV2,
  type ConfState,
  confChangeType,
  type Entry,
  entryType,
  type HardState,
  type Message,
  type MessageType,
  type Snapshot,
} from '../wire/raftpb/types.js';
import { asV2 } from './conf-change.js';
import { decodeConfChange } from './conf-change-codec.js';
import { localAppendThread, localApplyThread } from './message.js';
import type { Role } from './raft.js';
import type { Ready } from './ready.js';

const messageTypeTexts = [
  'MsgHup',
  'MsgBeat',
  'MsgProp',
  'MsgApp',
  'MsgAppResp',
  'MsgVote',
  'MsgVoteResp',
  'MsgSnap',
  'MsgHeartbeat',
  'MsgHeartbeatResp',
  'MsgUnreachable',
  'MsgSnapStatus',
  'MsgCheckQuorum',
  'MsgTransferLeader',
  'MsgTimeoutNow',
  'MsgReadIndex',
  'MsgReadIndexResp',
  'MsgPreVote',
  'MsgPreVoteResp',
  'MsgStorageAppend',
  'MsgStorageAppendResp',
  'MsgStorageApply',
  'MsgStorageApplyResp',
  'MsgForgetLeader',
];

export function describeMessageType(type: MessageType): string {
  return messageTypeTexts[type] ?? String(type);
}

const roleTexts: Readonly<Record<Role, string>> = {
  follower: 'StateFollower',
  candidate: 'StateCandidate',
  leader: 'StateLeader',
  preCandidate: 'StatePreCandidate',
};

export function describeRole(role: Role): string {
  return roleTexts[role];
}

const entryTypeTexts = ['EntryNormal', 'EntryConfChange', 'EntryConfChangeV2'];
const transitionTexts = [
  'ConfChangeTransitionAuto',
  'ConfChangeTransitionJointImplicit',
  'ConfChangeTransitionJointExplicit',
];
const changeTexts = ['ConfChangeAddNode', 'ConfChangeRemoveNode', 'ConfChangeUpdateNode', 'ConfChangeAddLearnerNode'];

export function describeConfChange(change: ConfChangeV2): string {
  let described = `transition:${transitionTexts[change.transition] ?? change.transition}`;
  for (const { type, nodeId } of change.changes) {
    described += ` changes:{type:${changeTexts[type] ?? type} node_id:${nodeId}}`;
  }
  const { context } = change;
  return context === undefined || context.length === 0 ? described : `${described} context:${quote(context)}`;
}

/** `v1 l2 r3 u4`: make 1 a voter, 2 a learner, remove 3, update 4. */
export function describeChanges(changes: readonly ConfChangeSingle[]): string {
  return changes.map(({ type, nodeId }) => `${changeLetter(type)}${nodeId}`).join(' ');
}

function changeLetter(type: ConfChangeSingle['type']): string {
  switch (type) {
    case confChangeType.addNode:
      return 'v';
    case confChangeType.removeNode:
      return 'r';
    case confChangeType.updateNode:
      return 'u';
    case confChangeType.addLearnerNode:
      return 'l';
  }
}

const escapes: Readonly<Record<string, string>> = { '"': '\\"', '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** Bytes as Go's %q shows them, as far as they are text. */
export function quote(bytes: Uint8Array): string {
  let quoted = '"';
  for (const character of text(bytes)) {
    const code = character.codePointAt(0) ?? 0;
    if (escapes[character] !== undefined) quoted += escapes[character];
    else quoted += code < 0x20 || code === 0x7f ? `\\x${code.toString(16).padStart(2, '0')}` : character;
  }
  return `${quoted}"`;
}

export function describeEntry(entry: Entry): string {
  let shown = '';
  if (entry.type === entryType.normal) shown = quote(entry.data);
  else {
    const change = decodeConfChange(entry);
    shown = change === undefined ? 'undecodable' : describeChanges(asV2(change).changes);
  }
  const type = entryTypeTexts[entry.type] ?? entry.type;
  return `${entry.term}/${entry.index} ${type}${shown === '' ? '' : ` ${shown}`}`;
}

function describeEntries(entries: readonly Entry[]): string {
  return entries.map((entry) => `${describeEntry(entry)}\n`).join('');
}

function describeTarget(id: MemberId): string {
  if (id === noMember) return 'None';
  if (id === localAppendThread) return 'AppendThread';
  return id === localApplyThread ? 'ApplyThread' : idToHex(id);
}

export function describeMessage(message: Message, indent = ''): string {
  const { type, from, to, term, logTerm, index, reject, rejectHint, commit, vote, entries, snapshot } = message;
  let described = `${indent}${describeTarget(from)}->${describeTarget(to)} ${describeMessageType(type)} Term:${term} Log:${logTerm}/${index}`;
  if (reject) described += ` Rejected (Hint: ${rejectHint})`;
  if (commit !== 0) described += ` Commit:${commit}`;
  if (vote !== noMember) described += ` Vote:${vote}`;
  if (entries.length === 1) described += ` Entries:[${describeEntry(entries[0] as Entry)}]`;
  else if (entries.length > 1) {
    described += ` Entries:[${entries.map((entry) => `\n${indent}  ${describeEntry(entry)}`).join('')}\n${indent}]`;
  }
  if (snapshot !== undefined && snapshot.metadata.index !== 0) {
    described += `\n${indent}  Snapshot: ${describeSnapshot(snapshot)}`;
  }
  if (message.responses.length > 0) {
    const responses = message.responses.map((response) => `\n${describeMessage(response, `${indent}  `)}`);
    described += ` Responses:[${responses.join('')}\n${indent}]`;
  }
  return described;
}

export function describeSnapshot({ metadata }: Snapshot): string {
  return `Index:${metadata.index} Term:${metadata.term} ConfState:${describeConfState(metadata.confState)}`;
}

export function describeConfState(state: ConfState): string {
  const list = (ids: readonly MemberId[]) => `[${ids.join(' ')}]`;
  return `Voters:${list(state.voters)} VotersOutgoing:${list(state.votersOutgoing)} Learners:${list(state.learners)} LearnersNext:${list(state.learnersNext)} AutoLeave:${state.autoLeave}`;
}

export function describeHardState({ term, vote, commit }: HardState): string {
  return `Term:${term}${vote === noMember ? '' : ` Vote:${vote}`} Commit:${commit}`;
}

export function describeReady(ready: Ready): string {
  const { softState, hardState, readStates, entries, snapshot, committedEntries, messages, mustSync } = ready;
  let described = '';
  if (softState !== undefined) described += `Lead:${softState.lead} State:${describeRole(softState.role)}\n`;
  if (hardState !== undefined) described += `HardState ${describeHardState(hardState)}\n`;
  if (readStates.length > 0) {
    described += `ReadStates [${readStates.map(({ index, context }) => `{${index} [${context.join(' ')}]}`).join(' ')}]\n`;
  }
  if (entries.length > 0) described += `Entries:\n${describeEntries(entries)}`;
  if (snapshot !== undefined) described += `Snapshot ${describeSnapshot(snapshot)}\n`;
  if (committedEntries.length > 0) described += `CommittedEntries:\n${describeEntries(committedEntries)}`;
  if (messages.length > 0) {
    described += `Messages:\n${messages.map((message) => `${describeMessage(message)}\n`).join('')}`;
  }
  return described === '' ? '<empty Ready>' : `Ready MustSync=${mustSync}:\n${described}`;
}
