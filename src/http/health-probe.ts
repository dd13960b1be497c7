/** What the health endpoints ask of the member. */

/** `etcdserverpb.AlarmType`, by number. */
const alarmNames = ['NONE', 'NOSPACE', 'CORRUPT'];

export function alarmName(alarm: number): string {
  return alarmNames[alarm] ?? String(alarm);
}

export interface HealthProbe {
  /** The alarms raised by any member, as numbers of `AlarmType`. */
  alarms(): readonly number[];
  hasLeader(): boolean;
  isLearner(): boolean;
  /** Reads one key, as a client would, within the request timeout. Calls `done` once, with the error's text or nothing. */
  read(consistency: 'serializable' | 'linearizable', done: (error: string | undefined) => void): void;
}
