/** Messages as single posts: for a peer that has not opened its streams. At most four at once, and few that wait. */
import { text } from '../../base/bytes.js';
import { idToHex } from '../../base/ids.js';
import { Writer } from '../../wire/proto/writer.js';
import { messageSize, writeMessage } from '../../wire/raftpb/codec.js';
import type { Message } from '../../wire/raftpb/types.js';
import { type HttpAnswer, headerOf, type PeerHttp } from './peer-http.js';
import { type PeerSetup, readTimeoutMs, requestHeaders } from './peer-setup.js';
import type { PeerStatus } from './peer-status.js';
import type { PeerPlace, UrlPicker } from './peer-url.js';
import { postRefusal } from './refusals.js';

const postsMax = 4;
/** Source: etcd `pipelineBufSize`. */
const waitingMax = 64;

export class Pipeline {
  readonly #setup: PeerSetup;
  readonly #status: PeerStatus;
  readonly #picker: UrlPicker;
  readonly #http: PeerHttp;
  readonly #waiting: Message[] = [];
  readonly #inFlight = new Set<() => void>();

  constructor(setup: PeerSetup, status: PeerStatus, picker: UrlPicker, http: PeerHttp) {
    this.#setup = setup;
    this.#status = status;
    this.#picker = picker;
    this.#http = http;
    setup.log.info('started HTTP pipelining with remote peer', this.#ids());
  }

  /** False when too many wait already. */
  send(message: Message): boolean {
    if (this.#inFlight.size < postsMax) this.#post(message);
    else if (this.#waiting.length < waitingMax) this.#waiting.push(message);
    else return false;
    return true;
  }

  stop(): void {
    this.#waiting.length = 0;
    for (const giveUp of this.#inFlight) giveUp();
    this.#inFlight.clear();
    this.#setup.log.info('stopped HTTP pipelining with remote peer', this.#ids());
  }

  #ids() {
    return { 'local-member-id': idToHex(this.#setup.memberId), 'remote-peer-id': idToHex(this.#status.id) };
  }

  #post(message: Message): void {
    const place = this.#picker.pick();
    if (place === undefined) return;
    const body = new Writer(messageSize(message));
    writeMessage(body, message);
    const ask = {
      method: 'POST',
      path: '/raft',
      headers: { 'Content-Type': 'application/protobuf', ...requestHeaders(this.#setup) },
      body: body.bytes,
      timeoutMs: readTimeoutMs,
    } as const;
    const giveUp = this.#http.ask(place, ask, (answer) => {
      this.#inFlight.delete(giveUp);
      this.#answered(place, answer, body.bytes.length);
      const next = this.#waiting.shift();
      if (next !== undefined) this.#post(next);
    });
    this.#inFlight.add(giveUp);
  }

  #answered(place: PeerPlace, answer: HttpAnswer, bytes: number): void {
    const { id, count } = this.#status;
    const why = this.#refusal(place, answer);
    if (why === undefined) {
      this.#status.activate();
      count.sentBytes += bytes;
      return;
    }
    this.#picker.unreachable(place);
    this.#status.deactivate('pipeline', 'write', why);
    count.sendFailures++;
    this.#setup.events.unreachable(id);
    this.#setup.turn.begin();
  }

  #refusal(place: PeerPlace, answer: HttpAnswer): string | undefined {
    if (!answer.ok) return answer.why;
    const { status, statusText, headers, body } = answer;
    const clusterId = headerOf(headers, 'x-etcd-cluster-id');
    const said = { url: `${place.url}/raft`, status, statusText, clusterId, body: text(body) };
    return postRefusal(this.#setup, this.#status.id, said);
  }
}
