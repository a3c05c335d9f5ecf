/** Handlers of what lists and shows sessions and operations, and of what a person says about a session. */
import { setImmediate as breath } from 'node:timers/promises';
import type { SessionRecord } from '../store/record.ts';
import { MAX_NOTE_CHARACTERS, setNote, setPinned } from '../store/marks.ts';
import type { Page } from '../store/page.ts';
import { doomSession, sweepDoomed } from '../store/retention.ts';
import type { ApiRequest, Handlers } from './handler.ts';
import { readFilter } from './parameters.ts';
import { ApiError } from './problem.ts';
import { writable, type Writing } from './stored.ts';

type Listed = ApiRequest<'sessions' | 'operations'>;

export const SESSION_HANDLERS: Handlers<
  | 'sessions'
  | 'session'
  | 'deleteSession'
  | 'operations'
  | 'operation'
  | 'sessionOperations'
  | 'search'
  | 'pin'
  | 'unpin'
  | 'note'
  | 'removeNote'
> = {
  sessions: async (request) => listed(await request.recordings.sessions(question(request))),
  operations: async (request) => listed(await request.recordings.operations(question(request))),
  search: async ({ recordings, query: { filter: written, limit }, context }) => {
    const wanted = { filter: readFilter(written), limit, nowUs: context.now() * 1000 };
    return {
      sessions: listed(await recordings.sessions(wanted)),
      operations: listed(await recordings.operations(wanted)),
    };
  },
  session: ({ session }) => session,
  deleteSession: async ({ context, session, audit }) => {
    const stored = writable(context);
    if (session.status === 'live')
      throw new ApiError(409, 'the session is being recorded; end it first', { parameter: 'session' });
    if (session.pinned)
      throw new ApiError(409, 'the session is pinned; unpin it first', { parameter: 'session' });
    audit({ action: 'delete', session: session.id });
    if (!(await stored.write((db) => doomSession(db, session.id))))
      throw new ApiError(409, 'the session was pinned or deleted meanwhile', { parameter: 'session' });
    // Whoever tidies the store goes on where this is interrupted.
    while (await stored.write((db) => sweepDoomed(db))) await breath();
    return session;
  },
  sessionOperations: async ({ open, session, query: { limit, after } }) => {
    const reader = await open(session);
    const items = [];
    for (const operation of reader.operations(session.id, after)) {
      if (items.length === limit) return { items, next: items.at(-1)?.operationId };
      items.push(operation);
    }
    return { items };
  },
  operation: async ({ open, session, number }) => {
    const [found] = (await open(session)).operations(session.id, number - 1);
    if (found?.operationId === number) return found;
    throw new ApiError(404, 'the session has no such operation, or it is not over', {
      parameter: 'operation',
    });
  },
  pin: (request) => marked(request, 'pin', (db, id) => setPinned(db, id, true)),
  unpin: (request) => marked(request, 'unpin', (db, id) => setPinned(db, id, false)),
  note: (request) => {
    const { text } = request.body;
    if (text.length > MAX_NOTE_CHARACTERS)
      throw new ApiError(
        400,
        `text: ${text.length} characters are too many; ${MAX_NOTE_CHARACTERS} are the most`,
        { parameter: 'text' },
      );
    return marked(request, 'note', (db, id) => setNote(db, id, text));
  },
  removeNote: (request) => marked(request, 'remove_note', (db, id) => setNote(db, id, undefined)),
};

function question({ query: { filter, limit, after }, context }: Pick<Listed, 'query' | 'context'>) {
  const nowUs = context.now() * 1000;
  return { filter: readFilter(filter), limit, nowUs, ...(after !== undefined && { after }) };
}

function listed<T>({ rows, ...page }: Page<T>) {
  return { items: rows, ...page };
}

type Marking = ApiRequest<'pin' | 'unpin' | 'note' | 'removeNote'>;

async function marked(
  { context, recordings, session, audit }: Pick<Marking, 'context' | 'recordings' | 'session' | 'audit'>,
  action: 'pin' | 'unpin' | 'note' | 'remove_note',
  mark: (db: Writing, id: string) => boolean,
): Promise<SessionRecord> {
  const stored = writable(context);
  audit({ action, session: session.id });
  await stored.write((db) => mark(db, session.id));
  return recordings.findSession(session.id);
}
