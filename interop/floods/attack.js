/**
 * `attack.js PORT quick|slow NAME`: the attacker's process, told by its parent when to `attack` and when to `rest`.
 *
 * In a quick flood each connection that the server ends is followed by another a little later, for as long as the attack
 * lasts. On `report` it says how its connections ended, and what was said on their streams.
 */
import { setPriority } from 'node:os';
import { AttackConnection } from './attack-connection.js';
import { floods } from './floods.js';

/** At a time, and how soon after one was ended comes the next. */
const connectionsUsual = 2;
const againMs = 50;
/** What has not been ended so long after the attack is left by us, and counted as not ended. */
const unfinishedMsMax = 3_000;

// A real attacker does not compute on the server's cores: what it does here beside sending is given to whoever wants it.
setPriority(10);

const [, , port, kind, name] = process.argv;
const flood = floods[kind][name];
const ends = new Map();
const said = new Set();
const connections = new Set();
let attacking = false;

process.on('message', (word) => {
  if (word === 'attack') {
    attacking = true;
    for (let i = 0; i < (flood.connections ?? connectionsUsual); i++) begin();
  } else if (word === 'rest') {
    attacking = false;
    rest();
  } else {
    process.send({ ends: [...ends], said: [...said], open: connections.size });
  }
});
process.on('disconnect', () => process.exit());
process.send('ready');

function rest() {
  if (flood.holds) leave();
  const late = setTimeout(leave, unfinishedMsMax);
  const look = setInterval(() => {
    if (connections.size > 0) return;
    clearTimeout(late);
    clearInterval(look);
    process.send('rested');
  }, 5);
}

function leave() {
  for (const connection of connections) connection.leave();
}

function begin() {
  const connection = new AttackConnection(Number(port), flood, (how) => {
    connections.delete(connection);
    for (const words of connection.said) said.add(words);
    if (how !== undefined || !flood.holds) ends.set(how ?? 'nothing', (ends.get(how ?? 'nothing') ?? 0) + 1);
    if (kind === 'quick' && attacking) setTimeout(() => attacking && begin(), againMs);
  });
  connections.add(connection);
}
