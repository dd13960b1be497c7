/**
 * JSON as Go writes it, with 64-bit integers as plain numbers.
 *
 * JavaScript's own numbers end at 2^53, so ids go out from bigint and come back as decimal text.
 */
export type JsonOut =
  | string
  | number
  | boolean
  | bigint
  | null
  | undefined
  | readonly JsonOut[]
  | { readonly [key: string]: JsonOut };

const isList = (value: readonly JsonOut[] | { readonly [key: string]: JsonOut }): value is readonly JsonOut[] =>
  Array.isArray(value);

/** `json.Marshal`: keys in the order given, undefined members left out, `<>&` and two line ends escaped. */
export function jsonText(value: JsonOut): string {
  if (typeof value === 'string') return jsonString(value);
  if (typeof value === 'bigint') return value.toString();
  if (value === null || typeof value !== 'object') return value === undefined ? 'null' : JSON.stringify(value);
  if (isList(value)) return `[${value.map(jsonText).join(',')}]`;
  const members: string[] = [];
  for (const [key, member] of Object.entries(value)) {
    if (member !== undefined) members.push(`${jsonString(key)}:${jsonText(member)}`);
  }
  return `{${members.join(',')}}`;
}

function jsonString(text: string): string {
  return JSON.stringify(text).replace(/[<>&\u2028\u2029]/g, (char) => {
    return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

const digitsUnsafe = 16;
const stringOrLongInteger = new RegExp(`"(?:[^"\\\\]|\\\\.)*"|-?\\d{${digitsUnsafe},}`, 'g');

/** Parses; integers of 16 digits and more come as decimal text. Undefined when it is not JSON. */
export function parseJson(text: string): unknown {
  const quoted = text.replace(stringOrLongInteger, (token) => (token.startsWith('"') ? token : `"${token}"`));
  try {
    return JSON.parse(quoted);
  } catch {
    return undefined;
  }
}
