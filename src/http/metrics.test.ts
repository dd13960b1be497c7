// Proves: metrics print as Go's client prints them, and every name has the type etcd gives it.
import { equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import { Counters, MethodCounters } from '../base/counters.js';
import { Histogram } from '../base/histogram.js';
import { etcdFamilies, type Identity } from './etcd-metrics.js';
import { goFloat, metricsText } from './metrics-text.js';

test("numbers print as Go's shortest form", () => {
  const cases: readonly (readonly [number, string])[] = [
    [0, '0'],
    [0.001, '0.001'],
    [123456, '123456'],
    [1234567, '1.234567e+06'],
    [1e6, '1e+06'],
    [4e-5, '4e-05'],
    [0.0001, '0.0001'],
    [-1, '-1'],
    [2147483648, '2.147483648e+09'],
    [1795263067.18, '1.79526306718e+09'],
    [2 ** 64, '1.8446744073709552e+19'],
    [Number.POSITIVE_INFINITY, '+Inf'],
  ];
  for (const [value, text] of cases) equal(goFloat(value), text);
});

test('a histogram is cumulative, its bounds are inclusive', () => {
  const histogram = new Histogram([0.1, 0.2]);
  for (const value of [0.1, 0.15, 5]) histogram.observe(value);
  const text = metricsText([
    { name: 'h', help: 'Help.', type: 'histogram', samples: () => [[{ a: 'x"y' }, histogram]] },
  ]);
  equal(
    text,
    [
      '# HELP h Help.',
      '# TYPE h histogram',
      'h_bucket{a="x\\"y",le="0.1"} 1',
      'h_bucket{a="x\\"y",le="0.2"} 2',
      'h_bucket{a="x\\"y",le="+Inf"} 3',
      'h_sum{a="x\\"y"} 5.25',
      'h_count{a="x\\"y"} 3',
      '',
    ].join('\n'),
  );
});

const identity: Identity = {
  memberId: '96bb8698f482fc24',
  clusterVersion: () => '3.7.0',
  knownPeers: () => ['96bb8698f482fc24'],
  alarms: () => [],
  features: () => [['FastLeaseKeepAlive', 'BETA', true]],
};

test("a member's counters stand under etcd's names", () => {
  const counters = new Counters();
  counters.mvcc.puts = 7;
  counters.disk.walFsyncSeconds.observe(0.003);
  counters.server.requestSeconds.of('Put true').observe(0.002);
  counters.server.quotaBackendBytes = 2147483648;
  const put = new MethodCounters('/etcdserverpb.KV/Put', 'unary');
  put.handled[0] = 3;
  counters.methods.push(put);
  const text = metricsText(etcdFamilies(counters, identity, false));
  const lines = [
    'etcd_mvcc_put_total 7',
    'etcd_disk_wal_fsync_duration_seconds_bucket{le="0.004"} 1',
    'etcd_disk_wal_fsync_duration_seconds_bucket{le="8.192"} 1',
    'etcd_server_request_duration_seconds_bucket{success="true",type="Put",le="0.002"} 1',
    'etcd_server_quota_backend_bytes 2.147483648e+09',
    'etcd_cluster_version{cluster_version="3.7"} 1',
    'etcd_network_known_peers{Local="96bb8698f482fc24",Remote="96bb8698f482fc24"} 1',
    'grpc_server_handled_total{grpc_code="OK",grpc_method="Put",grpc_service="etcdserverpb.KV",grpc_type="unary"} 3',
    'grpc_server_handled_total{grpc_code="DataLoss",grpc_method="Put",grpc_service="etcdserverpb.KV",grpc_type="unary"} 0',
    '# TYPE etcd_disk_wal_write_bytes_total gauge',
    '# TYPE etcd_debugging_mvcc_keys_total gauge',
    '# TYPE etcd_server_proposals_committed_total gauge',
  ];
  const all = new Set(text.split('\n'));
  for (const line of lines) equal(all.has(line), true, line);
  equal(text.includes('grpc_server_handling_seconds'), false);
  match(metricsText(etcdFamilies(counters, identity, true)), /^grpc_server_handling_seconds_bucket/m);
});
