import type { ReadWaiter } from '../member/front.js';
import type { ErrorName } from '../wire/errors.js';
import type { Call } from '../wire/grpc/service.js';
import { refuse } from './answers.js';

/** A read that waits for its index. */
export class LaterRead implements ReadWaiter {
  constructor(
    private readonly call: Call,
    private readonly read: () => void,
  ) {}

  confirmed(): void {
    if (!this.call.ended) this.read();
  }

  failed(error: ErrorName): void {
    refuse(this.call, error);
  }
}
