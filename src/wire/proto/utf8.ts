import type { Bytes } from '../../base/bytes.js';

/** Whether `bytes[start, end)` is UTF-8 as Go has it: no overlong forms, no surrogates, nothing above U+10FFFF. */
export function isUtf8(bytes: Bytes, start: number, end: number): boolean {
  let at = start;
  while (at < end) {
    const first = bytes[at] as number;
    if (first < 0x80) {
      at++;
      continue;
    }
    const length = sequenceLength(first);
    if (length === 0 || at + length > end) return false;
    const second = bytes[at + 1] as number;
    if (second < lowestSecond(first) || second > highestSecond(first)) return false;
    for (let i = 2; i < length; i++) if (((bytes[at + i] as number) & 0xc0) !== 0x80) return false;
    at += length;
  }
  return true;
}

function sequenceLength(first: number): number {
  if (first < 0xc2 || first > 0xf4) return 0;
  if (first < 0xe0) return 2;
  return first < 0xf0 ? 3 : 4;
}

function lowestSecond(first: number): number {
  if (first === 0xe0) return 0xa0;
  return first === 0xf0 ? 0x90 : 0x80;
}

function highestSecond(first: number): number {
  if (first === 0xed) return 0x9f;
  return first === 0xf4 ? 0x8f : 0xbf;
}
