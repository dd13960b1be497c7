/** What can be typed while `quorate dev` runs: a table, from which `help` comes too. */
import type { DevCluster } from './cluster.js';
import type { MemberProcess } from './member-process.js';
import { leaderAmong, moveLeader, statusTable } from './status.js';

/** `say` prints a line of the program's own. */
export type Say = (text: string) => void;

interface Command {
  readonly usage: string;
  readonly about: string;
  run(cluster: DevCluster, word: string | undefined, say: Say): Promise<void>;
}

/** Does the same to each member that is meant, one after the other, and says what was done. */
function eachMember(usage: string, about: string, act: (member: MemberProcess) => Promise<string>) {
  const command: Command = {
    usage,
    about,
    async run(cluster, word, say) {
      const meant = await cluster.named(word);
      if (typeof meant === 'string') return say(meant);
      for (const member of meant) say(`${member.name} ${await act(member)}`);
    },
  };
  return command;
}

export const commands: Readonly<Record<string, Command>> = {
  status: {
    usage: 'status',
    about: 'a line a member: role, term, index, revision',
    async run(cluster, _word, say) {
      for (const line of statusTable(await cluster.statuses()).split('\n')) say(line);
    },
  },
  leader: {
    usage: 'leader [N]',
    about: 'who leads; or hand leadership to member N',
    async run(cluster, word, say) {
      const statuses = await cluster.statuses();
      const leader = leaderAmong(statuses);
      if (leader === undefined) return say('nobody leads');
      if (word === undefined) return say(`${leader.name} leads`);
      const meant = await cluster.named(word);
      if (typeof meant === 'string') return say(meant);
      const target = statuses.find(({ member }) => member === meant[0]);
      const failed = target === undefined ? 'there is no such member' : await moveLeader(leader, target);
      say(failed === undefined ? `${meant[0]?.name} leads now` : `leadership stays: ${failed}`);
    },
  },
  kill: eachMember('kill N', 'end member N at once, as a power cut would', async (member) => {
    if (!member.isAlive) return `is not running: ${member.state}`;
    await member.kill();
    return 'killed';
  }),
  stop: eachMember('stop N', 'stop member N in order', async (member) => {
    if (!member.isAlive) return `is not running: ${member.state}`;
    await member.stop();
    return 'stopped';
  }),
  restart: eachMember('restart N', 'start member N again, on its data', async (member) => {
    await member.stop();
    member.start();
    return 'started';
  }),
  pause: eachMember('pause N', 'let member N hang, as a machine that stalls', async (member) => {
    if (member.state !== 'running') return `is not running: ${member.state}`;
    member.pause();
    return 'paused';
  }),
  resume: eachMember('resume N', 'let it go on', async (member) => {
    if (member.state !== 'paused') return `is not paused: ${member.state}`;
    member.resume();
    return 'goes on';
  }),
  help: {
    usage: 'help',
    about: 'this',
    async run(_cluster, _word, say) {
      for (const line of helpLines()) say(line);
    },
  },
};

export function helpLines(): readonly string[] {
  const known = Object.values(commands).map(({ usage, about }) => `${usage.padEnd(12)} ${about}`);
  return [...known, `${'quit'.padEnd(12)} stop all members and leave`, 'N is 2, m2, leader or all'];
}

/** One typed line; `quit` is for whoever reads them. */
export async function runCommand(line: string, cluster: DevCluster, say: Say): Promise<void> {
  const [name = '', word, ...more] = line.trim().split(/\s+/);
  if (name === '') return;
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) return say(`'${name}' is no command; help lists them`);
  if (more.length > 0) return say(`too many words; ${command.usage}`);
  await command.run(cluster, word, say);
}
