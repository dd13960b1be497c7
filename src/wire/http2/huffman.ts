/**
 * The Huffman code of HPACK. Source: RFC 7541, appendix B.
 *
 * The code is canonical: codes count upwards in the order of length, then of symbol, so the lengths alone give it.
 * Decoding walks a table by half bytes: from a node of the code's tree, four bits lead to another node and may have
 * passed one symbol on the way (no code is shorter than five bits).
 */
import type { Bytes } from '../../base/bytes.js';
import { check } from '../../base/check.js';

/** Bits of each byte's code. */
const codeLengths: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28,
  28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6,
  5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23,
  22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22,
  23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26,
  20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27,
  27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27,
  27, 27, 27, 26,
];
const endOfString = 256;
const endOfStringBits = 30;

/** Codes by symbol, right-aligned in `bits`. Also what the tests encode with. */
export const huffmanCodes: readonly { readonly code: number; readonly bits: number }[] = assignCodes();

function assignCodes() {
  const codes: { code: number; bits: number }[] = [];
  const bySize = [...codeLengths.keys()].sort((a, b) => lengthOf(a) - lengthOf(b) || a - b);
  let code = -1;
  let bits = lengthOf(bySize[0] as number);
  for (const symbol of bySize) {
    code = (code + 1) * 2 ** (lengthOf(symbol) - bits);
    bits = lengthOf(symbol);
    codes[symbol] = { code, bits };
  }
  codes[endOfString] = { code: 2 ** endOfStringBits - 1, bits: endOfStringBits };
  return codes;
}

function lengthOf(symbol: number): number {
  return codeLengths[symbol] as number;
}

/** A step is `node << 10 | emits << 9 | symbol`, or `failed`. */
const emits = 0x200;
const failed = -1;
const { steps, mayEnd } = buildSteps();

/** Builds the tree of codes, then for each of its inner nodes where each half byte leads. */
function buildSteps() {
  const root = 0;
  // A node's children at 2n and 2n + 1: an inner node's number, or `~symbol`.
  const children: number[] = [0, 0];
  huffmanCodes.forEach(({ code, bits }, symbol) => {
    let node = root;
    for (let bit = bits - 1; bit > 0; bit--) {
      const at = node * 2 + (Math.floor(code / 2 ** bit) & 1);
      if (children[at] === 0) {
        children[at] = children.length / 2;
        children.push(0, 0);
      }
      node = children[at] as number;
      check(node > 0, 'no Huffman code begins another');
    }
    children[node * 2 + (code & 1)] = ~symbol;
  });
  const nodes = children.length / 2;
  const steps = new Int32Array(nodes * 16).fill(failed);
  for (let node = 0; node < nodes; node++) {
    for (let half = 0; half < 16; half++) steps[node * 16 + half] = walk(children, node, half);
  }
  return { steps, mayEnd: paddingNodes(children) };
}

function walk(children: readonly number[], from: number, half: number): number {
  let node = from;
  let emitted = 0;
  for (let bit = 3; bit >= 0; bit--) {
    const next = children[node * 2 + ((half >> bit) & 1)] as number;
    if (next >= 0) {
      node = next;
      continue;
    }
    if (~next === endOfString) return failed;
    emitted = emits | ~next;
    node = 0;
  }
  return (node << 10) | emitted;
}

/** A string may end on the root, or with fewer than eight one-bits after its last symbol. */
function paddingNodes(children: readonly number[]): Uint8Array {
  const mayEnd = new Uint8Array(children.length / 2);
  let node = 0;
  for (let bits = 0; bits < 8; bits++) {
    mayEnd[node] = 1;
    node = children[node * 2 + 1] as number;
  }
  return mayEnd;
}

let decoded = new Uint8Array(4096);

/**
 * The text of a Huffman-coded string, each byte one character (Latin-1); undefined if it is not well formed.
 * Five bits at least make a byte, so the text is at most 1.6 times as long as the input.
 */
export function huffmanText(bytes: Bytes, start: number, end: number): string | undefined {
  if (decoded.length < (end - start) * 2) decoded = new Uint8Array((end - start) * 2);
  const text = decoded;
  let length = 0;
  let node = 0;
  for (let at = start; at < end; at++) {
    const byte = bytes[at] as number;
    let step = steps[(node << 4) | (byte >> 4)] as number;
    if (step < 0) return undefined;
    if ((step & emits) !== 0) text[length++] = step;
    step = steps[((step >> 10) << 4) | (byte & 15)] as number;
    if (step < 0) return undefined;
    if ((step & emits) !== 0) text[length++] = step;
    node = step >> 10;
  }
  return mayEnd[node] === 1 ? latin1(text, 0, length) : undefined;
}

/** Each byte one character. */
export function latin1(bytes: Bytes, start: number, end: number): string {
  if (end - start > 4096) return latin1(bytes, start, start + 4096) + latin1(bytes, start + 4096, end);
  let text = '';
  let at = start;
  for (; end - at >= 8; at += 8) {
    text += String.fromCharCode(
      bytes[at] as number,
      bytes[at + 1] as number,
      bytes[at + 2] as number,
      bytes[at + 3] as number,
      bytes[at + 4] as number,
      bytes[at + 5] as number,
      bytes[at + 6] as number,
      bytes[at + 7] as number,
    );
  }
  for (; at < end; at++) text += String.fromCharCode(bytes[at] as number);
  return text;
}
