/** One connection of an attacker: sends a flood's batches as fast as the socket takes them, and notes what comes back. */
import { connect } from 'node:net';
import { HpackDecoder } from '../../dist/wire/http2/hpack-decoder.js';
import { frameType } from '../../dist/wire/http2/protocol.js';
import { readFrames } from '../../dist/wire/http2/raw-frames.js';

/** No flood needs more to be found out. */
const batchesMax = 4_000;

export class AttackConnection {
  /** What the server has said on streams: `reset 6`, `status 8`. */
  said = new Set();
  #socket;
  #flood;
  #batches = 0;
  #unread = Buffer.alloc(0);
  #decoder = new HpackDecoder(1_000_000);
  #goAway = 'closed';
  #told = false;

  /** `over(how)` is called once: with the server's last word, or undefined when it was we who left. */
  constructor(port, flood, over) {
    this.#flood = flood;
    this.#socket = connect(port, '127.0.0.1');
    let left = false;
    this.leave = () => {
      left = true;
      this.#socket.destroy();
    };
    this.#socket.on('data', (chunk) => this.#read(chunk));
    this.#socket.on('error', () => {});
    this.#socket.on('drain', () => this.#send());
    this.#socket.on('close', () => {
      clearInterval(this.timer);
      over(left ? undefined : this.#goAway);
    });
    this.#socket.on('connect', () => {
      this.#socket.write(flood.hello);
      if (flood.everyMs === undefined) this.#send();
      else this.timer = setInterval(() => this.#batch(), flood.everyMs);
    });
  }

  #send() {
    while (!this.#told && this.#batches < batchesMax && this.#batch());
  }

  /** False when there is no more to send, or no room for it. */
  #batch() {
    if (this.#told) return false;
    const batch = this.#flood.frames(this.#batches++);
    return batch !== undefined && this.#socket.write(batch);
  }

  #read(chunk) {
    const bytes = Buffer.concat([this.#unread, chunk]);
    let end = 0;
    while (bytes.length - end >= 9 && bytes.length - end >= 9 + bytes.readUIntBE(end, 3))
      end += 9 + bytes.readUIntBE(end, 3);
    for (const frame of readFrames(bytes.subarray(0, end))) this.#hear(frame);
    this.#unread = bytes.subarray(end);
  }

  #hear({ type, payload }) {
    const words = Buffer.from(payload.buffer, payload.byteOffset, payload.length);
    if (type === frameType.rstStream) this.said.add(`reset ${words.readUInt32BE(0)}`);
    else if (type === frameType.headers) {
      const { fields } = this.#decoder.decode(payload, 0, payload.length);
      const status = fields.find(({ name }) => name === 'grpc-status');
      if (status !== undefined) this.said.add(`status ${status.value}`);
    } else if (type === frameType.goAway) {
      this.#goAway = `GOAWAY ${words.readUInt32BE(4)} ${words.toString('latin1', 8)}`;
      this.#told = true;
    }
  }
}
