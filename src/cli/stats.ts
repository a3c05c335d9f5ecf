/** `sidelight stats`: how often each tool and method was called, how it went and how long it took. */
import type { Filter } from '../filter/ast.ts';
import { hasText } from '../store/filter.ts';
import type { CountedOperation } from '../store/find.ts';
import { MAX_PAGE } from '../store/page.ts';
import type { Recordings } from '../store/recordings.ts';
import { MAX_COUNTED, type Statistic, Tally } from '../store/tally.ts';
import { withStore } from './describe.ts';
import { filterOf } from './filterOption.ts';
import type { ListOptions } from './pages.ts';
import { nameOf, type Place } from './place.ts';
import { type Column, table } from './table.ts';
import { duration, json, safe, size, type Terminal } from './terminal.ts';

export interface StatsOptions extends Pick<ListOptions, 'json' | 'limit'> {
  /** Of a filter. */
  readonly words?: readonly string[];
}

const DEFAULT_ROWS = 100;
const OUTCOME_COLUMNS = 60;

const COLUMNS: readonly Column<Statistic>[] = [
  { title: 'SERVER', cell: ({ server }) => safe(server) },
  {
    title: 'OPERATION',
    cell: ({ method, tool }) => safe(tool === undefined ? method : `${method} ${tool}`),
    maxColumns: 40,
  },
  { title: 'CALLS', side: 'left', cell: ({ calls }) => String(calls) },
  {
    title: 'FAILED',
    side: 'left',
    cell: ({ failed }) => (failed === 0 ? '-' : String(failed)),
    style: ({ failed }) => (failed === 0 ? 'dim' : 'red'),
  },
  ...(['p50', 'p95', 'p99', 'max'] as const).map((name): Column<Statistic> => ({
    title: name.toUpperCase(),
    side: 'left',
    cell: ({ durationUs }) => (durationUs === undefined ? '-' : duration(durationUs[name])),
  })),
  { title: 'BYTES', side: 'left', cell: ({ bytes }) => size(bytes) },
  {
    title: 'NOT OK',
    cell: ({ outcomes }) =>
      Object.entries(outcomes)
        .map(([outcome, count]) => `${count} ${outcome}`)
        .join(', '),
    maxColumns: OUTCOME_COLUMNS,
  },
];

/** Prints a line for each server and call; resolves to the exit code. */
export async function stats(place: Place, options: StatsOptions, terminal: Terminal): Promise<number> {
  const filter = filterOf(options.words ?? []);
  return withStore(place, terminal, async (recordings) => {
    const tally = new Tally();
    if (!(await count(recordings, filter, (operation) => tally.add(operation), terminal)))
      terminal.problem(`only ${MAX_COUNTED} operations are counted; narrow the filter, such as since:7d`);
    const all = tally.statistics();
    const shown = all.slice(0, options.limit ?? (options.json === true ? Infinity : DEFAULT_ROWS));
    if (options.json === true) for (const one of shown) await terminal.line(json(one));
    else if (all.length === 0)
      await terminal.line(`No operation that is meant is recorded in ${nameOf(place)}.`);
    else await table(COLUMNS, shown, terminal);
    if (options.json !== true && shown.length < all.length)
      await terminal.line(terminal.paint('dim', `${all.length - shown.length} more: raise --limit.`));
    return 0;
  });
}

/** With a text in the filter, payloads are read, within the same bound as for a list. Resolves to false when `add` said so. */
async function count(
  recordings: Recordings,
  filter: Filter,
  add: (operation: CountedOperation) => boolean,
  terminal: Terminal,
): Promise<boolean> {
  const nowUs = Date.now() * 1000;
  if (!hasText(filter)) return recordings.counted({ filter, nowUs }, add);
  for (let after: string | undefined; ;) {
    const query = { filter, nowUs, limit: MAX_PAGE, ...(after !== undefined && { after }) };
    const page = await recordings.operations(query);
    for (const { target, startedAtUs, endedAtUs, requestBytes, resultBytes, ...one } of page.rows) {
      const tool = target?.kind === 'tool' ? target.name : undefined;
      const counts = { durationUs: endedAtUs - startedAtUs, bytes: requestBytes + resultBytes };
      if (!add({ ...one, tool, ...counts })) return false;
    }
    if (page.stopped)
      terminal.problem(
        `${size(page.scannedBytes)} of payloads were looked through, and only what is newer is counted; narrow the filter`,
      );
    if (page.next === undefined || page.stopped) return true;
    after = page.next;
  }
}
