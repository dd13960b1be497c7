/**
 * Work too long for one turn, cut into slices: each turn runs a slice of each chore, and nothing holds the loop.
 *
 * Whoever drives the loop calls `run` once a turn and comes back when it says: at once, after some time, or not before
 * something is woken.
 */

/** A chore's step does about `sliceMs` of work and answers how many milliseconds it wants to rest: 0 for none, `Infinity` until it is woken. */
export interface Chore {
  step(nowMs: number): number;
}

/** What a chore may take of one turn. The budget of a whole turn is 10 ms. */
export const sliceMs = 2;

export class Chores {
  /** When each wants its next step. */
  readonly #due = new Map<Chore, number>();
  #paused = false;
  /** Told when a chore wants to run sooner than `run` last said. */
  #onWake: () => void = () => {};

  onWake(tell: () => void): void {
    this.#onWake = tell;
  }

  /** Adds a chore, or wakes one that rests. */
  wake(chore: Chore): void {
    this.#due.set(chore, 0);
    this.#onWake();
  }

  remove(chore: Chore): void {
    this.#due.delete(chore);
  }

  /** Whether there is a chore, at work or at rest. */
  get busy(): boolean {
    return this.#due.size > 0 && !this.#paused;
  }

  /** Nothing runs until `resume`: what the chores work on is being replaced. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#onWake();
  }

  /** One slice of each chore that is due; answers after how many milliseconds to call again, `Infinity` when nothing is left to do. */
  run(nowMs: number): number {
    let rest = Number.POSITIVE_INFINITY;
    if (this.#paused) return rest;
    for (const [chore, due] of [...this.#due]) {
      if (due > nowMs) {
        rest = Math.min(rest, due - nowMs);
        continue;
      }
      const asked = chore.step(nowMs);
      // A step may have removed its own chore, or woken it: then what it asked for no longer counts.
      if (this.#due.get(chore) !== due) {
        if (this.#due.has(chore)) rest = 0;
        continue;
      }
      if (asked === Number.POSITIVE_INFINITY) this.#due.delete(chore);
      else this.#due.set(chore, nowMs + asked);
      rest = Math.min(rest, asked);
    }
    return rest;
  }
}
