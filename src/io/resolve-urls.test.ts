// Proves: names in URLs become addresses, each asked for once, and again for as long as it is not there.
import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { parsed, refused } from '../base/go-text.js';
import { silentLog } from '../base/log.js';
import { resolverFor } from './resolve-urls.js';

const urls = ['http://a:1', 'http://a:2', 'https://b:1', 'http://localhost:1', 'http://10.0.0.9:1', 'unix://c:1'];

test('names, addresses and sockets', async () => {
  const asked: string[] = [];
  let misses = 2;
  const resolve = await resolverFor(urls, {
    log: silentLog,
    retryMs: 1,
    async find(host) {
      asked.push(host);
      if (host === 'b' && misses-- > 0) throw new Error('not yet');
      return host === 'a' ? '10.0.0.1' : 'fd00::1';
    },
  });
  deepEqual(asked, ['a', 'b', 'b', 'b']);
  deepEqual(resolve(urls), parsed(['http://10.0.0.1:1', 'http://10.0.0.1:2', 'https://[fd00::1]:1', ...urls.slice(3)]));
});

test('a name that is not there', async () => {
  const find = () => Promise.reject(new Error('ENOTFOUND'));
  const resolve = await resolverFor(urls, { log: silentLog, waitMs: 5, retryMs: 1, find });
  deepEqual(resolve(['http://10.0.0.9:1']), parsed(['http://10.0.0.9:1']));
  deepEqual(resolve(urls), refused('failed to resolve "http://a:1" (lookup a: no such host)'));
});
