/** The targets of the HTTP mode, as those of targets.mjs: a table, no branches. */
import { added, cpu, flag, p99, rate, ratio } from './derive.mjs';

const FORMS = ['json', 'sse'];
const SIZES = ['300 B', '10 KB', '1 MB'];
const SMALL = ['300 B', '10 KB'];
const AT_LEAST = { '300 B': 0.7, '10 KB': 0.7, '1 MB': 0.95 };
const STREAMS = 'http streams';

/** Of one idle GET stream, in kB, and how many milliseconds a broadcast takes until the last stream has it. */
export const perStreamKb = ({ openKb, beforeKb, streams }) => ((openKb - beforeKb) * 1.024) / streams;
export const broadcastMs = ({ broadcastMs: all }) =>
  all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)];
export const worstBroadcastMs = ({ broadcastMs: all }) => Math.max(...all);

const rows = (sizes, row) => FORMS.flatMap((form) => sizes.map((size) => row(form, size)));

export const HTTP_TARGETS = [
  {
    group: 'HTTP round trip, one at a time, against the bare relay',
    rows: [
      ...rows(SMALL, (form, size) => [
        `added p50, ${form}, ${size}`,
        '×',
        'max',
        1.4,
        added(`http alone ${form} ${size}`),
      ]),
      ...rows(SMALL, (form, size) => [
        `p99, ${form}, ${size}`,
        '×',
        'max',
        2,
        ratio(`http alone ${form} ${size}`, p99),
      ]),
    ],
  },
  {
    group: 'HTTP, 50 connections, requests per second against the bare relay',
    rows: [
      ...rows(SIZES, (form, size) => [
        `${form}, ${size}`,
        '×',
        'min',
        AT_LEAST[size],
        ratio(`http together ${form} ${size}`, rate),
      ]),
      ...SIZES.map((size) => [`lost copies not counted, ${size}`, '%', 'max', 1, uncounted(size)]),
    ],
  },
  {
    group: 'CPU of the relay process per HTTP request',
    rows: [
      ...rows(SMALL, (form, size) => [
        `50 connections, ${form}, ${size}`,
        'µs',
        'max',
        140,
        cpu(`http together ${form} ${size}`),
      ]),
      ...rows(SMALL, (form, size) => [
        `one at a time, ${form}, ${size}`,
        'µs',
        'max',
        140,
        cpu(`http alone ${form} ${size}`),
      ]),
    ],
  },
  {
    group: 'Idle GET streams (5,000)',
    rows: [
      ['RSS of each', 'kB', 'max', 30, (f) => f.worst(STREAMS, 'sidelight', perStreamKb)],
      [
        'an event to all of them, median of 5',
        'ms',
        'max',
        250,
        (f) => f.median(STREAMS, 'sidelight', broadcastMs),
      ],
      ['the same, worst', 'ms', 'max', 250, (f) => f.worst(STREAMS, 'sidelight', worstBroadcastMs)],
      [
        'left at the relay after they were closed',
        '',
        'max',
        0,
        (f) => f.worst(STREAMS, 'sidelight', ({ leftAtCommand }) => leftAtCommand),
      ],
      [
        'left at the server',
        '',
        'max',
        0,
        (f) => f.worst(STREAMS, 'sidelight', ({ leftAtServer }) => leftAtServer),
      ],
    ],
  },
];

/**
 * Of the bytes of bodies that passed, those that are neither in the recording nor counted as dropped, or counted twice.
 * What makes an event of a message may be counted or not.
 */
function uncounted(size) {
  return (f) => {
    const runs = FORMS.flatMap((form) =>
      ['alone', 'together'].flatMap((kind) => f.of(`http ${kind} ${form} ${size}`)),
    );
    return flag(
      runs.map(({ bodyBytes, framingBytes, left: { all } }) => {
        const known = all.bytes + all.dropped_bytes;
        const least = bodyBytes - framingBytes;
        return Math.max(0, 1 - known / least, known / bodyBytes - 1) * 100;
      }),
    );
  };
}
