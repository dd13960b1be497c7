/**
 * `etcdserverpb.Lease/LeaseKeepAlive`: a stream of beats, each answered before the next is looked at.
 *
 * The header of an answer names the revision from before the renewal: else a lease revoked at 3 could be seen alive at 4.
 */
import type { Bytes } from '../base/bytes.js';
import type { LeaseId } from '../base/ids.js';
import type { RenewWaiter } from '../lease/desk.js';
import { type ErrorName, errors } from '../wire/errors.js';
import type { Call, Method } from '../wire/grpc/service.js';
import { LeaseKeepAliveRequest, writeLeaseKeepAliveResponse } from '../wire/messages/lease-keep-alive.js';
import { decodeFailure, streamRefusal } from '../wire/proto/failure.js';
import type { LeaseParts } from './lease.js';

/** One client's stream, and who waits for the renewal under way. */
class Beats implements RenewWaiter {
  isWaiting = false;
  isHalfClosed = false;
  id: LeaseId = 0n as LeaseId;
  revision = 0;

  constructor(
    readonly call: Call,
    readonly parts: LeaseParts,
  ) {}

  begin(id: LeaseId): void {
    this.id = id;
    this.revision = this.parts.answers.front.revision;
    this.isWaiting = true;
    this.parts.desk.renew(id, this);
    // What is not answered yet, or not taken yet by the client, is answered before more is read.
    if (this.isWaiting || !this.call.writable) this.call.pause();
  }

  renewed(ttlSeconds: number): void {
    this.isWaiting = false;
    const { answers } = this.parts;
    const writer = answers.begin(this.revision);
    writeLeaseKeepAliveResponse(writer, answers.header, this.id, ttlSeconds);
    this.call.send(writer.bytes, 0, writer.at);
    this.goOn();
  }

  failed(error: ErrorName): void {
    this.isWaiting = false;
    const { code, text } = errors[error];
    this.call.fail(code, text);
  }

  goOn(): void {
    if (this.isWaiting || !this.call.writable) return;
    if (this.isHalfClosed) this.call.end();
    else this.call.resume();
  }
}

export class KeepAliveMethod implements Method {
  readonly kind = 'bidi';
  readonly #parts: LeaseParts;
  readonly #request = new LeaseKeepAliveRequest();

  constructor(parts: LeaseParts) {
    this.#parts = parts;
  }

  open(call: Call): void {
    if (!this.#parts.answers.turnedAway(call)) call.state = new Beats(call, this.#parts);
  }

  message(call: Call, bytes: Bytes, start: number, end: number): void {
    const beats = call.state;
    if (!(beats instanceof Beats)) return;
    const failure = this.#request.decode(bytes, start, end);
    if (failure !== decodeFailure.none) {
      const { code, text } = streamRefusal(failure);
      call.fail(code, text);
      return;
    }
    const { id } = this.#request;
    const slot = this.#parts.book.slotOf(id);
    const forbidden = slot < 0 ? undefined : this.#parts.permits.write(call, slot);
    if (forbidden !== undefined) beats.failed(forbidden);
    else beats.begin(id);
  }

  halfClosed(call: Call): void {
    if (!(call.state instanceof Beats)) return;
    call.state.isHalfClosed = true;
    call.state.goOn();
  }

  drained(call: Call): void {
    if (call.state instanceof Beats) call.state.goOn();
  }
}
