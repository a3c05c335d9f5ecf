/** Every target: what is measured, how it comes from the figures, and what it must keep to. A table, no branches. */

import { added, cpu, flag, megabytes, p50, p99, rate, ratio } from './derive.mjs';
import { HTTP_TARGETS } from './http-targets.mjs';

const peakMb = ({ peakKb }) => megabytes(peakKb);

const SIZES = ['300 B', '10 KB', '1 MB'];
const PACED = ['100,000 messages/s of 300 B', '100 MB/s of 10 KB', '100 MB/s of 1 MB'];
const BURSTS = SIZES.map((size) => `burst of 32 MB of ${size}`);
const SLOWED = SIZES.map((size) => `--lossless, saturated, ${size}`);

/** Runs that must lose nothing. */
export const LOSSLESS_RUNS = [...PACED, ...BURSTS, ...SLOWED];

/** Groups in the order in which they are shown; each row is [what, unit, 'max' or 'min', limit, value of the figures]. */
export const TARGETS = [
  {
    group: 'Round trip, against the bare relay',
    rows: [
      ['added p50, pinned, 300 B', '×', 'max', 1.2, added('rtt pinned 300 B')],
      ['added p50, pinned, 10 KB', '×', 'max', 1.4, added('rtt pinned 10 KB')],
      ['p99, pinned, 300 B', '×', 'max', 2, ratio('rtt pinned 300 B', p99)],
      ['p99, pinned, 10 KB', '×', 'max', 2, ratio('rtt pinned 10 KB', p99)],
      ['p50, free, 1 MB', '×', 'max', 1.3, ratio('rtt free 1 MB', p50)],
    ],
  },
  {
    group: 'Saturated traffic (64 in flight), against the bare relay',
    rows: [
      ['pinned, 300 B', '×', 'min', 0.45, ratio('flow pinned 300 B', rate)],
      ['pinned, 10 KB', '×', 'min', 0.5, ratio('flow pinned 10 KB', rate)],
      ['pinned, 1 MB', '×', 'min', 0.5, ratio('flow pinned 1 MB', rate)],
      ['free, 300 B', '×', 'min', 0.8, ratio('flow free 300 B', rate)],
      ['free, 10 KB', '×', 'min', 0.6, ratio('flow free 10 KB', rate)],
      ['free, 1 MB', '×', 'min', 0.85, ratio('flow free 1 MB', rate)],
      ['lost copies not counted, 300 B', '%', 'max', 1, uncounted('300 B')],
      ['lost copies not counted, 10 KB', '%', 'max', 1, uncounted('10 KB')],
      ['lost copies not counted, 1 MB', '%', 'max', 1, uncounted('1 MB')],
      ['sessions with losses but no gap in the recording', '', 'max', 0, unmarked],
    ],
  },
  {
    group: 'Lossless capture: copies, events, frames, operations and spans lost',
    rows: [
      ...PACED.flatMap((run) => [
        [run, '', 'max', 0, lost(run)],
        [`${run}: the pace held`, '%', 'min', 99, pace(run)],
      ]),
      ...[...BURSTS, ...SLOWED].map((run) => [run, '', 'max', 0, lost(run)]),
    ],
  },
  {
    group: 'CPU of the relay process per round trip',
    rows: [
      ['saturated, pinned, 300 B', 'µs', 'max', 13, cpu('flow pinned 300 B')],
      ['saturated, pinned, 10 KB', 'µs', 'max', 120, cpu('flow pinned 10 KB')],
      ['saturated, pinned, 1 MB', 'µs', 'max', 12_000, cpu('flow pinned 1 MB')],
      ['at the fixed rate, 300 B', 'µs', 'max', 13, allCpu('100,000 messages/s of 300 B')],
      ['at the fixed rate, 10 KB', 'µs', 'max', 120, allCpu('100 MB/s of 10 KB')],
      ['at the fixed rate, 1 MB', 'µs', 'max', 12_000, allCpu('100 MB/s of 1 MB')],
    ],
  },
  {
    group: 'Memory of the relay process (RSS)',
    rows: [
      ['idle', 'MB', 'max', 75, (f) => f.median('idle', 'sidelight', ({ idleKb }) => megabytes(idleKb))],
      ['peak under load (the largest of the saturated runs)', 'MB', 'max', 180, peakUnderLoad],
      ['added while 200 MB wait behind a slow client', 'MB', 'max', 60, addedWhileWaiting],
      [
        'peak when these 200 MB then pass at once',
        'MB',
        'max',
        180,
        (f) => flag(f.of('slow client').map(peakMb)),
      ],
      ['added while a 50 MB line passes', 'MB', 'max', 60, addedPeak('long line')],
    ],
  },
  {
    group: 'Start and exit',
    rows: [
      [
        'first answer later than direct',
        'ms',
        'max',
        95,
        (f) => f.rounds('start', (s, _, d) => s.startMs - d.startMs),
      ],
      [
        'exit after the server’s',
        'ms',
        'max',
        150,
        (f) => f.median('start', 'sidelight', ({ exitMs }) => exitMs),
      ],
      ['the same, worst', 'ms', 'max', 150, (f) => f.worst('start', 'sidelight', ({ exitMs }) => exitMs)],
      [
        'exit while the receiver hangs',
        'ms',
        'max',
        2000,
        (f) => f.worst('receiver hangs', 'sidelight', ({ exitMs }) => exitMs),
      ],
      ['exit right after saturated traffic, worst', 'ms', 'max', 2000, exitAfterLoad],
    ],
  },
  ...HTTP_TARGETS,
];

/** From the first request until everything has settled, so that work which lags behind counts too. */
function allCpu(run) {
  return (f) => f.median(run, 'sidelight', ({ allCpuMs, allCalls }) => (allCpuMs * 1e3) / allCalls);
}

/** Of the bytes that passed, those that are neither in the recording nor counted as dropped, or counted twice. */
function uncounted(size) {
  return (f) => {
    const runs = ['pinned', 'free'].flatMap((mode) => f.of(`flow ${mode} ${size}`));
    return flag(
      runs.map(({ passedBytes, left: { session } }) => {
        const known = session.bytes + session.frames + session.dropped_bytes;
        return Math.abs(1 - known / passedBytes) * 100;
      }),
    );
  };
}

function saturated(f) {
  return ['pinned', 'free'].flatMap((mode) => SIZES.flatMap((size) => f.of(`flow ${mode} ${size}`)));
}

function unmarked(f) {
  return flag(saturated(f).map(({ left }) => Number(left.session.dropped_chunks > 0 && left.gaps === 0)));
}

function peakUnderLoad(f) {
  return flag(saturated(f).map(peakMb));
}

function exitAfterLoad(f) {
  return flag(saturated(f).map(({ exitMs }) => exitMs));
}

function addedWhileWaiting(f) {
  return f.worst('slow client', 'sidelight', ({ stalledKb, idleKb }) => megabytes(stalledKb - idleKb));
}

function addedPeak(run) {
  return (f) => f.worst(run, 'sidelight', ({ peakKb, idleKb }) => megabytes(peakKb - idleKb));
}

/** Beside the calls: the three messages of the handshake, and start, end of input and exit; `initialize`; the session's span. */
const HANDSHAKE_FRAMES = 3;
const LIFECYCLE_FRAMES = 3;

/** What each output says that it lost, or shows by what is missing in it. */
export function losses({ passedFrames, allCalls, left: { session, operations, spans, dropped, gaps } }) {
  return {
    'chunks in the recording': session.dropped_chunks,
    'events in the recording': session.dropped_events,
    ...dropped,
    'the end of the session': Number(session.ended_at === null),
    frames: passedFrames + HANDSHAKE_FRAMES + LIFECYCLE_FRAMES - (session.frames - gaps),
    operations: allCalls + 1 - operations,
    spans: allCalls + 2 - spans,
  };
}

function lost(run) {
  return (f) => f.worst(run, 'sidelight', (result) => Math.max(0, ...Object.values(losses(result))));
}

/** Of the calls that were due, those that were answered in time; the driver goes on until it has made all of them. */
function pace(run) {
  return (f) => f.median(run, 'sidelight', ({ calls, seconds, rate: due }) => (calls / seconds / due) * 100);
}
