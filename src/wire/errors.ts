/**
 * Every refusal a client can see, said once: the gRPC code as it appears on the wire, and the exact text.
 *
 * Source: etcd's `rpctypes/error.go` and what its server makes of it. `notEnoughStarted` and `tooManyRequests` have codes
 * of their own in that file, but etcd maps them to an error type without a status, so that clients see code 2.
 * Lock and Election answer every server error with code 2 and the bare text: see `bareError`.
 */
import { type GrpcCode, grpcCode } from './grpc/service.js';

export type ApiError = { readonly code: GrpcCode; readonly text: string };

const { canceled, unknown, invalidArgument, deadlineExceeded, notFound, permissionDenied } = grpcCode;
const { resourceExhausted, failedPrecondition, outOfRange, unimplemented, unavailable, dataLoss } = grpcCode;
const { unauthenticated } = grpcCode;

export const errors = {
  // Keys, values, transactions.
  emptyKey: { code: invalidArgument, text: 'etcdserver: key is not provided' },
  keyNotFound: { code: invalidArgument, text: 'etcdserver: key not found' },
  valueProvided: { code: invalidArgument, text: 'etcdserver: value is provided' },
  leaseProvided: { code: invalidArgument, text: 'etcdserver: lease is provided' },
  tooManyOps: { code: invalidArgument, text: 'etcdserver: too many operations in txn request' },
  duplicateKey: { code: invalidArgument, text: 'etcdserver: duplicate key given in txn request' },
  invalidClientApiVersion: { code: invalidArgument, text: 'etcdserver: invalid client api version' },
  invalidSortOption: { code: invalidArgument, text: 'etcdserver: invalid sort option' },
  compacted: { code: outOfRange, text: 'etcdserver: mvcc: required revision has been compacted' },
  futureRevision: { code: outOfRange, text: 'etcdserver: mvcc: required revision is a future revision' },
  noSpace: { code: resourceExhausted, text: 'etcdserver: mvcc: database space exceeded' },
  rangeStreamSorted: { code: unimplemented, text: 'RangeStream does not support custom sort orders' },
  rangeStreamFiltered: { code: unimplemented, text: 'RangeStream does not support revision filters' },
  rangeStreamOverProxy: { code: unimplemented, text: 'RangeStream is not supported by the gRPC proxy' },

  // Leases.
  leaseNotFound: { code: notFound, text: 'etcdserver: requested lease not found' },
  leaseExists: { code: failedPrecondition, text: 'etcdserver: lease already exists' },
  leaseTtlTooLarge: { code: outOfRange, text: 'etcdserver: too large lease TTL' },
  notPrimaryLessor: { code: unknown, text: 'not a primary lessor' },

  // Watches; the last two are reasons of a canceled watch, never a status.
  watchCanceled: { code: canceled, text: 'etcdserver: watch canceled' },
  watchRangeEmpty: { code: unknown, text: 'mvcc: watcher range is empty' },
  watchIdDuplicate: { code: unknown, text: 'mvcc: duplicate watch ID provided on the WatchStream' },

  // Members.
  memberExists: { code: failedPrecondition, text: 'etcdserver: member ID already exist' },
  peerUrlExists: { code: failedPrecondition, text: 'etcdserver: Peer URLs already exists' },
  notEnoughStarted: { code: unknown, text: 'etcdserver: re-configuration failed due to not enough started members' },
  memberBadUrls: { code: invalidArgument, text: 'etcdserver: given member URLs are invalid' },
  memberNotFound: { code: notFound, text: 'etcdserver: member not found' },
  memberNotLearner: { code: failedPrecondition, text: 'etcdserver: can only promote a learner member' },
  learnerNotReady: {
    code: failedPrecondition,
    text: 'etcdserver: can only promote a learner member which is in sync with leader',
  },
  tooManyLearners: { code: failedPrecondition, text: 'etcdserver: too many learner members in cluster' },
  clusterIdMismatch: { code: failedPrecondition, text: 'etcdserver: cluster ID mismatch' },

  // Load.
  requestTooLarge: { code: invalidArgument, text: 'etcdserver: request is too large' },
  tooManyRequests: { code: unknown, text: 'etcdserver: too many requests' },

  // Users, roles, tokens.
  rootUserMissing: { code: failedPrecondition, text: 'etcdserver: root user does not exist' },
  rootRoleMissing: { code: failedPrecondition, text: 'etcdserver: root user does not have root role' },
  userExists: { code: failedPrecondition, text: 'etcdserver: user name already exists' },
  userEmpty: { code: invalidArgument, text: 'etcdserver: user name is empty' },
  userNotFound: { code: failedPrecondition, text: 'etcdserver: user name not found' },
  roleExists: { code: failedPrecondition, text: 'etcdserver: role name already exists' },
  roleNotFound: { code: failedPrecondition, text: 'etcdserver: role name not found' },
  roleEmpty: { code: invalidArgument, text: 'etcdserver: role name is empty' },
  authFailed: { code: invalidArgument, text: 'etcdserver: authentication failed, invalid user ID or password' },
  permissionNotGiven: { code: invalidArgument, text: 'etcdserver: permission not given' },
  permissionDenied: { code: permissionDenied, text: 'etcdserver: permission denied' },
  roleNotGranted: { code: failedPrecondition, text: 'etcdserver: role is not granted to the user' },
  permissionNotGranted: { code: failedPrecondition, text: 'etcdserver: permission is not granted to the role' },
  authNotEnabled: { code: failedPrecondition, text: 'etcdserver: authentication is not enabled' },
  invalidAuthToken: { code: unauthenticated, text: 'etcdserver: invalid auth token' },
  invalidAuthManagement: { code: invalidArgument, text: 'etcdserver: invalid auth management' },
  authOldRevision: { code: invalidArgument, text: 'etcdserver: revision of auth store is old' },
  noPasswordUser: {
    code: unknown,
    text: 'auth: authentication failed, password was given for no password user',
  },
  passwordTooLong: { code: unknown, text: 'bcrypt: password length exceeds 72 bytes' },
  verifyOnlyKey: { code: unknown, text: 'auth: token signing attempted with verify-only key' },

  // The member and its leader.
  noLeader: { code: unavailable, text: 'etcdserver: no leader' },
  notLeader: { code: failedPrecondition, text: 'etcdserver: not leader' },
  leaderChanged: { code: unavailable, text: 'etcdserver: leader changed' },
  notCapable: { code: failedPrecondition, text: 'etcdserver: not capable' },
  stopped: { code: unavailable, text: 'etcdserver: server stopped' },
  timeout: { code: unavailable, text: 'etcdserver: request timed out' },
  timeoutLeaderFailure: {
    code: unavailable,
    text: 'etcdserver: request timed out, possibly due to previous leader failure',
  },
  timeoutConnectionLost: {
    code: unavailable,
    text: 'etcdserver: request timed out, possibly due to connection lost',
  },
  timeoutAppliedIndex: {
    code: unavailable,
    text: 'etcdserver: request timed out, waiting for the applied index took too long',
  },
  timeoutLeaderTransfer: { code: unknown, text: 'etcdserver: request timed out, leader transfer took too long' },
  unhealthy: { code: unavailable, text: 'etcdserver: unhealthy cluster' },
  corrupt: { code: dataLoss, text: 'etcdserver: corrupt cluster' },
  notSupportedForLearner: { code: failedPrecondition, text: 'etcdserver: rpc not supported for learner' },
  badLeaderTransferee: { code: failedPrecondition, text: 'etcdserver: bad leader transferee' },
  requestCanceled: { code: canceled, text: 'etcdserver: request canceled' },
  requestDeadlineExceeded: { code: deadlineExceeded, text: 'etcdserver: context deadline exceeded' },
  contextCanceled: { code: canceled, text: 'context canceled' },
  contextDeadlineExceeded: { code: deadlineExceeded, text: 'context deadline exceeded' },

  // Maintenance.
  downgradeVersionFormat: { code: invalidArgument, text: 'etcdserver: wrong downgrade target version format' },
  downgradeTargetInvalid: { code: invalidArgument, text: 'etcdserver: invalid downgrade target version' },
  clusterVersionMissing: {
    code: failedPrecondition,
    text: 'etcdserver: cluster version not found during downgrade',
  },
  downgradeInProcess: { code: failedPrecondition, text: 'etcdserver: cluster has a downgrade job in progress' },
  noDowngrade: { code: failedPrecondition, text: 'etcdserver: no inflight downgrade job' },
  unknownMethod: { code: unknown, text: 'etcdserver: unknown method' },
  /** Ours: an unknown alarm action stops a real etcd. */
  unknownAlarmAction: { code: invalidArgument, text: 'etcdserver: unknown alarm action' },
  unknownHealthService: { code: notFound, text: 'unknown service' },

  // Lock and Election.
  sessionExpired: { code: unknown, text: 'mutex: session is expired' },
  electionNotLeader: { code: unknown, text: 'election: not leader' },
  electionNoLeader: { code: unknown, text: 'election: no leader' },
  leaderFieldMissing: { code: unknown, text: '"leader" field must be provided' },
} as const satisfies Record<string, ApiError>;

export type ErrorName = keyof typeof errors;

/** How Lock and Election show a server's refusal: their client inside the server keeps the text and loses the code. */
export function bareError(name: ErrorName): ApiError {
  return { code: unknown, text: errors[name].text };
}

/**
 * The text of a refusal where etcd prints the whole status: reasons of a watch canceled for want of permission.
 * `permissionDenied` -> `rpc error: code = PermissionDenied desc = etcdserver: permission denied`
 */
export function statusText(error: ApiError): string {
  return `rpc error: code = ${codeNames[error.code]} desc = ${error.text}`;
}

/** grpc-go's names of the codes, by number. */
export const codeNames: Readonly<Record<GrpcCode, string>> = {
  0: 'OK',
  1: 'Canceled',
  2: 'Unknown',
  3: 'InvalidArgument',
  4: 'DeadlineExceeded',
  5: 'NotFound',
  6: 'AlreadyExists',
  7: 'PermissionDenied',
  8: 'ResourceExhausted',
  9: 'FailedPrecondition',
  10: 'Aborted',
  11: 'OutOfRange',
  12: 'Unimplemented',
  13: 'Internal',
  14: 'Unavailable',
  15: 'DataLoss',
  16: 'Unauthenticated',
};
