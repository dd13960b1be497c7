/** What happens when, in a simulated world: the next thing first, and of two at one time the one that was arranged first. */

interface Event {
  readonly atMs: number;
  readonly order: number;
  readonly act: () => void;
}

export class Schedule {
  nowMs = 0;
  readonly #heap: Event[] = [];
  #order = 0;

  after(ms: number, act: () => void): void {
    const event = { atMs: this.nowMs + ms, order: this.#order++, act };
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as Event;
      if (isBefore(above, event)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = event;
  }

  /** Does what is next, unless it lies beyond `untilMs`; false when it does. */
  step(untilMs: number): boolean {
    const next = this.#heap[0];
    if (next === undefined || next.atMs > untilMs) {
      this.nowMs = Math.max(this.nowMs, untilMs);
      return false;
    }
    const last = this.#heap.pop();
    if (last !== undefined && last !== next) this.#sink(last);
    this.nowMs = next.atMs;
    next.act();
    return true;
  }

  #sink(event: Event): void {
    const heap = this.#heap;
    let at = 0;
    for (let child = 1; child < heap.length; child = at * 2 + 1) {
      const right = heap[child + 1];
      if (right !== undefined && isBefore(right, heap[child] as Event)) child++;
      const below = heap[child] as Event;
      if (isBefore(event, below)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = event;
  }
}

const isBefore = (a: Event, b: Event): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
