/** The peer port of a simulated member: the production handlers, as `io/endpoints.ts` puts them together. */
import { utf8 } from '../base/bytes.js';
import { silentLog } from '../base/log.js';
import { versionRoute } from '../http/client-port.js';
import { hashKvHandler } from '../http/hash-kv-peers.js';
import { leasePeerRoutes } from '../http/lease-peers.js';
import type { Handler } from '../http/message.js';
import { peerRoutes } from '../http/peer-port.js';
import { router } from '../http/router.js';
import type { Assembled } from '../member/assembly.js';
import type { PeerAnswer, PeerRequest } from '../member/peers.js';
import type { MemberServices } from '../rpc/services.js';

export class SimPeerPort {
  readonly #handler: Handler;

  constructor({ member, members, reconfiguration, storageVersion }: Assembled, { desk, hashing }: MemberServices) {
    const { clusterId } = member;
    this.#handler = router(
      new Map([
        versionRoute({ versions: () => ({ cluster: members.version, storage: storageVersion.current }) }),
        ['/members/hashkv', hashKvHandler({ clusterId, hashing, log: silentLog })],
        ...leasePeerRoutes({ desk, catchUp: member }),
        ...peerRoutes({
          clusterId,
          log: silentLog,
          members: () => members.list(),
          promote: (id, token, waiter) => reconfiguration.promote(id, token, waiter),
          readIndex: (waiter) => member.readIndex(waiter),
          downgradeEnabled: () => members.downgrade.enabled,
        }),
      ]),
    );
  }

  serve({ method, path, headers, body }: PeerRequest, answer: (answer: PeerAnswer) => void): void {
    const request = { method, path, query: '', host: '', headers, body, secure: false };
    this.#handler(request, (response) => {
      const { status } = response;
      answer({ status, body: typeof response.body === 'string' ? utf8(response.body) : response.body });
    });
  }
}
