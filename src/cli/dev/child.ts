/**
 * The process of one member of `quorate dev`: the program `quorate`, which stops in order when whoever started it is gone.
 * It knows by its channel to it: that closes with the process, however that ends.
 */
import { main } from '../quorate.js';
import { startConfigured } from '../start-member.js';

process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'));
// Everything was loaded before anybody listened.
if (process.connected) await main(['quorate', ...process.argv.slice(2)], startConfigured);
