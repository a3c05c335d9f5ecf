/** `sidelight operations`: what was asked over all sessions of this machine, newest first. */
import type { FoundOperation } from '../store/find.ts';
import { callOf, httpStatusOf, OUTCOME_STYLE, shortId, withStore } from './describe.ts';
import { filterOf } from './filterOption.ts';
import { type ListOptions, showPages } from './pages.ts';
import { nameOf, type Place } from './place.ts';
import { type Column, table } from './table.ts';
import { duration, localTime, safe, type Terminal } from './terminal.ts';

export interface OperationsOptions extends ListOptions {
  /** Of a filter. */
  readonly words?: readonly string[];
}

const DEFAULT_OPERATIONS = 50;
const CALL_COLUMNS = 60;
const NOTE_COLUMNS = 60;

const COLUMNS: readonly Column<FoundOperation>[] = [
  { title: 'STARTED', cell: ({ startedAtUs }) => localTime(startedAtUs), style: () => 'dim' },
  { title: 'SESSION', cell: ({ sessionId }) => shortId(sessionId) },
  { title: 'SERVER', cell: ({ server }) => safe(server) },
  {
    title: 'OPERATION',
    cell: (one) => `${one.initiator === 'client_to_server' ? '→' : '←'} ${callOf(one)}`,
    maxColumns: CALL_COLUMNS,
  },
  { title: 'OUTCOME', cell: ({ outcome }) => outcome, style: ({ outcome }) => OUTCOME_STYLE[outcome] },
  {
    title: 'DURATION',
    side: 'left',
    cell: ({ startedAtUs, endedAtUs }) => duration(endedAtUs - startedAtUs),
  },
  {
    title: 'FINDINGS',
    cell: ({ findingRules }) => safe(findingRules.join(', ')),
    style: () => 'yellow',
    isWorth: (found) => found.some(({ findingRules }) => findingRules.length > 0),
    maxColumns: NOTE_COLUMNS,
  },
  {
    title: 'ERROR',
    cell: (one) => [httpStatusOf(one), safe(one.error?.message ?? '')].filter(Boolean).join(': '),
    style: () => 'dim',
    isWorth: (found) => found.some((one) => one.error?.message !== undefined || httpStatusOf(one) !== ''),
    maxColumns: NOTE_COLUMNS,
  },
];

/** Prints the list; resolves to the exit code. */
export async function operations(
  place: Place,
  options: OperationsOptions,
  terminal: Terminal,
): Promise<number> {
  const filter = filterOf(options.words ?? []);
  return withStore(place, terminal, async (recordings) => {
    const print = (found: readonly FoundOperation[]): Promise<void> =>
      found.length === 0
        ? terminal.line(`No operation that is meant is recorded in ${nameOf(place)}.`)
        : table(COLUMNS, found, terminal);
    const list = { look: recordings.operations, filter, fallbackLimit: DEFAULT_OPERATIONS, print };
    await showPages(list, options, terminal);
    return 0;
  });
}
