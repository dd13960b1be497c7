/** Which header blocks are well-formed messages. Source: RFC 9113, sections 8.2 and 8.3. */
import { type NameKind, nameKind } from './header-field.js';
import type { HeaderBlock } from './hpack-decoder.js';

const pseudoMax = nameKind.status;

/** Whether this block may open a request: each pseudo-header once and first, and nothing that HTTP/2 forbids. */
export function isRequest(block: HeaderBlock): boolean {
  let seen = 0;
  let regular = false;
  for (const { kind, value } of block.fields) {
    if (kind >= nameKind.connection) return false;
    if (kind >= nameKind.authority && kind <= pseudoMax) {
      if (regular || kind === nameKind.status || (seen & (1 << kind)) !== 0) return false;
      if (kind === nameKind.path && value === '') return false;
      seen |= 1 << kind;
    } else {
      regular = true;
      if (kind === nameKind.te && value !== 'trailers') return false;
    }
  }
  return has(seen, nameKind.method) && has(seen, nameKind.path) && has(seen, nameKind.scheme);
}

function has(seen: number, kind: NameKind): boolean {
  return (seen & (1 << kind)) !== 0;
}

/** Whether this block may answer: `:status` first, and no other pseudo-header. */
export function isResponse(block: HeaderBlock): boolean {
  if (block.fields[0]?.kind !== nameKind.status) return false;
  for (let i = 1; i < block.fields.length; i++) if (!isPlain(block.fields[i]?.kind ?? nameKind.malformed)) return false;
  return true;
}

/** Trailers hold no pseudo-header at all. */
export function isTrailers(block: HeaderBlock): boolean {
  for (const { kind } of block.fields) if (!isPlain(kind)) return false;
  return true;
}

function isPlain(kind: NameKind): boolean {
  return (kind === nameKind.other || kind > pseudoMax) && kind < nameKind.connection;
}

/** What `content-length` says: -1 without one, undefined when it is no number or says two things. */
export function contentLength(block: HeaderBlock): number | undefined {
  let length = -1;
  for (const { kind, value } of block.fields) {
    if (kind !== nameKind.contentLength) continue;
    const said = /^\d{1,15}$/.test(value) ? Number(value) : -1;
    if (said < 0 || (length >= 0 && length !== said)) return undefined;
    length = said;
  }
  return length;
}
