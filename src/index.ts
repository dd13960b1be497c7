/**
 * Quorate inside a Node program.
 *
 *     import { startMember } from 'quorate';
 *     await using member = await startMember({ dir: 'memory' });
 *     // any etcd client: member.clientUrl
 */
export { type EmbeddedMember, type EmbedOptions, startMember } from './io/embed.js';
