/** The figures as tables: of the targets, and of what they were made of. Markdown that reads well on a terminal too. */
import { cpus, loadavg, release, totalmem } from 'node:os';
import { cpuUs, megabytes, p50, p99, rate } from './derive.mjs';
import { broadcastMs, perStreamKb, worstBroadcastMs } from './http-targets.mjs';
import { FORMS, MODES, SIZES } from './phases.mjs';
import { losses, LOSSLESS_RUNS, TARGETS } from './targets.mjs';

const SYSTEM_NAMES = { direct: 'direct', bare: 'bare relay', sidelight: 'Sidelight' };

/** In the place of a figure that there is none of. */
const NONE = '-';

/** Asked before the first run: a load that was there already is somebody else's. */
export function machineLine() {
  const [cpu] = cpus();
  const memory = Math.round(totalmem() / 1e9);
  const [load = 0] = loadavg();
  return `${cpus().length} cores (${cpu?.model.trim() ?? 'unknown'}), ${memory} GB, Linux ${release()}, Node ${process.version}, load before the first run ${load.toFixed(1)}`;
}

export function report(figures) {
  const sections = {
    Targets: TARGETS.map(({ group, rows }) => targetTable(group, rows, figures)),
    Measured: [
      ...MODES.map((mode) => speedTable(mode, figures)),
      startTable(figures),
      memoryTable(figures),
      lossTable(figures),
      ...FORMS.map((form) => httpTable(form, figures)),
      streamTable(figures),
    ],
  };
  return Object.entries(sections)
    .map(([title, tables]) => [title, tables.filter((text) => text !== undefined)])
    .filter(([, tables]) => tables.length > 0)
    .map(([title, tables]) => [`### ${title}`, ...tables].join('\n\n'))
    .join('\n\n');
}

/** Undefined without a figure: of a phase that was not asked for. */
function targetTable(group, rows, figures) {
  if (rows.every(([, , , , value]) => value(figures) === undefined)) return undefined;
  return table(
    [group, 'target', 'measured', 'met'],
    rows.map(([what, unit, bound, limit, value]) => {
      const measured = value(figures);
      const met = bound === 'max' ? measured <= limit : measured >= limit;
      return [
        what,
        `${bound === 'max' ? '≤' : '≥'} ${show(limit, unit)}`,
        show(measured, unit),
        measured === undefined ? '' : met ? 'yes' : '**no**',
      ];
    }),
  );
}

function speedTable(mode, figures) {
  const rows = Object.entries(SYSTEM_NAMES).flatMap(([system, name]) =>
    SIZES.map(({ size }) => {
      const [rtt, flow] = [`rtt ${mode} ${size}`, `flow ${mode} ${size}`];
      const peak = figures.worst(flow, system, ({ peakKb }) => megabytes(peakKb));
      return [
        `${name}, ${size}`,
        show(figures.median(rtt, system, p50), 'µs'),
        show(figures.median(rtt, system, p99), 'µs'),
        show(figures.median(flow, system, rate), '/s'),
        show(figures.median(flow, system, cpuUs), 'µs'),
        show(peak, 'MB'),
      ];
    }),
  );
  return table([mode, 'p50', 'p99', '64 in flight', 'CPU per round trip', 'peak RSS'], rows);
}

function startTable(figures) {
  const rows = Object.entries(SYSTEM_NAMES).map(([system, name]) => [
    name,
    ...['startMs', 'exitMs', 'closeMs'].map((field) =>
      show(
        figures.median('start', system, (result) => result[field]),
        'ms',
      ),
    ),
  ]);
  return table(['', 'spawn to first answer', 'exit after the server’s', 'closed stdin to exit'], rows);
}

function memoryTable(figures) {
  const rows = ['idle', 'slow client', 'long line'].flatMap((run) =>
    ['bare', 'sidelight'].map((system) => [
      `${run}, ${SYSTEM_NAMES[system]}`,
      ...['idleKb', 'stalledKb', 'peakKb'].map((field) =>
        show(
          figures.median(run, system, (result) => positive((result[field] * 1024) / 1e6)),
          'MB',
        ),
      ),
    ]),
  );
  return table(['RSS', 'before', 'while the client waits', 'peak'], rows);
}

/** Where the losses of the runs that should have none were: an output that does not miss anything is not named. */
function lossTable(figures) {
  const rows = LOSSLESS_RUNS.flatMap((run) =>
    figures.of(run).map((result) => {
      const where = Object.entries(losses(result)).filter(([, count]) => count > 0);
      return [run, where.map(([name, count]) => `${name} ${show(count, '')}`).join(', ') || 'nothing'];
    }),
  );
  return rows.length === 0 ? undefined : table(['lossless capture', 'lost'], rows);
}

const FORM_NAMES = { json: 'HTTP, JSON', sse: 'HTTP, event stream' };

function httpTable(form, figures) {
  const rows = Object.entries(SYSTEM_NAMES).flatMap(([system, name]) =>
    SIZES.map(({ size }) => {
      const [alone, together] = [`http alone ${form} ${size}`, `http together ${form} ${size}`];
      const peak = figures.worst(together, system, ({ peakKb }) => megabytes(peakKb));
      return [
        `${name}, ${size}`,
        show(figures.median(alone, system, p50), 'µs'),
        show(figures.median(alone, system, p99), 'µs'),
        show(figures.median(alone, system, cpuUs), 'µs'),
        show(figures.median(together, system, rate), '/s'),
        show(figures.median(together, system, cpuUs), 'µs'),
        show(peak, 'MB'),
      ];
    }),
  );
  return table([FORM_NAMES[form], 'p50', 'p99', 'CPU', '50 connections', 'CPU', 'peak RSS'], rows);
}

const STREAM_COLUMNS = [
  ['streams', '', ({ streams }) => streams],
  ['opened in', 'ms', ({ openMs }) => openMs],
  ['RSS before', 'MB', ({ beforeKb }) => megabytes(beforeKb)],
  ['RSS of each', 'kB', perStreamKb],
  ['event to all', 'ms', broadcastMs],
  ['worst', 'ms', worstBroadcastMs],
  ['left', '', ({ leftAtCommand, leftAtServer }) => leftAtCommand + leftAtServer],
];

function streamTable(figures) {
  const rows = Object.entries(SYSTEM_NAMES).map(([system, name]) => [
    name,
    ...STREAM_COLUMNS.map(([, unit, value]) => show(figures.worst('http streams', system, value), unit)),
  ]);
  return table(['idle GET streams', ...STREAM_COLUMNS.map(([head]) => head)], rows);
}

/** The driver tells -1 of what it did not measure. */
function positive(value) {
  return value < 0 ? undefined : value;
}

function show(value, unit) {
  if (value === undefined || Number.isNaN(value)) return NONE;
  const digits = Math.abs(value) >= 100 || Number.isInteger(value) ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  const number = value.toLocaleString('en-US', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  return unit === '' ? number : `${number} ${unit}`;
}

function table(head, rows) {
  if (rows.every(([, ...cells]) => cells.every((cell) => cell === NONE))) return undefined;
  const widths = head.map((_, column) => Math.max(3, ...[head, ...rows].map((row) => row[column].length)));
  const line = (row) => `| ${row.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`;
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  return [line(head), rule, ...rows.map(line)].join('\n');
}
