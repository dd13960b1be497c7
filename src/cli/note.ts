import type { Fields, Level } from '../base/log.js';

/** A log line that is due once the logger is set up; what reads options is pure and logs nothing itself. */
export type Note = { readonly level: Level; readonly msg: string; readonly fields?: Fields };
