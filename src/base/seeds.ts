import { Random } from './random.js';

/**
 * Runs `body` with `count` seeded random sources. A failure names its seed: call `forSeed(seed, body)` to see it alone.
 * Seeds are 1..count, the same every time, so a green test stays green and a red one can be replayed.
 */
export function forSeeds(count: number, body: (random: Random) => void): void {
  for (let seed = 1; seed <= count; seed++) forSeed(seed, body);
}

export function forSeed(seed: number, body: (random: Random) => void): void {
  try {
    body(new Random(seed));
  } catch (cause) {
    throw new Error(`seed ${seed}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}
