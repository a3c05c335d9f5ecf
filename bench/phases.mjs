/**
 * What is run: each phase is a list of runs, and a run is one driver against each of its systems in turn, so that
 * whatever else the machine does meets all of them alike. Names of runs are what targets refer to.
 */

const ALL = ['direct', 'bare', 'sidelight'];
const RELAYS = ['bare', 'sidelight'];
const ONLY_US = ['sidelight'];

export const SIZES = [
  { size: '300 B', bytes: 300 },
  { size: '10 KB', bytes: 10_000 },
  { size: '1 MB', bytes: 1_000_000 },
];
export const MODES = ['pinned', 'free'];

const FLOOD_BYTES = 32_000_000;
const WAITING_BYTES = 200_000_000;
const LONG_LINE_BYTES = 50_000_000;
/** Before a load, for what is loaded after the first bytes; start-up is measured for itself. */
const LOADED_MS = 1000;
/** After a load, for the last scrape to see all of it. */
const SETTLE_MS = 2500;

/** Of an answer over HTTP: sized JSON, or a chunked stream of one event. */
export const FORMS = ['json', 'sse'];
const HTTP_KINDS = [
  // One at a time is told by one core, see docs/performance.md; 50 connections by all there are.
  { kind: 'alone', mode: 'pinned' },
  { kind: 'together', mode: 'free' },
];
const STREAMS = 5000;
/** Before an RSS of a process with many streams is read. */
const QUIET_MS = 2000;

/** `once`: not once per round. `drive`: the driver's options; `server`: the server's arguments. */
export function phases({ seconds, warmup, pacedSeconds, starts, http }) {
  return {
    speed: MODES.flatMap((mode) =>
      SIZES.flatMap(({ size, bytes }) =>
        ['rtt', 'flow'].map((kind) => ({
          name: `${kind} ${mode} ${size}`,
          systems: ALL,
          mode,
          kind,
          drive: { bytes, seconds, warmup, idle: LOADED_MS },
          server: [bytes],
        })),
      ),
    ),
    start: Array.from({ length: starts }, () => ({
      name: 'start',
      systems: ALL,
      kind: 'flow',
      drive: { bytes: 300, warmup: 0, calls: 50, rate: 200 },
      server: [300],
    })),
    memory: [
      {
        name: 'idle',
        systems: RELAYS,
        kind: 'rtt',
        drive: { bytes: 300, warmup: 0, calls: 20, idle: 3000 },
        server: [300],
      },
      flood('slow client', RELAYS, WAITING_BYTES, 10_000, { idle: 2000, stall: 3000 }),
      flood('long line', RELAYS, LONG_LINE_BYTES, LONG_LINE_BYTES, { idle: 2000, settle: SETTLE_MS }),
    ].map((run) => ({ ...run, once: true })),
    capture: [
      paced('100,000 messages/s of 300 B', 300, 50_000, pacedSeconds),
      paced('100 MB/s of 10 KB', 10_000, 5000, pacedSeconds),
      paced('100 MB/s of 1 MB', 1_000_000, 50, pacedSeconds),
      ...SIZES.map(({ size, bytes }) =>
        flood(`burst of 32 MB of ${size}`, ONLY_US, FLOOD_BYTES, bytes, {
          idle: LOADED_MS,
          settle: SETTLE_MS,
        }),
      ),
      ...SIZES.map(({ size, bytes }) => ({
        name: `--lossless, saturated, ${size}`,
        systems: ONLY_US,
        kind: 'flow',
        drive: { bytes, seconds, warmup, idle: LOADED_MS, settle: SETTLE_MS },
        server: [bytes],
        flags: ['--lossless'],
      })),
    ].map((run) => ({ ...run, once: true })),
    hang: [
      {
        name: 'receiver hangs',
        once: true,
        systems: ONLY_US,
        kind: 'flow',
        drive: { bytes: 300, warmup: 0, calls: 200, rate: 200 },
        server: [300],
        hang: true,
      },
    ],
    'http-speed': SIZES.flatMap(({ size, bytes }) =>
      FORMS.flatMap((form) =>
        HTTP_KINDS.map(({ kind, mode }) => ({
          name: `http ${kind} ${form} ${size}`,
          protocol: 'http',
          systems: ALL,
          mode,
          kind,
          drive: { bytes, ...http },
          server: [bytes, form],
        })),
      ),
    ),
    'http-streams': [
      {
        name: 'http streams',
        protocol: 'http',
        once: true,
        systems: ALL,
        kind: 'streams',
        drive: { bytes: 300, warmup: http.warmup, idle: QUIET_MS, streams: STREAMS },
        server: [300, 'sse'],
      },
    ],
  };
}

/** Requests at a rate; both directions count, so that a round trip is two messages. */
function paced(name, bytes, rate, seconds) {
  const drive = {
    bytes,
    idle: LOADED_MS,
    rate,
    warmup: 0,
    calls: rate * seconds,
    seconds: 3 * seconds,
    inflight: 100_000,
    settle: SETTLE_MS,
  };
  return { name, systems: RELAYS, kind: 'flow', drive, server: [bytes] };
}

/** One request, answered after so many bytes of notifications. */
function flood(name, systems, total, bytes, drive) {
  const messages = Math.ceil(total / bytes);
  return {
    name,
    systems,
    kind: 'flow',
    drive: { bytes: 300, warmup: 0, seconds: 20, calls: 1, lines: messages + 1, ...drive },
    server: [300, messages, bytes],
  };
}
