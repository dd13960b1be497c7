/**
 * What the services of a member share: the header of its answers, one buffer to write them into, and how a refusal goes out.
 *
 * The buffer is handed to the transport, which copies it, before anybody else writes: one answer at a time.
 */
import { answerBytesMax } from '../apply/outcome.js';
import { noMember } from '../base/ids.js';
import type { MemberFront } from '../member/front.js';
import { type ErrorName, errors } from '../wire/errors.js';
import { type Call, grpcCode } from '../wire/grpc/service.js';
import { ResponseHeader } from '../wire/messages/response-header.js';
import { type DecodeFailure, unaryRefusal } from '../wire/proto/failure.js';
import { Writer } from '../wire/proto/writer.js';

/** Above this the buffer is let go after use, so that one big answer does not stay in memory for good. */
const keptBytesMax = 1 << 20;

export class Answers {
  readonly front: MemberFront;
  readonly header: ResponseHeader;
  #writer = new Writer(4096);

  constructor(front: MemberFront) {
    this.front = front;
    this.header = new ResponseHeader(front.clusterId, front.memberId);
  }

  /** An empty buffer, and the header set to `revision` and the current term. */
  begin(revision: number): Writer {
    if (this.#writer.bytes.length > keptBytesMax) this.#writer = new Writer(4096);
    this.#writer.reset();
    this.header.revision = revision;
    this.header.term = this.front.term;
    return this.#writer;
  }

  /** An answer that is a header alone. */
  headerOnly(call: Call, revision: number): void {
    const writer = this.begin(revision);
    this.header.write(writer);
    call.reply(writer.bytes, 0, writer.at);
  }

  /** What a call must meet before its request is looked at; true when it was refused. */
  turnedAway(call: Call): boolean {
    if (this.front.leader === noMember && call.metadata('hasleader') === 'true') {
      refuse(call, 'noLeader');
      return true;
    }
    return false;
  }
}

export function refuse(call: Call, name: ErrorName): void {
  const { code, text } = errors[name];
  call.fail(code, text);
}

export function refuseMalformed(call: Call, failure: DecodeFailure): void {
  const { code, text } = unaryRefusal(failure);
  call.fail(code, text);
}

/** In grpc-go's words. */
export function refuseTooLarge(call: Call, bytes: number): void {
  const text = `grpc: trying to send message larger than max (${bytes} vs. ${answerBytesMax})`;
  call.fail(grpcCode.resourceExhausted, text);
}

/** A method that a later version brings. It says so, instead of grpc's word for a method that never was. */
export function notYet(call: Call): void {
  call.fail(
    grpcCode.unimplemented,
    `${call.path.slice(1).replace('/', '.')} is not supported yet by this version of quorate`,
  );
}
