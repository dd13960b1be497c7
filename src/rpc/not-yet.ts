/** Methods of etcd that this version does not have. They answer `Unimplemented`, and the text says that they are to come. */
import type { Method } from '../wire/grpc/service.js';
import { notYet } from './answers.js';

const paths = [
  ...[
    'AuthEnable',
    'AuthDisable',
    'AuthStatus',
    'Authenticate',
    'UserAdd',
    'UserGet',
    'UserList',
    'UserDelete',
    'UserChangePassword',
    'UserGrantRole',
    'UserRevokeRole',
    'RoleAdd',
    'RoleGet',
    'RoleList',
    'RoleDelete',
    'RoleGrantPermission',
    'RoleRevokePermission',
  ].map((name) => `/etcdserverpb.Auth/${name}`),
];

const method: Method = { kind: 'unary', message: (call) => notYet(call) };

export const notYetMethods: readonly [string, Method][] = paths.map((path) => [path, method]);
