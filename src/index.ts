/**
 * Quorate inside a Node program.
 *
 *     import { startMember } from 'quorate';
 *     await using member = await startMember({ dir: 'memory' });
 *     // any etcd client: member.clientUrl
 */
export type { Log } from './base/log.js';
export { type EmbeddedMember, type EmbedOptions, startMember } from './io/embed.js';
export type { MemberOptions } from './member/options.js';
