/** Where a peer's URL points, for sockets and for node:http; and which of several URLs is used. */
import { type ListenPlace, listenPlace } from '../listen-place.js';

export interface PeerPlace extends ListenPlace {
  readonly url: string;
  readonly secure: boolean;
  /** For the `Host` header. */
  readonly authority: string;
}

export function peerPlace(url: string): PeerPlace {
  const place = listenPlace(url);
  const authority = url.replace(/^[a-z]+:\/\//, '').replace(/\/.*$/, '');
  return { ...place, url, secure: /^(https|unixs):/.test(url), authority };
}

/** One URL is used until it fails, then the next. */
export class UrlPicker {
  #places: readonly PeerPlace[];
  #picked = 0;

  constructor(urls: readonly string[]) {
    this.#places = urls.map(peerPlace);
  }

  get places(): readonly PeerPlace[] {
    return this.#places;
  }

  update(urls: readonly string[]): void {
    this.#places = urls.map(peerPlace);
    this.#picked = 0;
  }

  pick(): PeerPlace | undefined {
    return this.#places[this.#picked];
  }

  unreachable(place: PeerPlace | undefined): void {
    if (place !== undefined && place === this.pick()) this.#picked = (this.#picked + 1) % this.#places.length;
  }
}
