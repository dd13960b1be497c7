/** A member that our own book does not know yet: it gets our answers by posts. */
import { idToHex, type MemberId } from '../../base/ids.js';
import type { Message } from '../../wire/raftpb/types.js';
import type { PeerHttp } from './peer-http.js';
import type { PeerSetup } from './peer-setup.js';
import { PeerStatus } from './peer-status.js';
import { UrlPicker } from './peer-url.js';
import { Pipeline } from './pipeline.js';

export class Remote {
  readonly #status: PeerStatus;
  readonly #pipeline: Pipeline;

  constructor(setup: PeerSetup, http: PeerHttp, id: MemberId, urls: readonly string[]) {
    this.#status = new PeerStatus(id, setup.log, setup.counters.of(idToHex(id)));
    this.#pipeline = new Pipeline(setup, this.#status, new UrlPicker(urls), http);
  }

  send(message: Message): void {
    if (!this.#pipeline.send(message)) this.#status.count.sendFailures++;
  }

  stop(): void {
    this.#status.forget();
    this.#pipeline.stop();
  }
}
