/**
 * A server that only sends attackers away: what a flood costs the machine when it is somebody else who is flooded.
 * Each connection is told GOAWAY when its first bytes come, as a server would that needs no time to find out.
 */
import { createServer } from 'node:net';
import { errorCode, frameType } from '../../dist/wire/http2/protocol.js';
import { rawFrame, uint32Bytes } from '../../dist/wire/http2/raw-frames.js';

const goAway = rawFrame(
  frameType.goAway,
  0,
  0,
  Buffer.concat([uint32Bytes(0), uint32Bytes(errorCode.enhanceYourCalm)]),
);

const server = createServer((socket) => {
  socket.on('error', () => {});
  socket.once('data', () => socket.end(goAway));
  socket.on('data', () => {});
});
server.listen(0, '127.0.0.1', () => process.send(server.address().port));
process.on('disconnect', () => process.exit());
