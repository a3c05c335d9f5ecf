/** `sidelight tail`: follows the store and prints sessions as they start and end and operations as they end. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Filter } from '../filter/ast.ts';
import { StoreError } from '../store/error.ts';
import type { OperationRecord, SessionRecord } from '../store/record.ts';
import type { News, Recordings } from '../store/recordings.ts';
import {
  callOf,
  endOf,
  httpStatusOf,
  inferredOf,
  MIN_NOTE_COLUMNS,
  OUTCOME_STYLE,
  recordingOf,
  serverAt,
  shortId,
  STATUS_STYLE,
} from './describe.ts';
import { filterOf } from './filterOption.ts';
import { openPlace, type Place } from './place.ts';
import { duration, fit, json, localClock, pad, safe, type Terminal, width } from './terminal.ts';

export interface TailOptions {
  /** Of a filter. */
  readonly words?: readonly string[];
  readonly json?: boolean;
  /** Ends after so many lines. */
  readonly count?: number;
}

/** Asking whether somebody wrote is one read of shared memory. */
const POLL_MS = 150;
/** Asking the fleet's is a query. */
const FLEET_POLL_MS = 1000;
/** A process that was killed writes nothing: whether it is still there is looked at now and then. */
const LIVENESS_MS = 1000;
const NAME_COLUMNS = 16;
const OUTCOME_COLUMNS = 14;
const DURATION_COLUMNS = 8;
/** Time, id, server, outcome and duration, each with its distance. */
const BEFORE_CALL_COLUMNS = 12 + 2 + 8 + 2 + NAME_COLUMNS + 2 + OUTCOME_COLUMNS + 2 + DURATION_COLUMNS + 2;

/** Follows until the signal aborts, nobody reads any more or enough was printed; resolves to the exit code. */
export async function tail(
  place: Place,
  options: TailOptions,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  const filter = filterOf(options.words ?? []);
  try {
    const store = await whenThere(place, terminal, signal);
    if (store === undefined) return 0;
    try {
      await follow(store, filter, options, terminal, signal);
    } finally {
      await store.recordings.close();
    }
    return 0;
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    terminal.problem(error.message);
    return 1;
  }
}

interface Start {
  readonly recordings: Recordings;
  /** What is stored after it is news. */
  readonly position: string;
}

/** Opens the store, waits for it where nothing was recorded yet; undefined when that was cut short. */
async function whenThere(place: Place, terminal: Terminal, signal: AbortSignal): Promise<Start | undefined> {
  let waited = false;
  while (!signal.aborted && !terminal.gone) {
    try {
      const recordings = await openPlace(place);
      return { recordings, position: waited ? '' : await recordings.position() };
    } catch (error) {
      // A store that is just being made is locked for a moment.
      const coming = error instanceof StoreError && /^store_(?:missing|locked)$/.test(error.code);
      if (!coming) throw error;
      if (!waited) terminal.problem(`${error.message} yet; waiting for the first session`);
      waited = true;
    }
    await pause(POLL_MS, signal);
  }
  return undefined;
}

async function follow(
  { recordings, position }: Start,
  filter: Filter,
  options: TailOptions,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  const form = options.json === true ? asJson : asText(terminal);
  let left = options.count ?? Infinity;
  const print = async (line: string): Promise<void> => {
    if (left <= 0) return;
    left -= 1;
    await terminal.line(line);
  };

  const live = (await recordings.openSessions()).filter(({ status }) => status === 'live');
  let known = new Map(live.map((session) => [session.id, session]));
  terminal.problem(`following; sessions that run now: ${live.length}; Ctrl-C ends this`);
  let version: number | undefined;
  let lookedAt = 0;
  while (left > 0 && !signal.aborted && !terminal.gone) {
    const now = performance.now();
    const newest = await recordings.version();
    if (newest === version && now - lookedAt < LIVENESS_MS) {
      await pause(recordings.writable ? POLL_MS : FLEET_POLL_MS, signal);
      continue;
    }
    version = newest;
    lookedAt = now;

    const news = await recordings.since(position, known.keys());
    position = news.position;
    known = new Map([...news.watched, ...news.sessions].map((session) => [session.id, session]));
    const isMeant = await meantBy(recordings, filter, news, known.values());
    for (const session of news.sessions) if (isMeant.session(session)) await print(form.started(session));
    for (const operation of news.operations) {
      if (isMeant.operation(operation))
        await print(form.operation(operation, known.get(operation.sessionId)));
    }
    if (news.more) {
      version = undefined;
      continue;
    }
    for (const session of known.values()) {
      if (session.status === 'live') continue;
      known.delete(session.id);
      if (isMeant.session(session)) await print(form.ended(session));
    }
  }
}

interface Meant {
  readonly session: (session: SessionRecord) => boolean;
  readonly operation: (operation: OperationRecord) => boolean;
}

/** A session is meant or not as it stands now: one that has just started has no operation yet. */
async function meantBy(
  recordings: Recordings,
  filter: Filter,
  { operations }: News,
  sessions: Iterable<SessionRecord>,
): Promise<Meant> {
  if (filter.kind === 'and' && filter.of.length === 0) return { session: () => true, operation: () => true };
  const question = { filter, nowUs: Date.now() * 1000 };
  const ids = await recordings.among(
    'sessions',
    Array.from(sessions, ({ id }) => id),
    question,
  );
  const numbers = await recordings.among(
    'operations',
    operations.map(({ number }) => number),
    question,
  );
  return { session: ({ id }) => ids.has(id), operation: ({ number }) => numbers.has(number) };
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined);
}

interface Form {
  readonly started: (session: SessionRecord) => string;
  readonly operation: (operation: OperationRecord, session: SessionRecord | undefined) => string;
  readonly ended: (session: SessionRecord) => string;
}

const asJson: Form = {
  started: (session) => json({ event: 'session_started', ...session }),
  operation: (operation, session) =>
    json({ event: 'operation_finished', server: session?.server, ...operation }),
  ended: (session) => json({ event: 'session_ended', ...session }),
};

function asText(terminal: Terminal): Form {
  const line = (atUs: number, id: string, server: string, what: string): string =>
    [
      terminal.paint('dim', localClock(atUs)),
      terminal.paint('dim', shortId(id)),
      terminal.paint('bold', pad(fit(safe(server), NAME_COLUMNS), NAME_COLUMNS)),
      what,
    ].join('  ');
  return {
    started: (session) => {
      const what = session.probe ? 'probe' : 'session';
      return line(
        session.startedAtUs,
        session.id,
        session.server,
        `${what} started: ${[serverAt(session), ...openedBy(session)].join('; ')}`,
      );
    },
    operation: (operation, session) => {
      const { outcome, error, startedAtUs, endedAtUs, initiator } = operation;
      const arrow = initiator === 'client_to_server' ? '→' : '←';
      const why = [httpStatusOf(operation), safe(error?.message ?? '')].filter(Boolean).join(': ');
      const call = `${arrow} ${callOf(operation)}`;
      const room = Math.max(MIN_NOTE_COLUMNS, terminal.breakAt - BEFORE_CALL_COLUMNS - width(call) - 2);
      const what = [
        terminal.paint(OUTCOME_STYLE[outcome], pad(outcome, OUTCOME_COLUMNS)),
        pad(duration(endedAtUs - startedAtUs), DURATION_COLUMNS, 'left'),
        call,
        terminal.paint('dim', fit(why, room)),
      ]
        .join('  ')
        .trimEnd();
      return line(endedAtUs, operation.sessionId, session?.server ?? '', what);
    },
    ended: (session) => {
      const { status, operations, failedOperations, startedAtUs, endedAtUs, endCause, completeness } =
        session;
      const facts = [
        endCause === undefined ? 'sidelight is gone' : endOf(endCause),
        ...(endedAtUs === undefined ? [] : [duration(endedAtUs - startedAtUs)]),
        `${operations} operations, ${failedOperations} failed`,
        `recording ${recordingOf(completeness)}`,
      ].join('; ');
      const word = terminal.paint(STATUS_STYLE[status], status);
      return line(
        endedAtUs ?? Date.now() * 1000,
        session.id,
        session.server,
        `session ended ${word}: ${facts}`,
      );
    },
  };
}

/** Of HTTP: who opened the session, and that it was inferred. */
function openedBy({ clientAddress = '', inferred }: SessionRecord): string[] {
  return [
    ...(clientAddress === '' ? [] : [`client ${safe(clientAddress)}`]),
    ...(inferred === undefined ? [] : [`inferred ${inferredOf(inferred)}`]),
  ];
}
