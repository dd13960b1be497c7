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
  const authority = url.replace(/^[a-z]+:\/\//, '').replace(/\/.*$/, '') || 'localhost';
  return { ...place, url, secure: /^(https|unixs):/.test(url), authority };
}

/** The membership may hold any text for a URL: what leads nowhere is left out, and a member without others cannot be reached. */
function placesOf(urls: readonly string[]): readonly PeerPlace[] {
  return urls.flatMap((url) => {
    try {
      return [peerPlace(url)];
    } catch {
      return [];
    }
  });
}

/** One URL is used until it fails, then the next. */
export class UrlPicker {
  #places: readonly PeerPlace[];
  #picked = 0;

  constructor(urls: readonly string[]) {
    this.#places = placesOf(urls);
  }

  get places(): readonly PeerPlace[] {
    return this.#places;
  }

  update(urls: readonly string[]): void {
    this.#places = placesOf(urls);
    this.#picked = 0;
  }

  pick(): PeerPlace | undefined {
    return this.#places[this.#picked];
  }

  unreachable(place: PeerPlace | undefined): void {
    if (place !== undefined && place === this.pick()) this.#picked = (this.#picked + 1) % this.#places.length;
  }
}
