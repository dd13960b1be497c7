/**
 * The same message said otherwise, for tests: fields in any order and repeated, unknown fields of every wire type between them,
 * longer varints than needed. A reader that keeps protobuf's rules cannot tell, or can tell by these rules only.
 */
import { type Bytes, concatBytes } from '../../base/bytes.js';
import type { Random } from '../../base/random.js';
import { Reader } from './reader.js';
import { Writer } from './writer.js';

/** Which tags hold messages, and what these hold. */
export type Shape = { readonly [tag: number]: Shape };

export function scramble(random: Random, message: Bytes, shape: Shape): Bytes {
  const fields = splitFields(message).map(([tag, field]) => scrambleField(random, tag, field, shape));
  for (const [, field] of splitFields(message)) if (random.oneIn(5)) fields.push(field);
  while (random.oneIn(3)) fields.push(unknownField(random, 3));
  return concatBytes(random.shuffle(fields));
}

function splitFields(message: Bytes): [number, Bytes][] {
  const fields: [number, Bytes][] = [];
  const reader = new Reader();
  reader.open(message, 0, message.length);
  let start = 0;
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    reader.skip(tag);
    fields.push([tag, message.subarray(start, reader.at)]);
    start = reader.at;
  }
  return fields;
}

function scrambleField(random: Random, tag: number, field: Bytes, shape: Shape): Bytes {
  const reader = new Reader();
  reader.open(field, 0, field.length);
  reader.tag();
  const to = new Writer();
  longVarint(random, to, tag);
  const inner = shape[tag];
  if ((tag & 7) === 2) {
    const content = inner === undefined ? reader.view() : scramble(random, reader.view(), inner);
    longVarint(random, to, content.length);
    to.raw(content, 0, content.length);
  } else {
    to.raw(field, reader.at, field.length);
  }
  return to.copy();
}

/** A varint with up to two bytes that say nothing. */
function longVarint(random: Random, to: Writer, value: number): void {
  to.varint(value);
  if (value >= 0x1000_0000) return;
  for (let more = random.oneIn(4) ? random.below(3) : 0; more > 0; more--) {
    to.bytes[to.at - 1] = (to.bytes[to.at - 1] as number) | 0x80;
    to.byte(0);
  }
}

function unknownField(random: Random, depth: number): Bytes {
  const to = new Writer();
  const number = random.pick([19, 77, 1999, 40_000, 0x1fff_ffff]);
  const wire = random.pick(depth > 0 ? [0, 1, 2, 3, 5] : [0, 1, 2, 5]);
  to.varint(number * 8 + wire);
  if (wire === 0) to.varint64(random.uint32(), random.oneIn(2) ? 0 : random.uint32());
  else if (wire === 1) to.raw(random.bytes(8), 0, 8);
  else if (wire === 5) to.raw(random.bytes(4), 0, 4);
  else if (wire === 2) lengthDelimited(to, random.bytes(random.below(9)));
  else group(random, to, { number, depth });
  return to.copy();
}

function lengthDelimited(to: Writer, content: Bytes): void {
  to.varint(content.length);
  to.raw(content, 0, content.length);
}

function group(random: Random, to: Writer, at: { readonly number: number; readonly depth: number }): void {
  for (let inside = random.below(3); inside > 0; inside--) {
    const field = unknownField(random, at.depth - 1);
    to.raw(field, 0, field.length);
  }
  to.varint(at.number * 8 + 4);
}
