/**
 * The log lines by which tools follow a member's life: they wait for the words, so these are etcd's, in etcd's order.
 *
 *     opened backend db -> starting | restarting local member -> bootstrap successfully -> kvstore restored
 *     -> starting etcd server -> now serving peer/client/metrics -> serving peer traffic -> ... -> ready to serve client requests
 *     -> serving client traffic ... -> closing etcd server -> closed etcd server
 */
import { idToHex } from '../base/ids.js';
import type { Fields, Log } from '../base/log.js';
import { apiVersion } from '../base/version.js';
import type { RecoveredLog } from '../member/assembly.js';
import type { ListenPlace } from './listen-place.js';
import type { Identity } from './storage.js';

export interface MemberUrls {
  readonly dataDir: string;
  readonly advertisePeerUrls: readonly string[];
  readonly listenPeerUrls: readonly string[];
  readonly advertiseClientUrls: readonly string[];
  readonly listenClientUrls: readonly string[];
  readonly listenMetricsUrls: readonly string[];
}

export type Traffic = 'grpc+http' | 'grpc' | 'http';

export class Milestones {
  constructor(
    readonly log: Log,
    readonly name: string,
    readonly urls: MemberUrls,
  ) {}

  /** Log and values are open; nothing of them has been applied. */
  opened({ memberId, clusterId }: Identity, { entries, hardState, snapshot }: RecoveredLog, forced: boolean): void {
    const ids = { 'cluster-id': idToHex(clusterId), 'local-member-id': idToHex(memberId) };
    if (entries.length === 0 && hardState === undefined && snapshot.index === 0) {
      this.log.info('starting local member', ids);
    } else {
      const commit = hardState?.commit ?? snapshot.index;
      this.log.info(forced ? 'forcing restart member' : 'restarting local member', { ...ids, 'commit-index': commit });
    }
    this.log.info('bootstrap successfully');
  }

  restored({ memberId }: Identity, revision: number, clusterVersion: string | undefined): void {
    const { log, urls } = this;
    log.info('kvstore restored', { 'current-rev': revision });
    log.info('starting etcd server', {
      'local-member-id': idToHex(memberId),
      'local-server-version': apiVersion,
      'cluster-version': clusterVersion?.replace(/\.\d+$/, '') ?? 'to_be_decided',
    });
    log.info('now serving peer/client/metrics', {
      'local-member-id': idToHex(memberId),
      'initial-advertise-peer-urls': urls.advertisePeerUrls,
      'listen-peer-urls': urls.listenPeerUrls,
      'advertise-client-urls': urls.advertiseClientUrls,
      'listen-client-urls': urls.listenClientUrls,
      'listen-metrics-urls': urls.listenMetricsUrls,
    });
    for (const address of urls.listenMetricsUrls) log.info('serving metrics', { address });
  }

  servingPeers(places: readonly ListenPlace[]): void {
    for (const place of places) this.log.info('serving peer traffic', { address: addressOf(place) });
  }

  ready(): void {
    this.log.info('ready to serve client requests');
  }

  servingClients(places: readonly ListenPlace[], traffic: Traffic): void {
    for (const place of places) {
      const address = addressOf(place);
      this.log.info('serving client traffic insecurely; this is strongly discouraged!', { traffic, address });
    }
  }

  closing(): void {
    this.log.info('closing etcd server', this.#ends());
  }

  closed(): void {
    this.log.info('closed etcd server', this.#ends());
  }

  #ends(): Fields {
    const { dataDir, advertisePeerUrls, advertiseClientUrls } = this.urls;
    return {
      name: this.name,
      'data-dir': dataDir,
      'advertise-peer-urls': advertisePeerUrls,
      'advertise-client-urls': advertiseClientUrls,
    };
  }
}

function addressOf({ host, port, path }: ListenPlace): string {
  if (path !== '') return path;
  return `${host.includes(':') || host === '' ? `[${host === '' ? '::' : host}]` : host}:${port}`;
}
