/**
 * A turn of the event loop as a batch: whatever happens to sockets and disk in one turn is gathered, then what waits for
 * the turn's end runs (the member cuts its batch), then each connection with something to say writes once.
 */
export interface Flushable {
  flush(): void;
}

export class Turn {
  #dirty: Flushable[] = [];
  #scheduled: NodeJS.Immediate | undefined;
  readonly #enders: (() => void)[] = [];
  readonly #end = () => this.#runEnd();

  /** `ender` runs at the end of every turn in which anything came in or went out, before the replies are written. */
  onEnd(ender: () => void): void {
    this.#enders.push(ender);
  }

  /** Something has happened: there will be an end of this turn. */
  begin(): void {
    this.#scheduled ??= setImmediate(this.#end);
  }

  /** Ends the turn now, if one has begun: before work that others should not wait for. */
  settle(): void {
    if (this.#scheduled === undefined) return;
    clearImmediate(this.#scheduled);
    this.#runEnd();
  }

  /** Has output now, after it had none. */
  markDirty(connection: Flushable): void {
    this.#dirty.push(connection);
    this.begin();
  }

  #runEnd(): void {
    this.#scheduled = undefined;
    for (const ender of this.#enders) ender();
    const dirty = this.#dirty;
    this.#dirty = [];
    for (const connection of dirty) connection.flush();
  }
}
