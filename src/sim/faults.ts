/**
 * Faults that can be planted into a simulated member, each one a rule of durability broken: by them the judge itself is judged.
 * They live in the simulated world alone; production code knows nothing of them.
 */
export const faults = [
  /** Batches are reported durable when they are handed over. */
  'reportedBeforeDurable',
  /** A torn end of the log is not cut off: writing goes on behind it. */
  'tornEndKept',
  /** Records of the value store (the applied index among them) reach the disk before the values they speak of. */
  'recordsAhead',
  /** A start does not hear of term, vote and commit index. */
  'hardStateForgotten',
  /** Commits of the value store are reported durable before they are: snapshots are taken, and the log is released, too early. */
  'commitReportedEarly',
  /** The records of leases do not reach the disk. */
  'leasesLost',
  /** Of a commit that was under way, the first half of the changes is kept. */
  'commitTorn',
  /** The log is released up to its end. */
  'releasedTooFar',
  /** The last entry of the log is not read at a start. */
  'lastEntryForgotten',
  /** The member's clock runs at twice its pace. */
  'clockTooFast',
] as const;

/** One that a member which is alone does not notice: a start does not hear for whom it has voted. */
export type Fault = (typeof faults)[number] | 'voteForgotten' | 'none';
