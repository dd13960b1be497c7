/** How long requests take, by their kind, in etcd's names of the kinds: histograms found without a look-up by name. */
import { type RequestField, requestField } from '../apply/request-field.js';
import type { Done } from '../base/counters.js';
import type { Histogram, HistogramsBy } from '../base/histogram.js';

const kinds: Readonly<Record<RequestField, string>> = {
  [requestField.range]: 'Range',
  [requestField.put]: 'Put',
  [requestField.deleteRange]: 'DeleteRange',
  [requestField.txn]: 'Txn',
  [requestField.compaction]: 'Compaction',
  [requestField.leaseGrant]: 'LeaseGrant',
  [requestField.leaseRevoke]: 'LeaseRevoke',
  [requestField.alarm]: 'Alarm',
  [requestField.leaseCheckpoint]: 'LeaseCheckpoint',
  [requestField.clusterVersionSet]: 'ClusterVersionSet',
  [requestField.clusterMemberAttrSet]: 'ClusterMemberAttrSet',
  [requestField.downgradeInfoSet]: 'DowngradeInfoSet',
};
const kindOf: Readonly<Record<number, string>> = kinds;

export function kindName(field: number): string {
  return kindOf[field] ?? 'unknown';
}

/** Fields below 16, and those above 1300, have a place each; whatever else there may be shares the first. */
function placeOf(field: number): number {
  if (field < 16) return field;
  return field >= 1300 && field < 1316 ? field - 1300 + 16 : 0;
}

const places = 32;

export class KindSeconds {
  readonly #by: HistogramsBy<Done>;
  readonly #done: (Histogram | undefined)[] = new Array(places).fill(undefined);
  readonly #failed: (Histogram | undefined)[] = new Array(places).fill(undefined);

  constructor(by: HistogramsBy<Done>) {
    this.#by = by;
  }

  observe(field: number, success: boolean, seconds: number): void {
    const row = success ? this.#done : this.#failed;
    const place = placeOf(field);
    let histogram = row[place];
    if (histogram === undefined) {
      histogram = this.#by.of(`${kindName(field)} ${success}`);
      row[place] = histogram;
    }
    histogram.observe(seconds);
  }
}
