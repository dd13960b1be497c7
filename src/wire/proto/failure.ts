/**
 * What can be wrong with an encoded message. Decoders return it as a number: 0 is "nothing", and nothing is thrown.
 *
 * The texts are those of Go's protobuf 1.36 and of grpc-go, which every etcd client may have met.
 */
import { grpcCode } from '../grpc/service.js';

export const decodeFailure = { none: 0, malformed: 1, invalidUtf8: 2, tooDeep: 3 } as const;
export type DecodeFailure = (typeof decodeFailure)[keyof typeof decodeFailure];

/** A message may hold messages this deep, itself counted: protobuf-go's limit. */
export const messageDepthMax = 10_000;

const texts: Readonly<Record<DecodeFailure, string>> = {
  0: '',
  1: 'proto: cannot parse invalid wire-format data',
  2: 'string field contains invalid UTF-8',
  3: 'proto: exceeded maximum recursion depth',
};

/** Code and text with which a unary call is refused. */
export function unaryRefusal(failure: DecodeFailure) {
  return { code: grpcCode.internal, text: `grpc: error unmarshalling request: ${texts[failure]}` };
}

/** Code and text with which a call ends that streams, whichever way. */
export function streamRefusal(failure: DecodeFailure) {
  return { code: grpcCode.internal, text: `grpc: failed to unmarshal the received message: ${texts[failure]}` };
}
