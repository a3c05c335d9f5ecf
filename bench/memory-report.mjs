/** The figures of the memory bench: how the second half of a run compares with what came before, and the tables. */
import { machineLine } from './report.mjs';

const NAMES = { stdio: 'stdio', http: 'HTTP' };
const MB = 1e6;

/** Last quarter against second quarter: the first one is warm-up. Medians. */
export function ratioOf(samples, field) {
  const quarter = samples.length / 4;
  return (
    median(samples.slice(3 * quarter).map((sample) => sample[field])) /
    median(samples.slice(quarter, 2 * quarter).map((sample) => sample[field]))
  );
}

export function memoryReport(figures) {
  const { idle, ...flat } = figures;
  const runs = Object.entries(flat);
  return [
    `${machineLine()}. Measured ${new Date().toISOString().slice(0, 10)}.`,
    ...(runs.length > 0 ? [ratioTable(runs), sampleTable(runs), ...dropLines(runs)] : []),
    ...(idle === undefined ? [] : [idleTable(idle)]),
  ].join('\n\n');
}

function ratioTable(runs) {
  return table(
    ['', 'messages', 'took', 'heap, last quarter against second', 'RSS, likewise'],
    runs.map(([run, { samples, ratios, seconds }]) => [
      NAMES[run],
      samples.at(-1).messages.toLocaleString('en-US'),
      `${Math.round(seconds)} s`,
      `${ratios.heap.toFixed(3)} ×`,
      `${ratios.rss.toFixed(3)} ×`,
    ]),
  );
}

function sampleTable(runs) {
  const [[, { samples }]] = runs;
  const head = ['of the messages', ...runs.flatMap(([run]) => [`${NAMES[run]}: heap`, `${NAMES[run]}: RSS`])];
  return table(
    head,
    samples.map((_, index) => [
      `${((index + 1) * 100) / samples.length} %`,
      ...runs.flatMap(([, { samples: of }]) => [megabytes(of[index].heapUsed), megabytes(of[index].rss)]),
    ]),
  );
}

function dropLines(runs) {
  return runs
    .map(([run, { drops }]) => {
      const told = drops.map(
        ({ stage, reason, count }) => `${stage} ${reason} ${count.toLocaleString('en-US')}`,
      );
      return [run, told];
    })
    .filter(([, told]) => told.length > 0)
    .map(([run, told]) => `Counted at the bounds, ${NAMES[run]}: ${told.join(', ')}.`);
}

function idleTable({ bytes, sessions }) {
  return table(
    [`heap of an idle session over HTTP, of ${sessions.toLocaleString('en-US')}`, ''],
    [
      ['opened', kilobytes(bytes.opened)],
      ['and more, once it has listed tools and called one', kilobytes(bytes.used)],
    ],
  );
}

function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[Math.floor((sorted.length - 1) / 2)] + sorted[Math.ceil((sorted.length - 1) / 2)]) / 2;
}

function megabytes(bytes) {
  return `${(bytes / MB).toFixed(1)} MB`;
}

function kilobytes(bytes) {
  return `${(bytes / 1e3).toFixed(2)} kB`;
}

function table(head, rows) {
  const widths = head.map((_, column) => Math.max(3, ...[head, ...rows].map((row) => row[column].length)));
  const line = (row) => `| ${row.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}
