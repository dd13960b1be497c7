/**
 * Quorate inside a Node program.
 *
 *     import { startMember } from 'quorate';
 *     const member = await startMember({ dir: 'memory' }); // or a data directory
 *     // any etcd client: member.clientUrl
 *     await member.close();
 */
export type { Log } from './base/log.js';
export { type EmbeddedMember, type EmbedOptions, startMember } from './io/embed.js';
export type { MemberOptions } from './member/options.js';
