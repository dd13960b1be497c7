/** A member of the cluster, and its JSON: in the `members` bucket, in the contexts of membership changes, on `/members`. */
import { type Bytes, text, utf8 } from '../base/bytes.js';
import { check } from '../base/check.js';
import type { MemberId } from '../base/ids.js';
import { type JsonOut, jsonText, parseJson } from '../base/json.js';

export type Member = {
  readonly id: MemberId;
  readonly peerUrls: readonly string[];
  /** A learner gets the log and has no vote. */
  readonly isLearner: boolean;
  /** Empty until the member has started and told its attributes. */
  readonly name: string;
  readonly clientUrls: readonly string[];
};

/** What a membership change proposes; `isPromote` turns a learner into a voter. */
export type ChangeContext = { readonly member: Member; readonly isPromote: boolean };

/** etcd's order of keys; what is empty is left out. */
export function memberJson(member: Member): { readonly [key: string]: JsonOut } {
  return {
    id: member.id,
    peerURLs: member.peerUrls,
    isLearner: member.isLearner || undefined,
    name: member.name || undefined,
    clientURLs: member.clientUrls.length > 0 ? member.clientUrls : undefined,
  };
}

export function encodeMember(member: Member): Bytes {
  return utf8(jsonText(memberJson(member)));
}

export function encodeContext({ member, isPromote }: ChangeContext): Bytes {
  return utf8(jsonText({ ...memberJson(member), isPromote: isPromote || undefined }));
}

type Table = Readonly<Record<string, unknown>>;
const isTable = (value: unknown): value is Table => typeof value === 'object' && value !== null;
const texts = (value: unknown): readonly string[] => (Array.isArray(value) ? value.map(String) : []);

function memberOf(value: unknown): Member | undefined {
  if (!isTable(value)) return undefined;
  const { id } = value;
  if (!(typeof id === 'string' && /^\d+$/.test(id)) && typeof id !== 'number') return undefined;
  return {
    id: BigInt(id) as MemberId,
    peerUrls: texts(value.peerURLs),
    isLearner: value.isLearner === true,
    name: typeof value.name === 'string' ? value.name : '',
    clientUrls: texts(value.clientURLs),
  };
}

/** What a member answers on `/members`; undefined when it is no list of members. */
export function membersOfJson(value: unknown): readonly Member[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const members = value.map(memberOf);
  return members.every((member) => member !== undefined) ? members : undefined;
}

/** What etcd wrote, or this file: anything else is damage. */
export function decodeContext(bytes: Bytes): ChangeContext {
  const value = parseJson(text(bytes));
  const member = memberOf(value);
  check(member !== undefined && isTable(value), `a member is a JSON object with an id: ${text(bytes)}`);
  return { member, isPromote: value.isPromote === true };
}

export function decodeMember(bytes: Bytes): Member {
  return decodeContext(bytes).member;
}
