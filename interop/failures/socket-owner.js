/** Which of our own processes holds the other end of a loopback connection. Linux only: it is read from /proc. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** The pid, or undefined. */
export function ownerOf({ remotePort, localPort }, pids) {
  const inode = inodeOf(remotePort, localPort);
  if (inode === undefined) return undefined;
  return pids.find((pid) => holds(pid, `socket:[${inode}]`));
}

/** A line of /proc/net/tcp: `sl: local:port remote:port state queues timer retransmits uid timeout inode ...`, addresses in hex. */
function inodeOf(localPort, remotePort) {
  const place = `${endOf(localPort)} ${endOf(remotePort)} `;
  const line = readFileSync('/proc/net/tcp', 'latin1')
    .split('\n')
    .find((each) => each.includes(place));
  return line?.trim().split(/\s+/)[9];
}

const endOf = (port) => `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;

function holds(pid, wanted) {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => linkOf(pid, fd) === wanted);
  } catch {
    return false;
  }
}

function linkOf(pid, fd) {
  try {
    return readlinkSync(`/proc/${pid}/fd/${fd}`);
  } catch {
    return '';
  }
}
