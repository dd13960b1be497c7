/** Field numbers of `etcdserverpb.InternalRaftRequest`: which request an entry carries. */
export const requestField = {
  range: 3,
  put: 4,
  deleteRange: 5,
  txn: 6,
  compaction: 7,
  leaseGrant: 8,
  leaseRevoke: 9,
  alarm: 10,
  leaseCheckpoint: 11,
  clusterVersionSet: 1300,
  clusterMemberAttrSet: 1301,
  downgradeInfoSet: 1302,
} as const;
export type RequestField = (typeof requestField)[keyof typeof requestField];
