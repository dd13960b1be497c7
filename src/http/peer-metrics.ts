/** etcd's metrics of what passes between members: one series for each peer, by its hex id. */
import type { PeerCount, PeerCounters } from '../base/counters.js';
import type { Histogram } from '../base/histogram.js';
import type { Family, Labels } from './metrics-text.js';

type NumberField = { [Key in keyof PeerCount]: PeerCount[Key] extends number ? Key : never }[keyof PeerCount];
type HistogramField = { [Key in keyof PeerCount]: PeerCount[Key] extends Histogram ? Key : never }[keyof PeerCount];
type Label = 'To' | 'From' | 'Remote';

/** The metric, its type, what labels the peer, the field it is read from, its help. */
const numberRows: readonly (readonly [string, 'counter' | 'gauge', Label, NumberField, string])[] = [
  ['active_peers', 'gauge', 'Remote', 'active', 'The current number of active peer connections.'],
  ['disconnected_peers_total', 'counter', 'Remote', 'disconnected', 'The total number of disconnected peers.'],
  ['peer_sent_bytes_total', 'counter', 'To', 'sentBytes', 'The total number of bytes sent to peers.'],
  ['peer_received_bytes_total', 'counter', 'From', 'receivedBytes', 'The total number of bytes received from peers.'],
  ['peer_sent_failures_total', 'counter', 'To', 'sendFailures', 'The total number of send failures from peers.'],
  ['snapshot_send_success', 'counter', 'To', 'snapshotsSent', 'Total number of successful snapshot sends'],
  ['snapshot_send_failures', 'counter', 'To', 'snapshotsUnsent', 'Total number of snapshot send failures'],
  ['snapshot_send_inflights_total', 'gauge', 'To', 'snapshotsSending', 'Total number of inflight snapshot sends'],
  ['snapshot_receive_success', 'counter', 'From', 'snapshotsReceived', 'Total number of successful snapshot receives'],
  ['snapshot_receive_failures', 'counter', 'From', 'snapshotsUnreceived', 'Total number of snapshot receive failures'],
  [
    'snapshot_receive_inflights_total',
    'gauge',
    'From',
    'snapshotsReceiving',
    'Total number of inflight snapshot receives',
  ],
];

const histogramRows: readonly (readonly [string, Label, HistogramField, string])[] = [
  [
    'snapshot_send_total_duration_seconds',
    'To',
    'snapshotSendSeconds',
    'Total latency distributions of v3 snapshot sends',
  ],
  [
    'snapshot_receive_total_duration_seconds',
    'From',
    'snapshotReceiveSeconds',
    'Total latency distributions of v3 snapshot receives',
  ],
  ['peer_round_trip_time_seconds', 'To', 'roundTripSeconds', 'Round-Trip-Time histogram between peers'],
];

/** A series begins when there is something to count, as in etcd; what can be active is shown from the start. */
export function peerFamilies({ peers, unread }: PeerCounters, local: string): readonly Family[] {
  const labels = (label: Label, id: string): Labels =>
    label === 'Remote' ? { Local: local, Remote: id } : { [label]: id };
  const numbers = numberRows.map(
    ([name, type, label, field, help]): Family => ({
      name: `etcd_network_${name}`,
      help,
      type,
      *samples() {
        for (const [id, count] of peers)
          if (count[field] > 0 || (field === 'active' && count.seen)) yield [labels(label, id), count[field]];
      },
    }),
  );
  const histograms = histogramRows.map(
    ([name, label, field, help]): Family => ({
      name: `etcd_network_${name}`,
      help,
      type: 'histogram',
      *samples() {
        for (const [id, count] of peers) if (count[field].count > 0) yield [labels(label, id), count[field]];
      },
    }),
  );
  const failures: Family = {
    name: 'etcd_network_peer_received_failures_total',
    help: 'The total number of receive failures from peers.',
    type: 'counter',
    *samples() {
      for (const [address, count] of unread) yield [{ From: address }, count];
    },
  };
  return [...numbers, ...histograms, failures];
}
