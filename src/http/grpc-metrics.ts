/** The `grpc_server_*` metrics: all methods with all status codes, from 0 on, so that a rate never starts from nothing. */
import { type Counters, MethodCounters } from '../base/counters.js';
import type { Method, Services } from '../wire/grpc/service.js';
import type { Family, Labels, Sample } from './metrics-text.js';

const types: Readonly<Record<Method['kind'], MethodCounters['type']>> = {
  unary: 'unary',
  serverStream: 'server_stream',
  clientStream: 'client_stream',
  bidi: 'bidi_stream',
};

/** Counters for every method the server has, for its gRPC side to count in. */
export function countMethods(counters: Counters, services: Services): ReadonlyMap<string, MethodCounters> {
  const byPath = new Map<string, MethodCounters>();
  for (const [path, method] of services) {
    const counted = new MethodCounters(path, types[method.kind]);
    counters.methods.push(counted);
    byPath.set(path, counted);
  }
  return byPath;
}

/** By number. */
const codeNames = [
  'OK',
  'Canceled',
  'Unknown',
  'InvalidArgument',
  'DeadlineExceeded',
  'NotFound',
  'AlreadyExists',
  'PermissionDenied',
  'ResourceExhausted',
  'FailedPrecondition',
  'Aborted',
  'OutOfRange',
  'Unimplemented',
  'Internal',
  'Unavailable',
  'DataLoss',
  'Unauthenticated',
];

function labelsOf(method: MethodCounters): Labels {
  const [, service = '', name = ''] = method.path.split('/');
  return { grpc_method: name, grpc_service: service, grpc_type: method.type };
}

export function grpcFamilies(methods: readonly MethodCounters[], extensive: boolean): readonly Family[] {
  const counter = (name: string, help: string, value: (method: MethodCounters) => number): Family => ({
    name,
    help,
    type: 'counter',
    samples: () => methods.map((method): Sample => [labelsOf(method), value(method)]),
  });
  const families: Family[] = [
    counter('grpc_server_started_total', 'Total number of RPCs started on the server.', (method) => method.started),
    counter(
      'grpc_server_msg_received_total',
      'Total number of RPC stream messages received on the server.',
      (method) => method.received,
    ),
    counter(
      'grpc_server_msg_sent_total',
      'Total number of gRPC stream messages sent by the server.',
      (method) => method.sent,
    ),
    {
      name: 'grpc_server_handled_total',
      help: 'Total number of RPCs completed on the server, regardless of success or failure.',
      type: 'counter',
      samples: () => methods.flatMap(handledSamples),
    },
  ];
  if (!extensive) return families;
  families.push({
    name: 'grpc_server_handling_seconds',
    help: 'Histogram of response latency (seconds) of gRPC that had been application-level handled by the server.',
    type: 'histogram',
    samples: () => methods.map((method) => [labelsOf(method), method.handlingSeconds] as const),
  });
  return families;
}

function handledSamples(method: MethodCounters): readonly Sample[] {
  const labels = labelsOf(method);
  return codeNames.map((code, i): Sample => [{ ...labels, grpc_code: code }, method.handled[i] as number]);
}
