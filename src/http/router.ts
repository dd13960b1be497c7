/** From a path to its handler, with Go's `ServeMux` rules for what is not quite a path. */
import {
  errorResponse,
  type Handler,
  type HttpRequest,
  type HttpResponse,
  methodNotAllowed,
  notFound,
} from './message.js';

/** Exact paths; one that ends with a slash also stands for all below it that have no handler of their own. */
export type Routes = ReadonlyMap<string, Handler>;

export function router(routes: Routes): Handler {
  return (request, respond) => {
    const clean = cleanPath(request.path);
    if (clean !== request.path && request.method !== 'CONNECT') return respond(redirect(request, clean));
    const handler = routes.get(request.path) ?? routes.get(subtreeOf(request.path));
    if (handler === undefined) return respond(notFound);
    handler(request, respond);
  };
}

const subtreeOf = (path: string) => path.slice(0, path.lastIndexOf('/') + 1);

/** Refuses all methods but GET, HEAD too, as etcd does. */
export function onlyGet(handler: Handler): Handler {
  return (request, respond) => (request.method === 'GET' ? handler(request, respond) : respond(methodNotAllowed));
}

/** Without `.`, `..` and doubled slashes; a slash at the end stays. */
function cleanPath(path: string): string {
  if (path === '') return '/';
  const names: string[] = [];
  for (const name of path.split('/')) {
    if (name === '..') names.pop();
    else if (name !== '' && name !== '.') names.push(name);
  }
  const slash = path.endsWith('/') && names.length > 0 ? '/' : '';
  return `/${names.join('/')}${slash}`;
}

function redirect(request: HttpRequest, path: string): HttpResponse {
  const location = encodeURI(path) + (request.query === '' ? '' : `?${request.query}`);
  const headers = { Location: location, 'Content-Type': 'text/html; charset=utf-8' };
  const shown = location
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&#34;');
  const body = request.method === 'GET' ? `<a href="${shown}">Temporary Redirect</a>.\n\n` : '';
  return { status: 307, headers, body };
}

/** For a path that cannot be read at all. */
export const badRequest: HttpResponse = errorResponse(400, '400 Bad Request');
