/** `mvccpb.Event`: what a watcher is told. Encoded once and shared by all who watch the key. */
import type { Bytes } from '../../base/bytes.js';
import { bytesFieldSize, Writer } from '../proto/writer.js';
import { KeyValue } from './key-value.js';

/** `kv` and `prevKv` are encoded key-values. */
export function encodePutEvent(kv: Bytes, prevKv: Bytes | undefined): Bytes {
  const size = bytesFieldSize(kv.length) + (prevKv === undefined ? 0 : bytesFieldSize(prevKv.length));
  const to = new Writer(size);
  to.bytesField(0x12, kv, 0, kv.length);
  if (prevKv !== undefined) to.bytesField(0x1a, prevKv, 0, prevKv.length);
  return to.bytes.length === to.at ? to.bytes : to.copy();
}

const deleted = new KeyValue();

/** A deletion names the key and the revision that deleted it, and no more. */
export function encodeDeleteEvent(key: Bytes, modRevision: number, prevKv: Bytes | undefined): Bytes {
  deleted.setKey(key, 0, key.length);
  deleted.modRevision = modRevision;
  const to = new Writer(32 + key.length + (prevKv === undefined ? 0 : bytesFieldSize(prevKv.length)));
  to.byte(0x08);
  to.byte(1);
  to.byte(0x12);
  to.varint(deleted.sizeBytes());
  deleted.write(to);
  if (prevKv !== undefined) to.bytesField(0x1a, prevKv, 0, prevKv.length);
  return to.copy();
}
