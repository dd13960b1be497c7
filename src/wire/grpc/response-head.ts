/** What a response's header block means to gRPC. Made once for a block, as blocks that come again are one object. */
import { nameKind } from '../http2/header-field.js';
import type { HeaderBlock } from '../http2/hpack-decoder.js';
import { errorCode } from '../http2/protocol.js';
import { type GrpcCode, grpcCode } from './service.js';
import { decodeStatusText } from './status.js';

export interface Problem {
  readonly code: GrpcCode;
  readonly text: string;
}

export class ResponseHead {
  /** Of `grpc-status`; `unknown` when it is missing or no code. */
  readonly code: GrpcCode;
  readonly message: string;
  /** Why this is no answer of a gRPC server. */
  readonly problem: Problem | undefined;

  constructor(block: HeaderBlock) {
    let httpStatus = '';
    let contentType = '';
    let code: GrpcCode | undefined;
    let message = '';
    for (const { kind, value } of block.fields) {
      if (kind === nameKind.status) httpStatus = value;
      else if (kind === nameKind.contentType) contentType = value;
      else if (kind === nameKind.grpcStatus) code = codeOf(value);
      else if (kind === nameKind.grpcMessage) message = decodeStatusText(value);
    }
    this.code = code ?? grpcCode.unknown;
    this.message = message;
    this.problem = problemOf(httpStatus, contentType, code, message);
  }

  static of(block: HeaderBlock): ResponseHead {
    if (block.meaning instanceof ResponseHead) return block.meaning;
    const head = new ResponseHead(block);
    block.meaning = head;
    return head;
  }
}

function codeOf(value: string): GrpcCode {
  for (const code of Object.values(grpcCode)) if (String(code) === value) return code;
  return grpcCode.unknown;
}

function problemOf(httpStatus: string, contentType: string, code: GrpcCode | undefined, message: string) {
  if (httpStatus === '200' || httpStatus === '') {
    if (contentType.startsWith('application/grpc') || code !== undefined) return undefined;
    const text = `unexpected HTTP status code received from server: 200 (OK); transport: received unexpected content-type "${contentType}"`;
    return { code: grpcCode.unknown, text };
  }
  if (code !== undefined) return { code, text: message };
  return { code: codeOfHttp(httpStatus), text: `unexpected HTTP status code received from server: ${httpStatus}` };
}

/** Source: grpc/grpc `doc/http-grpc-status-mapping.md`. */
function codeOfHttp(status: string): GrpcCode {
  switch (status) {
    case '400':
      return grpcCode.internal;
    case '401':
      return grpcCode.unauthenticated;
    case '403':
      return grpcCode.permissionDenied;
    case '404':
      return grpcCode.unimplemented;
    case '429':
    case '502':
    case '503':
    case '504':
      return grpcCode.unavailable;
    default:
      return grpcCode.unknown;
  }
}

const resetNames = Object.entries(errorCode).map(([name, code]) => [code, name] as const);
const names = new Map(resetNames.map(([code, name]) => [code as number, name.replace(/[A-Z]/g, '_$&').toUpperCase()]));

/** Source: grpc/grpc `doc/PROTOCOL-HTTP2.md`, "Errors". */
export function statusOfReset(code: number): Problem {
  const text = `stream terminated by RST_STREAM with error code: ${names.get(code) ?? code}`;
  switch (code) {
    case errorCode.refusedStream:
      return { code: grpcCode.unavailable, text };
    case errorCode.cancel:
      return { code: grpcCode.canceled, text };
    case errorCode.enhanceYourCalm:
      return { code: grpcCode.resourceExhausted, text };
    case errorCode.inadequateSecurity:
      return { code: grpcCode.permissionDenied, text };
    default:
      return { code: grpcCode.internal, text };
  }
}
