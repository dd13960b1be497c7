/**
 * `node interop/grpc/run.js`: Go's gRPC client plays the same calls against Go's server and against ours, and every
 * outcome, down to the texts of errors, must be the same. Then both get the same frames from hand (`frames.js`).
 * Ends with `grpc: N same, M different` and `frames: N same, M different`.
 */
import { spawn, spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, install, root } from '../../tools/run.js';
import { compareFrames } from './frames.js';

install();
build();
const { createGrpcServer } = await import(join(root, 'dist', 'wire', 'grpc', 'server.js'));
const { grpcCode } = await import(join(root, 'dist', 'wire', 'grpc', 'service.js'));
const { inflaters } = await import(join(root, 'dist', 'io', 'inflate.js'));
const { Listener } = await import(join(root, 'dist', 'io', 'listener.js'));

/** True if the message asked to be refused, and was. */
function refused(call, said) {
  if (!said.startsWith('fail ')) return false;
  call.fail(grpcCode.notFound, said.slice(5));
  return true;
}

const decoder = new TextDecoder();
const encoder = new TextEncoder();

const unary = {
  kind: 'unary',
  message(call, bytes, start, end) {
    const said = end - start > 100 ? '' : decoder.decode(bytes.subarray(start, end));
    if (said === 'wait' || refused(call, said)) return;
    if (said === 'metadata') call.reply(encoder.encode(`${call.metadata('token')}/${call.metadata('absent') ?? ''}`));
    else call.reply(bytes, start, end);
  },
};

/** A hundred times what was asked, as fast as the client takes it. */
const lines = {
  kind: 'serverStream',
  message(call, bytes, start, end) {
    call.state = { answer: bytes.slice(start, end), left: 100 };
    if (!refused(call, decoder.decode(bytes.subarray(start, Math.min(end, start + 100))))) this.drained(call);
  },
  drained(call) {
    while (call.state.left > 0 && call.writable) {
      call.state.left--;
      call.send(call.state.answer, 0, call.state.answer.length, true);
    }
    if (call.state.left === 0) call.end();
  },
};

/** What is said comes back; a client that does not read is not read. */
const chat = {
  kind: 'bidi',
  message(call, bytes, start, end) {
    if (refused(call, end - start > 100 ? '' : decoder.decode(bytes.subarray(start, end)))) return;
    call.send(bytes, start, end);
    if (!call.writable) call.pause();
  },
  drained: (call) => call.resume(),
  halfClosed: (call) => call.end(),
};

const here = dirname(fileURLToPath(import.meta.url));
const binary = join(here, 'bin', 'grpc');
if (spawnSync('go', ['build', '-o', binary, '.'], { cwd: here, stdio: 'inherit' }).status !== 0) process.exit(1);
const services = new Map([
  ['/test.Echo/Unary', unary],
  ['/test.Echo/Lines', lines],
  ['/test.Echo/Chat', chat],
]);
const listener = new Listener({ grpc: createGrpcServer(services, { inflate: inflaters }) });
const { port } = await listener.listen(`http://127.0.0.1:${process.env.GRPC_PORT ?? 0}`);
const code = await new Promise((resolve) => {
  spawn(binary, ['-target', `127.0.0.1:${port}`], { stdio: 'inherit' }).on('close', resolve);
});

const go = spawn(binary, ['-serve'], { stdio: ['pipe', 'pipe', 'inherit'] });
const goPort = await new Promise((resolve) => {
  go.stdout.once('data', (line) => resolve(Number(String(line).trim().split(':').at(-1))));
});
const { same, different } = await compareFrames(goPort, port);
console.log(`frames: ${same} same, ${different} different`);
go.stdin.end();
await listener.close(0);
process.exit(code === 0 && different === 0 ? 0 : 1);
