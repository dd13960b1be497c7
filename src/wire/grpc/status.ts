/** gRPC's statuses on the wire: the text of `grpc-message`, and `grpc-timeout`. Source: grpc/grpc `doc/PROTOCOL-HTTP2.md`. */
import { text, utf8 } from '../../base/bytes.js';

const plainText = /^[ -$&-~]*$/;

/** Percent-encodes all but printable ASCII, and the percent sign. */
export function encodeStatusText(message: string): string {
  if (plainText.test(message)) return message;
  let encoded = '';
  for (const byte of utf8(message)) {
    const plain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    encoded += plain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}

/** The inverse; what is not well formed stays as it came. */
export function decodeStatusText(encoded: string): string {
  if (!encoded.includes('%')) return encoded;
  const bytes = new Uint8Array(encoded.length);
  let length = 0;
  for (let i = 0; i < encoded.length; i++) {
    const hex = encoded[i] === '%' ? encoded.slice(i + 1, i + 3) : '';
    const isCode = /^[0-9a-fA-F]{2}$/.test(hex);
    bytes[length++] = isCode ? Number.parseInt(hex, 16) : encoded.charCodeAt(i);
    if (isCode) i += 2;
  }
  return text(bytes.subarray(0, length));
}

const unitMs: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 0.001,
  n: 0.000_001,
};

/** Milliseconds of a `grpc-timeout`, or what grpc-go says is wrong with it. */
export function parseTimeout(value: string): number | string {
  const quoted = quote(value);
  if (value.length < 2) return `transport: timeout string is too short: ${quoted}`;
  if (value.length > 9) return `transport: timeout string is too long: ${quoted}`;
  const unit = unitMs[value.slice(-1)];
  if (unit === undefined) return `transport: timeout unit is not recognized: ${quoted}`;
  const digits = value.slice(0, -1);
  if (!/^\d+$/.test(digits)) return `strconv.ParseUint: parsing ${quote(digits)}: invalid syntax`;
  return Number(digits) * unit;
}

export function encodeTimeout(timeoutMs: number): string {
  const us = Math.max(0, Math.ceil(timeoutMs * 1000));
  if (us < 100_000_000) return `${us}u`;
  const ms = Math.ceil(timeoutMs);
  if (ms < 100_000_000) return `${ms}m`;
  return `${Math.min(99_999_999, Math.ceil(timeoutMs / 1000))}S`;
}

const escapes: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
};

/** A header's value as Go's `%q` prints it. */
export function quote(latin1: string): string {
  let quoted = '';
  for (const letter of latin1) {
    const code = letter.charCodeAt(0);
    if (escapes[letter] !== undefined) quoted += escapes[letter];
    else quoted += code >= 0x20 && code < 0x7f ? letter : `\\x${code.toString(16).padStart(2, '0')}`;
  }
  return `"${quoted}"`;
}
