/** The rarer messages go through the generated codecs; this is their one door, so that a fault is a value here too. */
import { type DescMessage, fromBinary, type MessageShape } from '@bufbuild/protobuf';
import type { Bytes } from '../../base/bytes.js';
import { type DecodeFailure, decodeFailure } from '../proto/failure.js';
import { wellTyped } from '../proto/well-typed.js';

export type Generated<Schema extends DescMessage> =
  | { readonly ok: true; readonly message: MessageShape<Schema> }
  | { readonly ok: false; readonly failure: DecodeFailure };

/** Bytes fields of the message are views into `bytes`: copy what must outlive them. */
export function decodeGenerated<Schema extends DescMessage>(
  schema: Schema,
  bytes: Bytes,
  start: number,
  end: number,
): Generated<Schema> {
  // First, for the generated codecs read a number of another wire type as if it were their own.
  const cleaned = wellTyped(schema, bytes, start, end);
  try {
    const whole = cleaned === undefined || cleaned.length === end - start;
    const message = fromBinary(schema, whole ? bytes.subarray(start, end) : cleaned);
    return cleaned === undefined ? { ok: false, failure: decodeFailure.malformed } : { ok: true, message };
  } catch (fault) {
    // The strict text decoder throws a TypeError of its own; all else is about the wire format.
    return { ok: false, failure: fault instanceof TypeError ? decodeFailure.invalidUtf8 : decodeFailure.malformed };
  }
}
