/** The status of a database file in the formats of `etcdutl`. */
import { printBytes } from '../base/go-text.js';
import type { DatabaseStatus } from '../io/database-status.js';
import { table } from './table.js';

export function printDatabaseStatus(status: DatabaseStatus, format: string): string {
  const { hash, revision, totalKeys, totalBytes, version } = status;
  if (format === 'json') {
    return `${JSON.stringify({ hash, revision, totalKey: totalKeys, totalSize: totalBytes, version })}\n`;
  }
  if (format === 'fields') {
    const fields = { Hash: hash, Revision: revision, Keys: totalKeys, Size: totalBytes, Version: version };
    return Object.entries(fields)
      .map(([name, value]) => `"${name}" : ${value}\n`)
      .join('');
  }
  const row = [hash.toString(16), String(revision), String(totalKeys), printBytes(totalBytes), version];
  if (format === 'table') return table(['hash', 'revision', 'total keys', 'total size', 'version'], [row]);
  return `${row.join(', ')}\n`;
}
