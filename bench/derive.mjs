/** What targets of both protocols are derived with: functions of a result, and functions of all figures. */

export const p50 = ({ p50Us }) => p50Us;
export const p99 = ({ p99Us }) => p99Us;
/** Round trips per second. */
export const rate = ({ calls, seconds }) => calls / seconds;
/** Microseconds per round trip. */
export const cpuUs = ({ cpuMs, calls }) => (cpuMs * 1e3) / calls;

export const megabytes = (kib) => (kib * 1024) / 1e6;
/** The worst of them; undefined when there are none. */
export const flag = (values) => (values.length === 0 ? undefined : Math.max(...values));

/** What the system adds to the round trip of direct, as a ratio of what the bare relay adds. */
export function added(run) {
  return (f) => f.rounds(run, (ours, bare, direct) => (p50(ours) - p50(direct)) / (p50(bare) - p50(direct)));
}

export function ratio(run, value) {
  return (f) => f.rounds(run, (ours, bare) => value(ours) / value(bare));
}

export function cpu(run) {
  return (f) => f.median(run, 'sidelight', cpuUs);
}
