/** The commands of the quorum transcripts: `committed` and `vote`, over a majority or a joint pair of them. */
import { idToHex, type MemberId } from '../../base/ids.js';
import { byId } from '../configuration.js';
import * as joint from '../quorum/joint.js';
import * as majority from '../quorum/majority.js';
import { type Command, values } from './script.js';

type Ids = readonly MemberId[];

export function playQuorum(command: Command): string {
  const ids = toIds(values(command, 'cfg'));
  const joined = command.args.some(({ key }) => key === 'cfgj');
  const idsj = toIds(values(command, 'cfgj').filter((value) => value !== 'zero'));
  const all = [...new Set([...ids, ...idsj])];
  const given = values(command, command.name === 'vote' ? 'votes' : 'idx');
  if (given.length !== all.length) {
    const shown = command.name === 'vote' ? given.map((vote) => ({ y: '2', n: '1' })[vote] ?? '0') : given;
    return `error: mismatched input (explicit or _) for voters map[${[...all]
      .sort(byId)
      .map((id) => `${id}:{}`)
      .join(' ')}]: [${shown.map((one) => (one === '_' ? '0' : one)).join(' ')}]`;
  }
  const of = new Map(all.map((id, at) => [id, given[at] as string]));
  return command.name === 'vote' ? votes(of, ids, idsj, joined) : committed(of, ids, idsj, joined);
}

const toIds = (list: readonly string[]): MemberId[] => list.map((id) => BigInt(id) as MemberId);

function votes(of: ReadonlyMap<MemberId, string>, ids: Ids, idsj: Ids, joined: boolean): string {
  const cast = (members: Ids) => members.map((id) => ({ y: true, n: false })[of.get(id) ?? '_']);
  const result = joined ? joint.voteResult(cast(ids), cast(idsj)) : majority.voteResult(cast(ids));
  let output = '';
  if (joined && joint.voteResult(cast(idsj), cast(ids)) !== result) output += 'differs <-- via symmetry\n';
  return `${output}${{ won: 'VoteWon', lost: 'VoteLost', pending: 'VotePending' }[result]}\n`;
}

function committed(of: ReadonlyMap<MemberId, string>, ids: Ids, idsj: Ids, joined: boolean): string {
  const index = (id: MemberId) => (of.get(id) === '_' ? 0 : Number(of.get(id)));
  const acked = (members: Ids) => members.map(index);
  const all = [...new Set([...ids, ...idsj])].sort(byId);
  const reached = joint.committedIndex(acked(ids), acked(idsj));
  const other = joined
    ? joint.committedIndex(acked(idsj), acked(ids))
    : Math.min(majority.committedIndex(acked(ids)), joint.committedIndex(acked(ids), acked(ids)));
  const output = describe(all, index, (id) => of.get(id) !== '_');
  return `${output}${other === reached ? '' : 'differs <-- another way\n'}${reached === Number.POSITIVE_INFINITY ? '∞' : reached}\n`;
}

/** A bar a voter, the longer the further it is ahead of the others. */
function describe(ids: Ids, index: (id: MemberId) => number, known: (id: MemberId) => boolean): string {
  if (ids.length === 0) return '<empty majority quorum>';
  const sorted = [...ids].sort((a, b) => index(a) - index(b) || byId(a, b));
  const bars = new Map<MemberId, number>();
  sorted.forEach((id, at) => {
    const before = sorted[at - 1];
    if (before === undefined) bars.set(id, 0);
    else bars.set(id, index(before) < index(id) ? at : (bars.get(before) ?? 0));
  });
  let output = `${' '.repeat(ids.length)}    idx\n`;
  for (const id of ids) {
    const bar = bars.get(id) ?? 0;
    output += known(id) ? `${'x'.repeat(bar)}>${' '.repeat(ids.length - bar)}` : `?${' '.repeat(ids.length)}`;
    output += ` ${String(index(id)).padStart(5)}    (id=${idToHex(id)})\n`;
  }
  return output;
}
