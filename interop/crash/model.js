/**
 * What one writer knows of its keys and leases: a state, which is never changed in place, and changes that make the next one.
 *
 *     change = { puts: [{ key, value, lease }], deletes: [key], grant: id, revoke: id }
 *
 * All of a change comes true at once, at one revision, or nothing of it does.
 */
export const emptyState = { keys: new Map(), leases: new Set() };

/** The state after a change. `revision` is undefined while nobody has said at which revision it came true. */
export function changed({ keys, leases }, { puts = [], deletes = [], grant, revoke }, revision) {
  const next = { keys: new Map(keys), leases: new Set(leases) };
  for (const { key, value, lease = 0n } of puts) {
    const old = keys.get(key);
    const version = (old?.version ?? 0n) + 1n;
    next.keys.set(key, {
      value,
      lease,
      version,
      modRevision: revision,
      createRevision: old?.createRevision ?? revision,
    });
  }
  for (const key of deletes) next.keys.delete(key);
  if (grant !== undefined) next.leases.add(grant);
  if (revoke !== undefined) {
    next.leases.delete(revoke);
    for (const [key, { lease }] of keys) if (lease === revoke) next.keys.delete(key);
  }
  return next;
}

/** The first difference between what is expected and what was found, in words; undefined when there is none. */
export function difference(expected, found) {
  for (const [key, { value, ...numbers }] of expected.keys) {
    const other = found.keys.get(key);
    if (other === undefined) return `${key} is gone, was ${short(value)} at ${numbers.modRevision}`;
    if (other.value !== value) return `${key} is ${short(other.value)}, not ${short(value)}`;
    for (const [name, number] of Object.entries(numbers)) {
      if (number !== undefined && other[name] !== number) return `${key}: ${name} is ${other[name]}, not ${number}`;
    }
  }
  for (const key of found.keys.keys()) if (!expected.keys.has(key)) return `${key} is there, was deleted`;
  for (const id of expected.leases) if (!found.leases.has(id)) return `lease ${id} is gone`;
  for (const id of found.leases) if (!expected.leases.has(id)) return `lease ${id} is there, was revoked`;
  return undefined;
}

/** Values begin with who wrote them and when; the rest is filling. */
const short = (value) => value.slice(0, value.indexOf(' '));
