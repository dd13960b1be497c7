/** The commands of the membership transcripts: `simple`, `enter-joint`, `leave-joint`; and changes as text. */
import type { MemberId } from '../../base/ids.js';
import { type ConfChangeSingle, confChangeType } from '../../wire/raftpb/types.js';
import { enterJoint, leaveJoint, simple } from '../conf-change.js';
import { describeConfiguration } from '../configuration.js';
import { Tracker } from '../tracker.js';
import { type Command, values } from './script.js';

const letters = {
  v: confChangeType.addNode,
  l: confChangeType.addLearnerNode,
  r: confChangeType.removeNode,
  u: confChangeType.updateNode,
} as const;

/** `v1 l2 r3 u4`. A fault in it comes as text. */
export function parseChanges(input: string): ConfChangeSingle[] | string {
  const changes: ConfChangeSingle[] = [];
  for (const word of input.split(' ').filter((one) => one !== '')) {
    const match = /^([vlru])(\d+)$/.exec(word);
    if (match === null) return word.length < 2 ? `unknown token ${word}` : `unknown input: ${word}`;
    changes.push({ type: letters[match[1] as keyof typeof letters], nodeId: BigInt(match[2] as string) as MemberId });
  }
  return changes;
}

export class ChangesStage {
  readonly #tracker = new Tracker(10, 0);
  #lastIndex = 0;

  play(command: Command): string {
    const lastIndex = this.#lastIndex++;
    const changes = parseChanges(command.input);
    if (typeof changes === 'string') return changes;
    const from = this.#tracker.configuration;
    const changed =
      command.name === 'simple'
        ? simple(from, changes)
        : command.name === 'enter-joint'
          ? enterJoint(from, changes, values(command, 'autoleave')[0] === 'true')
          : leaveJoint(from);
    if (!changed.ok) return `${changed.error}\n`;
    this.#tracker.adopt(changed.configuration, changed.fresh, lastIndex);
    const lines = this.#tracker.progresses.map((progress) => `${progress.id}: ${progress}\n`);
    return `${describeConfiguration(changed.configuration)}\n${lines.join('')}`;
  }
}
