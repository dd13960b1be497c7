/**
 * What a request's header block means to gRPC: the method to call, or the answer that it deserves at once.
 * The texts and statuses are grpc-go's. Made once for a block, and shared by all requests that bring the same bytes.
 */
import { ClientCounters, MethodCounters, RequestCount } from '../../base/counters.js';
import { nameKind } from '../http2/header-field.js';
import type { HeaderBlock } from '../http2/hpack-decoder.js';
import type { GrpcCode, Method, Services } from './service.js';
import { grpcCode } from './service.js';
import { parseTimeout, quote } from './status.js';

/** An answer of headers alone: `httpStatus` is 200 for what gRPC refuses, another for what is no gRPC request. */
export interface Refusal {
  readonly httpStatus: number;
  readonly code: GrpcCode;
  readonly text: string;
  /** Names the compressions that would be understood. */
  readonly acceptEncoding: boolean;
}

/** For methods that nobody wants counted. */
export const uncounted = new MethodCounters('', 'unary');

const unheard = new RequestCount('unary', '');

export class RequestHead {
  path = '';
  httpMethod = '';
  /** As it is answered: `application/grpc`, with the subtype that was asked for. */
  contentType = grpcContentType;
  timeoutMs = Number.POSITIVE_INFINITY;
  /** `grpc-encoding`, when it is not `identity`. */
  encoding = '';
  method: Method | undefined = undefined;
  /** Where the method's calls are counted. */
  counters = uncounted;
  requests = unheard;
  /** What the client says it is. */
  clientVersion = 'unknown';
  refusal: Refusal | undefined = undefined;
  /** Not a gRPC request at all. */
  plain = false;

  constructor(readonly block: HeaderBlock) {}
}

export const grpcContentType = 'application/grpc';

/** The services of a server, and what it needs to refuse requests for others. */
export class Registry {
  constructor(
    readonly methods: Services,
    readonly canInflate: (encoding: string) => boolean,
    readonly counters: ReadonlyMap<string, MethodCounters>,
    readonly traffic = new ClientCounters(),
  ) {}

  headOf(block: HeaderBlock): RequestHead {
    if (block.meaning instanceof RequestHead) return block.meaning;
    const head = new RequestHead(block);
    head.refusal = this.#read(head) ?? this.#find(head);
    block.meaning = head;
    return head;
  }

  /** Reads the fields; the first refusal in grpc-go's order wins. */
  #read(head: RequestHead): Refusal | undefined {
    let contentType = '';
    let isGrpc = false;
    let hosts = 0;
    let authorities = 0;
    let malformed: Refusal | undefined;
    for (const { kind, name, value } of head.block.fields) {
      if (kind === nameKind.path) head.path = value;
      else if (kind === nameKind.method) head.httpMethod = value;
      else if (kind === nameKind.grpcEncoding) head.encoding = value === 'identity' ? '' : value;
      else if (kind === nameKind.host) hosts++;
      else if (kind === nameKind.authority) authorities++;
      else if (kind === nameKind.contentType) {
        if (isGrpcType(value)) {
          isGrpc = true;
          head.contentType = answerType(value);
        } else contentType = value;
      } else if (kind === nameKind.grpcTimeout) {
        const timeoutMs = parseTimeout(value);
        if (typeof timeoutMs === 'number') head.timeoutMs = timeoutMs;
        else malformed = refusal(400, grpcCode.internal, `malformed grpc-timeout: ${timeoutMs}`);
      } else if (kind === nameKind.other && name === 'client-api-version') {
        head.clientVersion = value;
      } else if (kind === nameKind.other && name.endsWith('-bin')) {
        const at = base64Error(value);
        if (at < 0) continue;
        const what = `malformed binary metadata ${quote(value)} in header ${quote(name)}`;
        malformed = refusal(400, grpcCode.internal, `${what}: illegal base64 data at input byte ${at}`);
      }
    }
    if (hosts > 1) {
      const counts = `num values of :authority: ${authorities}, num values of host: ${hosts}`;
      return refusal(400, grpcCode.internal, `${counts}, both must only have 1 value as per HTTP/2 spec`);
    }
    if (!isGrpc) {
      head.plain = true;
      return refusal(415, grpcCode.invalidArgument, `invalid gRPC request content-type ${quote(contentType)}`);
    }
    if (malformed !== undefined) return malformed;
    if (head.httpMethod === 'POST') return undefined;
    const text = `Received a HEADERS frame with :method ${quote(head.httpMethod)} which should be POST`;
    return refusal(405, grpcCode.internal, text);
  }

  /** Looked up anew each time: a server may be given its methods after it has been made. */
  #offers(service: string): boolean {
    for (const path of this.methods.keys()) if (path.startsWith(`/${service}/`)) return true;
    return false;
  }

  /** Finds the method, or says what is unknown about it. */
  #find(head: RequestHead): Refusal | undefined {
    if (head.timeoutMs <= 0) return refusal(200, grpcCode.deadlineExceeded, 'context deadline exceeded');
    head.method = this.methods.get(head.path);
    head.counters = this.counters.get(head.path) ?? uncounted;
    if (head.method !== undefined) {
      head.requests = this.traffic.requestsOf(head.method.kind === 'unary' ? 'unary' : 'stream', head.clientVersion);
    }
    if (head.method === undefined) return refusal(200, grpcCode.unimplemented, this.#unknown(head.path));
    if (head.encoding === '' || this.canInflate(head.encoding)) return undefined;
    const text = `grpc: Decompressor is not installed for grpc-encoding ${quote(head.encoding)}`;
    return { ...refusal(200, grpcCode.unimplemented, text), acceptEncoding: true };
  }

  #unknown(path: string): string {
    const slash = path.lastIndexOf('/');
    if (!path.startsWith('/') || slash === 0) return `malformed method name: ${quote(path)}`;
    const service = path.slice(1, slash);
    if (!this.#offers(service)) return `unknown service ${service}`;
    return `unknown method ${path.slice(slash + 1)} for service ${service}`;
  }
}

function refusal(httpStatus: number, code: GrpcCode, text: string): Refusal {
  return { httpStatus, code, text, acceptEncoding: false };
}

function isGrpcType(value: string): boolean {
  return (
    value === grpcContentType || value.startsWith(`${grpcContentType}+`) || value.startsWith(`${grpcContentType};`)
  );
}

/** grpc-go answers with the subtype it was asked with, after a plus whatever stood before it. */
function answerType(value: string): string {
  const subtype = value.slice(grpcContentType.length + 1);
  return subtype === '' ? grpcContentType : `${grpcContentType}+${subtype}`;
}

/** Where a value stops being base64, padded or not; -1 if it does not. */
function base64Error(value: string): number {
  const [letters = ''] = /^[A-Za-z0-9+/]*/.exec(value) ?? [];
  const padding = value.slice(letters.length);
  const missing = (4 - (letters.length % 4)) % 4;
  if (missing < 3 && (padding === '' || padding === '='.repeat(missing))) return -1;
  return letters.length;
}
