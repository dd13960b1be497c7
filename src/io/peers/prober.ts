/** Asks a peer for a sign of life every few seconds: how far away it is, and whether its clock is ours. */
import { performance } from 'node:perf_hooks';
import { text } from '../../base/bytes.js';
import type { PeerCount } from '../../base/counters.js';
import { printDuration } from '../../base/go-text.js';
import { idToHex, type MemberId } from '../../base/ids.js';
import { parseJson } from '../../base/json.js';
import type { HttpAnswer, PeerHttp } from './peer-http.js';
import { type PeerSetup, readTimeoutMs } from './peer-setup.js';
import type { UrlPicker } from './peer-url.js';

/** Shorter than the read timeout, or the connection would be closed in between. Source: etcd `proberInterval`. */
const probeEveryMs = readTimeoutMs - 1000;
/** The result is looked at so often; sooner at first, and while it is bad. */
const lookEveryMs = 30_000;
const lookSoonMs = 5000;
const driftMsMax = 1000;
/** How much of the smoothed round trip the newest one makes up. */
const newestShare = 0.125;

export type RoundTripper = 'ROUND_TRIPPER_RAFT_MESSAGE' | 'ROUND_TRIPPER_SNAPSHOT';

export class Prober {
  readonly #setup: PeerSetup;
  readonly #http: PeerHttp;
  readonly #picker: UrlPicker;
  readonly #name: RoundTripper;
  readonly #id: MemberId;
  readonly #count: PeerCount;
  readonly #probes: NodeJS.Timeout;
  #look: NodeJS.Timeout;
  #healthy = false;
  #error = '';
  #roundTripMs = 0;
  #driftMs = 0;
  #giveUp: () => void = () => {};

  constructor(
    setup: PeerSetup,
    http: PeerHttp,
    picker: UrlPicker,
    peer: { readonly id: MemberId; readonly count: PeerCount },
    name: RoundTripper,
  ) {
    this.#setup = setup;
    this.#http = http;
    this.#picker = picker;
    this.#name = name;
    this.#id = peer.id;
    this.#count = peer.count;
    this.#probes = setInterval(() => this.#probe(), probeEveryMs);
    this.#look = setTimeout(() => this.#lookAt(), lookSoonMs);
  }

  stop(): void {
    clearInterval(this.#probes);
    clearTimeout(this.#look);
    this.#giveUp();
  }

  #probe(): void {
    const place = this.#picker.pick();
    if (place === undefined) return;
    this.#giveUp();
    const sentMs = performance.now();
    const ask = {
      method: 'GET',
      path: '/raft/probing',
      headers: {},
      body: undefined,
      timeoutMs: probeEveryMs,
    } as const;
    this.#giveUp = this.#http.ask(place, ask, (answer) => this.#answered(answer, performance.now() - sentMs));
  }

  #answered(answer: HttpAnswer, tookMs: number): void {
    const serverMs = answer.ok ? timeOf(text(answer.body)) : undefined;
    this.#healthy = serverMs !== undefined;
    if (serverMs === undefined) {
      this.#error = answer.ok ? `unexpected answer to a probe: ${answer.status}` : answer.why;
      return;
    }
    this.#error = '';
    this.#roundTripMs = this.#roundTripMs * (1 - newestShare) + tookMs * newestShare;
    this.#driftMs = Date.now() - serverMs - tookMs / 2;
  }

  #lookAt(): void {
    const { log } = this.#setup;
    const named = { 'round-tripper-name': this.#name, 'remote-peer-id': idToHex(this.#id) };
    const measured = { rtt: printDuration(this.#roundTripMs), error: this.#error || undefined };
    if (!this.#healthy) log.warn('prober detected unhealthy status', { ...named, ...measured });
    if (Math.abs(this.#driftMs) > driftMsMax) {
      const drift = printDuration(this.#driftMs);
      log.warn('prober found high clock drift', { ...named, 'clock-drift': drift, ...measured });
    }
    this.#count.roundTripSeconds.observe(this.#roundTripMs / 1000);
    this.#look = setTimeout(() => this.#lookAt(), this.#healthy ? lookEveryMs : lookSoonMs);
  }
}

/** The sender's clock in a good answer. */
function timeOf(body: string): number | undefined {
  try {
    const health = parseJson(body);
    if (typeof health !== 'object' || health === null || !('OK' in health) || health.OK !== true) return undefined;
    const ms = 'Now' in health ? Date.parse(String(health.Now)) : Number.NaN;
    return Number.isNaN(ms) ? undefined : ms;
  } catch {
    return undefined;
  }
}
