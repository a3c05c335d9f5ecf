/** How often each tool and method was called, how it went, how long it took and what it costs, over a time range. */
import type { VNode } from 'preact';
import { useMemo } from 'preact/hooks';
import type { Answer, Client } from '../../api/client.ts';
import { parseFilter } from '../../filter/parse.ts';
import { useAsked } from '../loading.ts';
import { usePage } from '../page.ts';
import { hrefOf } from '../place.ts';
import { Link } from '../parts/link.tsx';
import { Async, Empty } from '../parts/states.tsx';
import { plain, Text } from '../parts/text.tsx';
import { FilterBox } from '../sessions/filterBox.tsx';
import { count, duration, size, tokens } from '../words.ts';
import { Calls, Durations } from './chart.tsx';
import { partsOf } from './series.ts';

type Row = Answer<'stats'>['items'][number];
type Operation = Answer<'operation'>;

const RANGES = [
  { range: '15m', name: '15 minutes' },
  { range: '1h', name: '1 hour' },
  { range: '24h', name: '1 day' },
  { range: '7d', name: '7 days' },
  { range: '', name: 'all' },
] as const;
const MAX_ROWS = 500;
/** The newest, for the charts. */
const MAX_CHARTED = 5000;
const PAGE = 1000;
const PARTS = 60;

export function Stats(): VNode {
  const { client, place } = usePage();
  const { filter = '', range = '' } = place.now.value.query;
  const isRead = parseFilter(filter).ok;
  const since = RANGES.some((one) => one.range === range && range !== '') ? `since:${range}` : '';
  const whole = [filter.trim() === '' ? '' : `(${filter})`, since].filter((term) => term !== '').join(' ');
  const { state, again } = useAsked(isRead ? whole : '', async () => {
    const [statistics, operations] = await Promise.all([
      client.stats({ filter: whole === '' ? undefined : whole, limit: MAX_ROWS }),
      newest(client, whole),
    ]);
    return { statistics, operations };
  });
  return (
    <div class="page stats">
      <div class="tools">
        <h1 class="sr-only">Statistics</h1>
        <FilterBox value={filter} known={{}} apply={(text) => place.set({ filter: text }, true)} />
        <div class="choices" role="group" aria-label="Time range">
          {RANGES.map((one) => (
            <button
              key={one.range}
              type="button"
              aria-pressed={one.range === range}
              onClick={() => place.set({ range: one.range })}
            >
              {one.name}
            </button>
          ))}
          <button type="button" onClick={again}>
            Refresh
          </button>
        </div>
      </div>
      <Async state={state} what="Counting" again={again}>
        {({ statistics, operations }) =>
          statistics.items.length === 0 ? (
            <Empty title="Nothing was called">
              <p>No operation of this filter and time range is in the recordings.</p>
            </Empty>
          ) : (
            <div class="stats-body">
              <Charts operations={operations} />
              {!statistics.complete && <p class="notice">There is too much to count: only the newest are.</p>}
              <Table items={statistics.items} />
              {statistics.groups > statistics.items.length && (
                <p class="faint">
                  {count(statistics.groups - statistics.items.length)} more; narrow the filter.
                </p>
              )}
            </div>
          )
        }
      </Async>
    </div>
  );
}

async function newest(client: Client, filter: string): Promise<readonly Operation[]> {
  const found: Operation[] = [];
  let after: string | undefined;
  do {
    const page = await client.operations({ filter: filter === '' ? undefined : filter, limit: PAGE, after });
    found.push(...page.items);
    after = page.stopped ? undefined : page.next;
  } while (after !== undefined && found.length < MAX_CHARTED);
  return found;
}

function Charts({ operations }: { readonly operations: readonly Operation[] }): VNode {
  const parts = useMemo(() => partsOf(operations, PARTS), [operations]);
  const nowMs = Date.now();
  return (
    <div class="charts">
      <Calls parts={parts} nowMs={nowMs} />
      <Durations parts={parts} nowMs={nowMs} />
      {operations.length >= MAX_CHARTED && (
        <p class="faint">The charts show the newest {count(operations.length)} operations.</p>
      )}
    </div>
  );
}

function Table({ items }: { readonly items: readonly Row[] }): VNode {
  const slowest = Math.max(1, ...items.map(({ durationUs }) => durationUs?.p95 ?? 0));
  return (
    <div class="scroll" role="region" aria-label="By tool and method" tabIndex={0}>
      <table class="stats-table">
        <thead>
          <tr>
            {[
              'Server',
              'Tool or method',
              'Calls',
              'Failed',
              'p50',
              'p95',
              'p99',
              'Max',
              'Traffic',
              'Tokens, about',
            ].map((name) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {items.map((row) => (
            <TableRow key={`${row.server} ${row.method} ${row.tool ?? ''}`} row={row} slowest={slowest} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function TableRow({ row, slowest }: { readonly row: Row; readonly slowest: number }): VNode {
  const { server, method, tool, calls, failed, durationUs, bytes, outcomes } = row;
  const of = tool === undefined ? `method:${quoted(method)}` : `tool:${quoted(tool)}`;
  const why = Object.entries(outcomes)
    .map(([outcome, times]) => `${times} ${outcome.replaceAll('_', ' ')}`)
    .join(', ');
  const cells =
    durationUs === undefined ? [] : [durationUs.p50, durationUs.p95, durationUs.p99, durationUs.max];
  return (
    <tr>
      <td>
        <Text max={100}>{server}</Text>
      </td>
      <th scope="row">
        <Link
          href={hrefOf([], { filter: `server:${quoted(server)} ${of}` })}
          label={`Sessions with ${plain(tool ?? method, 80)}`}
        >
          <Text max={100}>{tool ?? method}</Text>
        </Link>
      </th>
      <td>{count(calls)}</td>
      <td class={failed > 0 ? 'bad-text' : ''} title={why}>
        {failed > 0 ? `${count(failed)} (${Math.round((failed / calls) * 100)} %)` : '0'}
      </td>
      {[0, 1, 2, 3].map((index) => {
        const value = cells[index];
        return (
          <td key={index} class={index === 1 ? 'with-bar' : ''}>
            {index === 1 && value !== undefined && (
              <span class="cell-bar" style={{ width: `${(value / slowest) * 100}%` }} />
            )}
            <span>{value === undefined ? '–' : duration(value)}</span>
          </td>
        );
      })}
      <td>{size(bytes)}</td>
      <td>{tokens(bytes)}</td>
    </tr>
  );
}

/** As a value has to be written in a filter. */
function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}
