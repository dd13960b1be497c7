/** The IPv4 address of the interface that the default route goes through, as Linux tells it; elsewhere undefined. */
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';

const upAndGateway = 0x3;

export function defaultHost(): string | undefined {
  const device = defaultRouteDevice();
  const addresses = device === undefined ? undefined : networkInterfaces()[device];
  return addresses?.find((address) => address.family === 'IPv4')?.address;
}

function defaultRouteDevice(): string | undefined {
  let table: string;
  try {
    table = readFileSync('/proc/net/route', 'utf8');
  } catch {
    return undefined;
  }
  for (const line of table.split('\n').slice(1)) {
    const [device, destination, , flags] = line.split('\t');
    const isUp = (Number.parseInt(flags ?? '0', 16) & upAndGateway) === upAndGateway;
    if (destination === '00000000' && isUp) return device;
  }
  return undefined;
}
