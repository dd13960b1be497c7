/**
 * A turn of the event loop as a batch: whatever happens to sockets and disk in one turn is gathered, then what waits for
 * the turn's end runs (the member cuts its batch), then each connection with something to say writes once.
 */
export interface Flushable {
  flush(): void;
}

export class Turn {
  #dirty: Flushable[] = [];
  #scheduled = false;
  readonly #enders: (() => void)[] = [];
  readonly #end = () => this.#runEnd();

  /** `ender` runs at the end of every turn in which anything came in or went out, before the replies are written. */
  onEnd(ender: () => void): void {
    this.#enders.push(ender);
  }

  /** Something has happened: there will be an end of this turn. */
  begin(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#end);
  }

  /** Has output now, after it had none. */
  markDirty(connection: Flushable): void {
    this.#dirty.push(connection);
    this.begin();
  }

  #runEnd(): void {
    this.#scheduled = false;
    for (const ender of this.#enders) ender();
    const dirty = this.#dirty;
    this.#dirty = [];
    for (const connection of dirty) connection.flush();
  }
}
