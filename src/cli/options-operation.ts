/** Options of running it: metrics, logs, traces, background duties, and the unsafe ones. */
import { boolean, duration, int, text, uint, uniqueTexts, urls } from './kinds.js';
import { none, option } from './option.js';

export const monitoring = {
  enablePprof: option(
    'enable-pprof',
    false,
    boolean,
    'Read for compatibility: the profiles of the Go run time do not exist here.',
  ),
  metrics: option('metrics', 'basic', text, '"extensive" adds histograms of every gRPC method.'),
  listenMetricsUrls: option(
    'listen-metrics-urls',
    none,
    urls,
    'Where /metrics and the health endpoints are served besides the client URLs.',
  ),
};

export const logging = {
  logger: option('logger', 'zap', text, 'Shape of log lines: "zap" alone.'),
  logOutputs: option(
    'log-outputs',
    ['default'],
    uniqueTexts,
    'Where log lines go: default, stderr, stdout or file paths.',
  ),
  logLevel: option('log-level', 'info', text, 'Least level that is logged: debug, info, warn, error, panic or fatal.'),
  logFormat: option('log-format', 'json', text, 'Form of a log line: json or console.'),
  enableLogRotation: option('enable-log-rotation', false, boolean, 'Rotate the one file that --log-outputs names.'),
  logRotationConfigJson: option(
    'log-rotation-config-json',
    '{"maxsize": 100, "maxage": 0, "maxbackups": 0, "localtime": false, "compress": false}',
    text,
    'When to rotate: MB, days, files kept, local time, compression.',
  ),
  warningApplyDurationMs: option(
    'warning-apply-duration',
    100,
    duration,
    'A request that takes longer to apply is logged.',
  ),
  warningUnaryRequestDurationMs: option(
    'warning-unary-request-duration',
    300,
    duration,
    'A unary request that takes longer is logged.',
  ),
};

export const tracing = {
  enableDistributedTracing: option('enable-distributed-tracing', false, boolean, 'Send OpenTelemetry traces.'),
  distributedTracingAddress: option('distributed-tracing-address', 'localhost:4317', text, 'Where traces are sent.'),
  distributedTracingServiceName: option(
    'distributed-tracing-service-name',
    'etcd',
    text,
    'Service name in traces, the same for all members.',
  ),
  distributedTracingInstanceId: option(
    'distributed-tracing-instance-id',
    '',
    text,
    'Instance in traces, one for each member.',
  ),
  distributedTracingSamplingRate: option('distributed-tracing-sampling-rate', 0, int, 'Traces taken of a million.'),
};

export const features = {
  corruptCheckTimeMs: option(
    'corrupt-check-time',
    0,
    duration,
    'Time between two comparisons of all members; 0 never compares.',
  ),
  compactHashCheckTimeMs: option(
    'compact-hash-check-time',
    60000,
    duration,
    'Time between two comparisons of compaction hashes.',
  ),
  compactionBatchLimit: option(
    'compaction-batch-limit',
    0,
    int,
    'Most revisions that one slice of a compaction drops; 0 means 1000.',
  ),
  compactionSleepIntervalMs: option(
    'compaction-sleep-interval',
    0,
    duration,
    'Rest between two slices of a compaction; 0 means 10ms.',
  ),
  watchProgressNotifyIntervalMs: option(
    'watch-progress-notify-interval',
    0,
    duration,
    'Time between two progress notifications of a watch; 0 means 10m, and the least is 100ms.',
  ),
  downgradeCheckTimeMs: option(
    'downgrade-check-time',
    5000,
    duration,
    'Time between two looks at a running downgrade; 0 never looks.',
  ),
  bootstrapDefragThresholdMegabytes: option(
    'bootstrap-defrag-threshold-megabytes',
    0,
    uint,
    'Defragment at start when that frees at least so much; 0 never does.',
  ),
};

export const unsafe = {
  unsafeNoFsync: option(
    'unsafe-no-fsync',
    false,
    boolean,
    'Do not wait for the disk: a crash loses acknowledged writes.',
  ),
  forceNewCluster: option('force-new-cluster', false, boolean, 'Drop all other members and go on alone.'),
};
