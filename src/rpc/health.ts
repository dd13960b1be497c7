/** `grpc.health.v1.Health`: whether the server as a whole serves; of single services it knows nothing. */
import { create, toBinary } from '@bufbuild/protobuf';
import type { Bytes } from '../base/bytes.js';
import type { Log } from '../base/log.js';
import {
  HealthCheckRequestSchema,
  HealthCheckResponseSchema,
  HealthCheckResponse_ServingStatus as Status,
} from '../gen/grpc/health/v1/health_pb.js';
import { errors } from '../wire/errors.js';
import type { Call, Method } from '../wire/grpc/service.js';
import { decodeGenerated } from '../wire/messages/generated.js';
import { decodeFailure, unaryRefusal } from '../wire/proto/failure.js';
import type { DefragListener } from './maintenance.js';

function encode(status: Status): Bytes {
  return toBinary(HealthCheckResponseSchema, create(HealthCheckResponseSchema, { status }));
}

/** The name of the service that was asked for; "" is the server. Undefined when the bytes are no request. */
function serviceOf(bytes: Bytes, start: number, end: number): string | undefined {
  const decoded = decodeGenerated(HealthCheckRequestSchema, bytes, start, end);
  return decoded.ok ? decoded.message.service : undefined;
}

export class Health implements DefragListener {
  readonly #log: Log;
  readonly #stopsOnDefrag: boolean;
  readonly #watchers = new Set<Call>();
  #isServing = true;

  /** `stopsOnDefrag`: etcd's gate StopGRPCServiceOnDefrag. */
  constructor(log: Log, stopsOnDefrag: boolean) {
    this.#log = log;
    this.#stopsOnDefrag = stopsOnDefrag;
    this.#tell();
  }

  get isServing(): boolean {
    return this.#isServing;
  }

  defragBegan(): void {
    if (this.#stopsOnDefrag) this.#setServing(false, 'defrag is active');
  }

  defragEnded(): void {
    this.#setServing(true);
  }

  /** Those who watch are told of the change. */
  #setServing(isServing: boolean, reason?: string): void {
    if (isServing === this.#isServing) return;
    this.#isServing = isServing;
    this.#tell(reason);
    const status = this.#status();
    for (const call of this.#watchers) call.send(status);
  }

  #tell(reason?: string): void {
    const fields = { service: '', status: this.#isServing ? 'SERVING' : 'NOT_SERVING', reason };
    if (this.#isServing) this.#log.info('grpc service status changed', fields);
    else this.#log.warn('grpc service status changed', fields);
  }

  methods(): [string, Method][] {
    return [
      ['/grpc.health.v1.Health/Check', this.#checkMethod()],
      ['/grpc.health.v1.Health/Watch', this.#watchMethod()],
    ];
  }

  #status(): Bytes {
    return encode(this.#isServing ? Status.SERVING : Status.NOT_SERVING);
  }

  #checkMethod(): Method {
    return {
      kind: 'unary',
      message: (call, bytes, start, end) => {
        const service = serviceOf(bytes, start, end);
        if (service === '') call.reply(this.#status());
        else if (service === undefined) refuseMalformed(call);
        else call.fail(errors.unknownHealthService.code, errors.unknownHealthService.text);
      },
    };
  }

  /** The stream stays open, also for a service that nobody knows: it might come one day. */
  #watchMethod(): Method {
    return {
      kind: 'serverStream',
      message: (call, bytes, start, end) => {
        const service = serviceOf(bytes, start, end);
        if (service === undefined) {
          refuseMalformed(call);
        } else if (service === '') {
          this.#watchers.add(call);
          call.send(this.#status());
        } else {
          call.send(encode(Status.SERVICE_UNKNOWN));
        }
      },
      canceled: (call) => this.#watchers.delete(call),
    };
  }
}

function refuseMalformed(call: Call): void {
  const { code, text } = unaryRefusal(decodeFailure.malformed);
  call.fail(code, text);
}
