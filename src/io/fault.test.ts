// Proves: refusals of the system are told in Go's words.
import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { faultText } from './fault.js';

const fault = (fields: Partial<NodeJS.ErrnoException> & { address?: string; port?: number }) =>
  faultText(Object.assign(new Error('in the words of Node'), fields));

test('sockets and files', () => {
  const refused = { code: 'ECONNREFUSED', syscall: 'connect' };
  equal(fault({ ...refused, address: '127.0.0.1', port: 1 }), 'dial tcp 127.0.0.1:1: connect: connection refused');
  const each = Object.assign(new Error('x'), { ...refused, address: '127.0.0.1', port: 2 });
  equal(faultText(new AggregateError([each, each])), 'dial tcp 127.0.0.1:2: connect: connection refused');
  equal(fault({ ...refused, address: '::1', port: 1 }), 'dial tcp [::1]:1: connect: connection refused');
  equal(fault({ ...refused, code: 'ENOENT', address: '/x' }), 'dial unix /x: connect: no such file or directory');
  equal(fault({ code: 'ECONNRESET', syscall: 'read' }), 'read: connection reset by peer');
  equal(fault({ code: 'ENOENT', syscall: 'scandir', path: '/x' }), 'open /x: no such file or directory');
  const listen = { code: 'EADDRINUSE', syscall: 'listen', address: '::1', port: 1 };
  equal(fault(listen), 'listen tcp [::1]:1: bind: address already in use');
  equal(fault({ code: 'EODD', syscall: 'read' }), 'in the words of Node');
});
