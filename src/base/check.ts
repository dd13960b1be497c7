/**
 * A broken rule of our own is a bug: it throws, and the process stops before it can do harm.
 * What a caller may get wrong is never a `check`; that is a returned refusal.
 */
export class BrokenInvariant extends Error {
  override readonly name = 'BrokenInvariant';
}

/** Throws `BrokenInvariant` naming `rule` unless `holds`. The rule says what must be true, and why. */
export function check(holds: boolean, rule: string): asserts holds {
  if (!holds) throw new BrokenInvariant(rule);
}

/** For the end of an exhaustive `switch` whose value came from bytes: the compiler proves it is never reached. */
export function unreachable(value: never): never {
  throw new BrokenInvariant(`no such case: ${String(value)}`);
}
