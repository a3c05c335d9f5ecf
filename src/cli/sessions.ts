/** `sidelight sessions`: the recorded sessions of this machine, newest first. */
import { StoreError } from '../store/error.ts';
import type { SessionRecord } from '../store/record.ts';
import { openStore } from '../store/read.ts';
import { partyOf, recordingOf, shortId, STATUS_STYLE } from './describe.ts';
import { duration, fit, json, localTime, pad, safe, type Style, type Terminal, width } from './terminal.ts';

export interface SessionsOptions {
  readonly failed?: boolean;
  readonly json?: boolean;
  readonly limit?: number;
}

export const DEFAULT_SESSIONS = 20;
/** A name that somebody made very long does not push the other columns out of sight. */
const MAX_CELL_COLUMNS = 28;

const INFERRED = 'inferred, since no session id told; `sidelight show` says from what';

interface Column {
  readonly title: string;
  readonly side?: 'left';
  readonly cell: (session: SessionRecord) => string;
  readonly style?: (session: SessionRecord) => Style | undefined;
  readonly isWorth?: (found: readonly SessionRecord[]) => boolean;
}

const COLUMNS: readonly Column[] = [
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
export async function sessions(
  dataDir: string,
  options: SessionsOptions,
  terminal: Terminal,
): Promise<number> {
  let found: readonly SessionRecord[];
  try {
    const reader = await openStore(dataDir);
    found = reader.listSessions({
      failed: options.failed ?? false,
      limit: options.limit ?? DEFAULT_SESSIONS,
    });
    reader.close();
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    if (error.code !== 'store_missing') {
      terminal.problem(error.message);
      return 1;
    }
    found = [];
  }
  if (options.json === true) await terminal.line(json(found));
  else if (found.length > 0) await table(found, terminal);
  else if (options.failed === true) await terminal.line(`No failed session is recorded in ${safe(dataDir)}.`);
  else
    await terminal.line(
      `Nothing is recorded in ${safe(dataDir)} yet. To record: sidelight -- <server command>`,
    );
  return 0;
}

async function table(found: readonly SessionRecord[], terminal: Terminal): Promise<void> {
  const worth = COLUMNS.filter(({ isWorth }) => isWorth?.(found) ?? true);
  const columns = worth.map((column) => {
    const cells = found.map((session) => fit(column.cell(session), MAX_CELL_COLUMNS));
    return { ...column, cells, columns: Math.max(width(column.title), ...cells.map(width)) };
  });
  const row = (text: (column: (typeof columns)[number]) => string): string =>
    columns.map(text).join('  ').trimEnd();
  await terminal.line(
    terminal.paint(
      'bold',
      row(({ title, side, columns: room }) => pad(title, room, side)),
    ),
  );
  for (const [index, session] of found.entries()) {
    await terminal.line(
      row(({ cells, side, columns: room, style }) =>
        terminal.paint(style?.(session), pad(cells[index] ?? '', room, side)),
      ),
    );
  }
  if (found.some(({ inferred }) => inferred !== undefined))
    await terminal.line(terminal.paint('dim', `~ ${INFERRED}`));
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
