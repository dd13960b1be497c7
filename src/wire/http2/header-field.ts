/**
 * Header fields, and the table of those that HPACK knows from the start. Source: RFC 7541, appendix A.
 *
 * Names and values are text with one character a byte (Latin-1), as HTTP means them.
 */

/** What a name means to us, so that a request's fields are told apart by a number. */
export const nameKind = {
  other: 0,
  authority: 1,
  method: 2,
  path: 3,
  scheme: 4,
  status: 5,
  contentType: 6,
  te: 7,
  grpcTimeout: 8,
  grpcEncoding: 9,
  contentLength: 10,
  host: 11,
  grpcStatus: 12,
  grpcMessage: 13,
  /** Names that HTTP/2 forbids: `connection` and its kin (RFC 9113, 8.2.2). */
  connection: 14,
  /** Not a name at all, upper case, or a pseudo-header nobody knows. */
  malformed: 15,
} as const;
export type NameKind = (typeof nameKind)[keyof typeof nameKind];

const kinds = new Map<string, NameKind>([
  [':authority', nameKind.authority],
  [':method', nameKind.method],
  [':path', nameKind.path],
  [':scheme', nameKind.scheme],
  [':status', nameKind.status],
  ['content-type', nameKind.contentType],
  ['te', nameKind.te],
  ['grpc-timeout', nameKind.grpcTimeout],
  ['grpc-encoding', nameKind.grpcEncoding],
  ['content-length', nameKind.contentLength],
  ['host', nameKind.host],
  ['grpc-status', nameKind.grpcStatus],
  ['grpc-message', nameKind.grpcMessage],
  ['connection', nameKind.connection],
  ['proxy-connection', nameKind.connection],
  ['keep-alive', nameKind.connection],
  ['transfer-encoding', nameKind.connection],
  ['upgrade', nameKind.connection],
]);

const token = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const forbiddenInValue = /[\0\r\n]/;

function kindOf(name: string, value: string): NameKind {
  if (forbiddenInValue.test(value)) return nameKind.malformed;
  const known = kinds.get(name);
  if (known !== undefined) return known;
  return token.test(name) ? nameKind.other : nameKind.malformed;
}

/** What a field costs in a table or a list, over its text. Source: RFC 7541, 4.1. */
export const fieldOverheadBytes = 32;

export class HeaderField {
  readonly kind: NameKind;
  readonly sizeBytes: number;

  constructor(
    readonly name: string,
    readonly value: string,
  ) {
    this.kind = kindOf(name, value);
    this.sizeBytes = name.length + value.length + fieldOverheadBytes;
  }
}

const staticFields: readonly (readonly [string, string])[] = [
  [':authority', ''],
  [':method', 'GET'],
  [':method', 'POST'],
  [':path', '/'],
  [':path', '/index.html'],
  [':scheme', 'http'],
  [':scheme', 'https'],
  [':status', '200'],
  [':status', '204'],
  [':status', '206'],
  [':status', '304'],
  [':status', '400'],
  [':status', '404'],
  [':status', '500'],
  ['accept-charset', ''],
  ['accept-encoding', 'gzip, deflate'],
  ['accept-language', ''],
  ['accept-ranges', ''],
  ['accept', ''],
  ['access-control-allow-origin', ''],
  ['age', ''],
  ['allow', ''],
  ['authorization', ''],
  ['cache-control', ''],
  ['content-disposition', ''],
  ['content-encoding', ''],
  ['content-language', ''],
  ['content-length', ''],
  ['content-location', ''],
  ['content-range', ''],
  ['content-type', ''],
  ['cookie', ''],
  ['date', ''],
  ['etag', ''],
  ['expect', ''],
  ['expires', ''],
  ['from', ''],
  ['host', ''],
  ['if-match', ''],
  ['if-modified-since', ''],
  ['if-none-match', ''],
  ['if-range', ''],
  ['if-unmodified-since', ''],
  ['last-modified', ''],
  ['link', ''],
  ['location', ''],
  ['max-forwards', ''],
  ['proxy-authenticate', ''],
  ['proxy-authorization', ''],
  ['range', ''],
  ['referer', ''],
  ['refresh', ''],
  ['retry-after', ''],
  ['server', ''],
  ['set-cookie', ''],
  ['strict-transport-security', ''],
  ['transfer-encoding', ''],
  ['user-agent', ''],
  ['vary', ''],
  ['via', ''],
  ['www-authenticate', ''],
];

/** By HPACK's index, which begins at 1. */
export const staticTable: readonly (HeaderField | undefined)[] = [
  undefined,
  ...staticFields.map(([name, value]) => new HeaderField(name, value)),
];
export const staticCount = staticFields.length;

/** The first index of a name, and the index of a whole field under `name\0value`. */
export const staticIndex: ReadonlyMap<string, number> = new Map(
  // Later pairs win, so the list runs backwards to keep the first index of a name.
  [...staticFields.entries()].reverse().flatMap(([at, [name, value]]) => [
    [`${name}\0${value}`, at + 1],
    [name, at + 1],
  ]),
);
