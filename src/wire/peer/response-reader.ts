/**
 * An HTTP/1.1 answer whose body goes on for as long as the connection lives: its head, then its body without the chunks.
 *
 * It is what a peer's stream comes in. Messages pass at a rate at which an object and an event for each chunk would be felt,
 * so bodies are handed out as places in what was received: `bytes[start, end)`.
 */
import { type Bytes, concatBytes, noBytes, text } from '../../base/bytes.js';

export interface ResponseHead {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>;
}

/** Heads that are longer are not an answer to us. */
const headBytesMax = 64 * 1024;
const lineFeed = 10;
const carriageReturn = 13;

type Body = 'chunkSize' | 'chunkExtension' | 'chunkData' | 'chunkEnd' | 'trailer' | 'plain' | 'done' | 'bad';

export class ResponseReader {
  /** Undefined until all of it has come. */
  head: ResponseHead | undefined;
  /** The piece of the body that `nextPiece` found. */
  bytes: Bytes = noBytes;
  start = 0;
  end = 0;
  #at = 0;
  #stop = 0;
  #state: Body = 'plain';
  /** Bytes left of the chunk, or of the whole body. */
  #left = 0;
  #digits = 0;
  #lineBytes = 0;

  /** It was no HTTP. */
  get malformed(): boolean {
    return this.#state === 'bad';
  }

  /** The body is over. */
  get ended(): boolean {
    return this.#state === 'done';
  }

  /** Takes in a chunk; the pieces of the one before have been fetched. */
  add(chunk: Bytes): void {
    if (this.head !== undefined) {
      this.bytes = chunk;
      this.#at = 0;
      this.#stop = chunk.length;
      return;
    }
    const whole = this.bytes.length === 0 ? chunk : concatBytes([this.bytes, chunk]);
    const headEnd = endOfHead(whole, Math.max(0, this.bytes.length - 3));
    this.bytes = whole;
    if (headEnd < 0 ? whole.length > headBytesMax : headEnd > headBytesMax) this.#state = 'bad';
    if (headEnd < 0 || this.malformed) return;
    this.head = parseHead(text(whole.subarray(0, headEnd)));
    this.#at = headEnd;
    this.#stop = whole.length;
    if (this.head === undefined) this.#state = 'bad';
    else this.#openBody(this.head.headers);
  }

  #openBody(headers: ReadonlyMap<string, string>): void {
    if (/\bchunked$/i.test(headers.get('transfer-encoding') ?? '')) {
      this.#beginChunk();
      return;
    }
    const length = headers.get('content-length');
    this.#left = length === undefined ? Number.POSITIVE_INFINITY : Number(length);
    if (this.#left === 0) this.#state = 'done';
    else if (!(this.#left > 0)) this.#state = 'bad';
  }

  /** Finds the next piece of the body; false when the chunk is used up. */
  nextPiece(): boolean {
    while (this.#at < this.#stop) {
      switch (this.#state) {
        case 'chunkData':
        case 'plain':
          this.#takePiece();
          return true;
        case 'done':
        case 'bad':
          this.#at = this.#stop;
          return false;
        case 'chunkSize':
        case 'chunkExtension':
        case 'chunkEnd':
        case 'trailer':
          this.#frame(this.bytes[this.#at++] as number);
      }
    }
    return false;
  }

  #takePiece(): void {
    this.start = this.#at;
    this.end = Math.min(this.#stop, this.#at + this.#left);
    this.#at = this.end;
    this.#left -= this.end - this.start;
    if (this.#left > 0) return;
    this.#lineBytes = 0;
    this.#state = this.#state === 'plain' ? 'done' : 'chunkEnd';
  }

  #beginChunk(): void {
    this.#state = 'chunkSize';
    this.#left = 0;
    this.#digits = 0;
    this.#lineBytes = 0;
  }

  /** One byte of what stands between chunks. */
  #frame(byte: number): void {
    if (++this.#lineBytes > 4096) this.#state = 'bad';
    else if (this.#state === 'chunkSize') this.#sizeByte(byte);
    else if (this.#state === 'chunkExtension') {
      if (byte === lineFeed) this.#sized();
    } else if (this.#state === 'chunkEnd') {
      if (byte === lineFeed) this.#beginChunk();
      else if (byte !== carriageReturn) this.#state = 'bad';
    } else this.#trailerByte(byte);
  }

  #sizeByte(byte: number): void {
    const digit = hexDigit(byte);
    if (digit >= 0) {
      this.#left = this.#left * 16 + digit;
      // Go reads up to 16 digits; chunks of a petabyte are nobody's.
      if (++this.#digits > 16 || this.#left > 2 ** 50) this.#state = 'bad';
    } else if (this.#digits === 0) this.#state = 'bad';
    else if (byte === lineFeed) this.#sized();
    else if (byte === carriageReturn || byte === 0x3b || byte === 0x20) this.#state = 'chunkExtension';
    else this.#state = 'bad';
  }

  #sized(): void {
    this.#state = this.#left > 0 ? 'chunkData' : 'trailer';
    this.#digits = 0;
    this.#lineBytes = 0;
  }

  /** Trailers are passed over; an empty line ends them. `#digits` counts what the line holds. */
  #trailerByte(byte: number): void {
    if (byte !== lineFeed) {
      if (byte !== carriageReturn) this.#digits++;
    } else if (this.#digits === 0) this.#state = 'done';
    else this.#digits = 0;
  }
}

/** Behind the empty line; negative when it has not come. */
function endOfHead(bytes: Bytes, from: number): number {
  for (let at = bytes.indexOf(lineFeed, from); at >= 0; at = bytes.indexOf(lineFeed, at + 1)) {
    if (bytes[at - 1] === lineFeed || (bytes[at - 1] === carriageReturn && bytes[at - 2] === lineFeed)) return at + 1;
  }
  return -1;
}

function parseHead(head: string): ResponseHead | undefined {
  const [first = '', ...lines] = head.split(/\r?\n/);
  const status = /^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(first)?.[1];
  if (status === undefined) return undefined;
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon > 0) headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  return { status: Number(status), headers };
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}
