/** `sidelight sessions`: the recorded sessions of this machine, newest first. */
import type { Filter } from '../filter/ast.ts';
import { StoreError } from '../store/error.ts';
import type { FoundSession } from '../store/find.ts';
import type { SessionRecord } from '../store/record.ts';
import type { Recordings } from '../store/recordings.ts';
import { partyOf, recordingOf, shortId, STATUS_STYLE } from './describe.ts';
import { filterOf } from './filterOption.ts';
import { type ListOptions, showPages } from './pages.ts';
import { nameOf, openPlace, type Place } from './place.ts';
import { type Column, table } from './table.ts';
import { duration, localTime, safe, type Terminal } from './terminal.ts';

export interface SessionsOptions extends ListOptions {
  /** Of a filter. */
  readonly words?: readonly string[];
  readonly failed?: boolean;
}

const FAILED: Filter = { kind: 'match', key: 'is', any: [['failed']] };
export const DEFAULT_SESSIONS = 20;
const INFERRED = 'inferred, since no session id told; `sidelight show` says from what';

const COLUMNS: readonly Column<SessionRecord>[] = [
  { title: 'ID', cell: ({ id }) => shortId(id) },
  { title: 'STARTED', cell: ({ startedAtUs }) => localTime(startedAtUs) },
  { title: 'SERVER', cell: ({ server }) => safe(server) },
  { title: 'CLIENT', cell: (session) => clientOf(session) },
  {
    title: 'TRANSPORT',
    cell: ({ transport, inferred }) => (inferred === undefined ? transport : `${transport} ~`),
    // Where there is only one, it says nothing.
    isWorth: (found) => found.some(({ transport }) => transport === 'http'),
  },
  { title: 'DURATION', side: 'left', cell: (session) => durationOf(session) },
  { title: 'OPERATIONS', side: 'left', cell: ({ operations }) => String(operations) },
  {
    title: 'FAILED',
    side: 'left',
    cell: ({ failedOperations }) => (failedOperations === 0 ? '-' : String(failedOperations)),
    style: ({ failedOperations }) => (failedOperations === 0 ? 'dim' : 'red'),
  },
  { title: 'STATUS', cell: ({ status }) => status, style: ({ status }) => STATUS_STYLE[status] },
  {
    title: 'RECORDING',
    cell: ({ completeness }) => recordingOf(completeness),
    style: ({ completeness }) => (completeness.complete ? 'dim' : 'yellow'),
  },
];

/** Prints the list; resolves to the exit code. */
export async function sessions(place: Place, options: SessionsOptions, terminal: Terminal): Promise<number> {
  const { words = [], failed = false } = options;
  const written = filterOf(words);
  const filter: Filter = failed ? { kind: 'and', of: [FAILED, written] } : written;
  const isWhole = !failed && words.length === 0;
  const none = isWhole
    ? `Nothing is recorded in ${nameOf(place)} yet. To record: sidelight -- <server command>`
    : `No ${failed ? 'failed ' : ''}session that is meant is recorded in ${nameOf(place)}.`;
  const print = async (found: readonly FoundSession[]): Promise<void> => {
    if (found.length === 0) return terminal.line(none);
    await table(COLUMNS, found, terminal);
    if (found.some(({ inferred }) => inferred !== undefined))
      await terminal.line(terminal.paint('dim', `~ ${INFERRED}`));
  };
  let recordings: Recordings | undefined;
  try {
    recordings = await openPlace(place);
    const list = { look: recordings.sessions, filter, fallbackLimit: DEFAULT_SESSIONS, print };
    await showPages(list, options, terminal);
    return 0;
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    if (error.code === 'store_missing') {
      if (options.json !== true) await print([]);
      return 0;
    }
    terminal.problem(error.message);
    return 1;
  } finally {
    await recordings?.close();
  }
}

/** Who never said its name is known by its address. */
function clientOf({ clientInfo, probe, clientAddress }: SessionRecord): string {
  if (probe) return '(probe)';
  return partyOf(clientInfo) || safe(clientAddress ?? '');
}

function durationOf({ startedAtUs, endedAtUs, status }: SessionRecord): string {
  if (endedAtUs !== undefined) return duration(endedAtUs - startedAtUs);
  return status === 'live' ? duration(Date.now() * 1000 - startedAtUs) : '-';
}
