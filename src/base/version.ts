/** Versions: what this is, and what it answers as. */

/** The etcd version whose API this is; clients and peers decide by it what they may ask. */
export const apiVersion = '3.7.1';
/** Of a cluster whose members all are of this version. */
export const clusterVersion = '3.7.0';
/** Lowest cluster version that a member of this version can join. */
export const minClusterVersion = '3.0.0';
export const productVersion = '0.1.0';
