/**
 * A known field with a wire type that is not its own is an unknown field to Go's protobuf, which passes over it; the generated codecs
 * refuse the message. This takes such fields out, so that both read the same.
 */
import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { WireType } from '@bufbuild/protobuf/wire';
import type { Bytes } from '../../base/bytes.js';
import { decodeFailure } from './failure.js';
import { Reader } from './reader.js';
import { Writer } from './writer.js';

const reader = new Reader();

/** `bytes[start, end)` without such fields, or undefined when the bytes are not well formed. Fields of inner messages are looked at too. */
export function wellTyped(schema: DescMessage, bytes: Bytes, start: number, end: number): Bytes | undefined {
  const known = new Map(schema.fields.map((field) => [field.number, field]));
  const kept = new Writer(end - start + 16);
  const inner: { readonly field: DescField; readonly tag: number; readonly start: number; readonly end: number }[] = [];
  reader.open(bytes, start, end);
  let from = start;
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    const field = known.get(tag >>> 3);
    const fits = field === undefined || wireTypesOf(field).includes(tag & 7);
    const message = field?.fieldKind === 'message' || (field?.fieldKind === 'list' && field.listKind === 'message');
    if (fits && field !== undefined && message) {
      const stop = reader.bytesField();
      inner.push({ field, tag, start: reader.fieldStart, end: stop });
    } else {
      reader.skip(tag);
      if (fits && reader.failure === decodeFailure.none) kept.raw(bytes, from, reader.at);
    }
    from = reader.at;
  }
  if (reader.failure !== decodeFailure.none) return undefined;
  for (const { field, tag, start: begin, end: stop } of inner) {
    const content = field.message === undefined ? undefined : wellTyped(field.message, bytes, begin, stop);
    if (content === undefined) return undefined;
    kept.varint(tag);
    kept.varint(content.length);
    kept.raw(content, 0, content.length);
  }
  return kept.copy();
}

function wireTypesOf(field: DescField): readonly number[] {
  switch (field.fieldKind) {
    case 'message':
    case 'map':
      return [WireType.LengthDelimited];
    case 'enum':
      return [WireType.Varint];
    case 'scalar':
      return [wireTypeOf(field.scalar)];
    case 'list': {
      if (field.listKind === 'message') return [WireType.LengthDelimited];
      const single = field.listKind === 'enum' ? WireType.Varint : wireTypeOf(field.scalar);
      return [single, WireType.LengthDelimited]; // Packed or not, both are read.
    }
  }
}

function wireTypeOf(scalar: ScalarType): WireType {
  switch (scalar) {
    case ScalarType.BYTES:
    case ScalarType.STRING:
      return WireType.LengthDelimited;
    case ScalarType.DOUBLE:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return WireType.Bit64;
    case ScalarType.FLOAT:
    case ScalarType.FIXED32:
    case ScalarType.SFIXED32:
      return WireType.Bit32;
    default:
      return WireType.Varint;
  }
}
