/** Raft's view of the membership as etcd keeps it beside the values: JSON in `meta`/`confState`. */
import { type Bytes, text, utf8 } from '../base/bytes.js';
import { check } from '../base/check.js';
import type { MemberId } from '../base/ids.js';
import { jsonText, parseJson } from '../base/json.js';
import type { ConfState } from '../wire/raftpb/types.js';

/** `{"voters":[u64..],"learners":[..],"auto_leave":false}`; an empty list is left out, ids are JSON numbers. */
export function encodeConfState(state: ConfState): Bytes {
  const list = (ids: readonly MemberId[]) => (ids.length > 0 ? ids : undefined);
  return utf8(
    jsonText({
      voters: list(state.voters),
      learners: list(state.learners),
      voters_outgoing: list(state.votersOutgoing),
      learners_next: list(state.learnersNext),
      auto_leave: state.autoLeave,
    }),
  );
}

export function decodeConfState(bytes: Bytes): ConfState {
  const value = parseJson(text(bytes)) as Readonly<Record<string, unknown>> | undefined;
  check(typeof value === 'object' && value !== null, 'a recorded membership is a JSON object');
  const list = (key: string) => {
    const ids = value[key];
    return Array.isArray(ids) ? ids.map((id) => BigInt(String(id)) as MemberId) : [];
  };
  return {
    voters: list('voters'),
    learners: list('learners'),
    votersOutgoing: list('voters_outgoing'),
    learnersNext: list('learners_next'),
    autoLeave: value.auto_leave === true,
  };
}
