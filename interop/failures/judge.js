/**
 * Was every answer right? Looked at after a round, in time linear in what happened.
 *
 * All changes have their place in one order, their revision; what a fresh watch of the whole history tells is that order.
 * So an answer that names a revision says when, in that order, it was given, and linearizable means: that place is after
 * whatever was answered before it was asked for, and before whatever was asked for after it was answered.
 */
export class Judge {
  problems = [];
  /** Where each write came true. */
  #revisions = new Map();
  /** By key, its changes in order. */
  #changes = new Map();

  /** `base`: the revision and the keys ({ id, revision, version } by key) before the first of `events`. */
  constructor(history, base, events) {
    this.history = history;
    this.base = base;
    this.events = events;
    for (const [key, state] of base.keys) this.#changes.set(key, [state]);
  }

  /** The last revision that is judged. */
  get final() {
    return this.events.at(-1)?.revision ?? this.base.revision;
  }

  /** The ids of writes that have come true. */
  get came() {
    return this.#revisions;
  }

  /** What the next round begins with. */
  nextBase() {
    const keys = [...this.#changes].map(([key, changes]) => [key, changes.at(-1)]);
    return { revision: this.final, keys: new Map(keys) };
  }

  judge() {
    this.#orderOfEvents();
    this.#writes();
    this.#realTime();
    this.#reads();
    for (const words of new Set(this.history.strange)) this.problems.push(words);
    return this.problems;
  }

  /** No revision is left out, each write comes true once and whole, each key's versions count up. */
  #orderOfEvents() {
    let revision = this.base.revision;
    for (const event of this.events) {
      if (event.revision !== revision && event.revision !== revision + 1) {
        this.#problem(`after revision ${revision} comes ${event.revision}`);
      }
      revision = event.revision;
      const before = this.#revisions.get(event.id);
      if (before !== undefined && before !== revision) {
        this.#problem(`write ${event.id} came true twice, at ${before} and ${revision}`);
      }
      this.#revisions.set(event.id, revision);
      const changes = this.#changes.get(event.key) ?? [];
      this.#changes.set(event.key, changes);
      const version = (changes.at(-1)?.version ?? 0) + 1;
      if (event.version !== version) {
        this.#problem(`${event.key} has version ${event.version} at ${revision}, not ${version}`);
      }
      changes.push(event);
    }
    const whole = new Map();
    for (const { id, key } of this.events) whole.set(id, [...(whole.get(id) ?? []), key]);
    for (const [id, keys] of whole) {
      const asked = this.history.writes.get(id)?.keys;
      if (asked === undefined) this.#problem(`nobody asked for write ${id} of ${keys}`);
      else if (asked.join() !== keys.sort().join()) this.#problem(`write ${id} put ${keys}, not ${asked}`);
    }
  }

  #writes() {
    for (const { id, outcome, revision, member, keys, reason } of this.history.writes.values()) {
      const at = this.#revisions.get(id);
      const who = `write ${id} of ${keys} through member ${member}`;
      if (outcome === 'refused' && at !== undefined) {
        this.#problem(`${who} was refused (${reason}), but came true at ${at}`);
      }
      if (outcome !== 'acknowledged') continue;
      if (at === undefined) this.#problem(`${who} was acknowledged at ${revision}, and is lost`);
      else if (at !== revision) this.#problem(`${who} was acknowledged at ${revision}, and is at ${at}`);
    }
  }

  /** Each operation is placed after all that ended before it began, and before all that began after it ended. */
  #realTime() {
    const marks = [];
    for (const write of this.history.writes.values()) {
      const revision = this.#revisions.get(write.id);
      if (revision === undefined) continue;
      marks.push({ at: write.begun, revision, least: true, words: `write ${write.id}` });
      if (write.outcome === 'acknowledged') marks.push({ at: write.ended, revision });
    }
    for (const { begun, ended, revision, key, member } of this.history.reads) {
      marks.push({ at: begun, revision: revision + 1, least: true, words: `a read of ${key} by member ${member}` });
      marks.push({ at: ended, revision });
    }
    marks.sort((a, b) => a.at - b.at);
    let known = this.base.revision;
    for (const { least, revision, words } of marks) {
      if (!least) known = Math.max(known, revision);
      else if (revision <= known)
        this.#problem(`${words} is of ${revision}, though ${known} was answered before it began`);
    }
    this.#nothingEarly();
  }

  /** Nobody sees what was not asked for yet. */
  #nothingEarly() {
    const latestBegin = [];
    let latest = 0;
    for (const { id, revision } of this.events) {
      latest = Math.max(latest, this.history.writes.get(id)?.begun ?? 0);
      latestBegin[revision - this.base.revision] = latest;
    }
    const ends = [...this.history.reads, ...[...this.history.writes.values()].filter(isAcknowledged)];
    for (const { ended, revision, key, keys } of ends) {
      const begun = latestBegin[revision - this.base.revision] ?? 0;
      if (begun > ended)
        this.#problem(`an answer about ${key ?? keys} at ${revision} foresaw a write that began later`);
    }
  }

  #reads() {
    for (const { key, member, revision, found } of this.history.reads) {
      if (revision > this.final) this.#problem(`member ${member} read ${key} at ${revision}, a revision that is lost`);
      const right = lastUpTo(this.#changes.get(key) ?? [], revision);
      if (right?.id === found?.id && right?.revision === found?.revision && right?.version === found?.version) continue;
      this.#problem(`member ${member} read ${key} at ${revision} as ${told(found)}, not ${told(right)}`);
    }
  }

  /** A watcher's events from the first revision on: all of them, once each, in order. */
  watcher(name, events) {
    const found = events.filter(({ revision }) => revision <= this.final);
    for (let i = 0; i < Math.max(found.length, this.events.length); i++) {
      if (told(found[i]) === told(this.events[i]) && found[i]?.key === this.events[i]?.key) continue;
      this.#problem(`${name} was told ${told(found[i])} where ${told(this.events[i])} comes`);
      return;
    }
  }

  /** What a member holds at the last revision: { id, revision, version } by key. */
  state(name, keys) {
    const all = new Set([...keys.keys(), ...this.#changes.keys()]);
    for (const key of all) {
      const right = lastUpTo(this.#changes.get(key) ?? [], this.final);
      if (told(right) !== told(keys.get(key))) {
        this.#problem(`${name} holds ${key} as ${told(keys.get(key))}, not ${told(right)}`);
      }
    }
  }

  #problem(words) {
    this.problems.push(words);
  }
}

const isAcknowledged = ({ outcome }) => outcome === 'acknowledged';
const told = (change) =>
  change === undefined ? 'nothing' : `write ${change.id} (revision ${change.revision}, version ${change.version})`;

/** By halving: changes are in order of revision. */
function lastUpTo(changes, revision) {
  let low = 0;
  let high = changes.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (changes[middle].revision <= revision) low = middle + 1;
    else high = middle;
  }
  return changes[low - 1];
}
