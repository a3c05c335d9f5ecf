/**
 * The recordings of one org in the fleet's store, for everything that reads recordings: lists are asked of the engine, and a session
 * that is opened is brought here whole. It never writes to the fleet.
 */
import type { Remote } from '../config/remote.ts';
import type { StoredFrame } from '../store/block.ts';
import { StoreError } from '../store/error.ts';
import type { StoreReader } from '../store/read.ts';
import type { FindingRow, SessionRecord } from '../store/record.ts';
import type { Recordings } from '../store/recordings.ts';
import type { StoredSessionRow } from '../store/session.ts';
import { Brought, type BroughtFrame, type BroughtSession } from './bring.ts';
import { type Engine, FleetError, openEngine } from './engine.ts';
import {
  Lists,
  OPERATION_COLUMNS,
  operationRow,
  type OperationThere,
  SESSION_COLUMNS,
  sessionThere,
  type SessionThere,
  type Whole,
} from './lists.ts';
import { NewsDesk } from './news.ts';
import { type Place, Question } from './question.ts';
import { checkVersion } from './version.ts';

export interface FleetReadOptions {
  readonly remote: Remote;
  readonly password: string | undefined;
  /** What came is told live so many milliseconds later; an insert that takes longer may be missed. */
  readonly settleMs?: number;
}

/** One connection for every org that is looked at. */
export interface Fleet {
  /** Those of an org; nothing of another is ever among them. Closing them leaves the connection open. */
  readonly recordings: (org: string) => Recordings;
  readonly close: () => Promise<void>;
}

/** An insert of the largest batch takes a second. */
const SETTLE_MS = 4000;
/** Sessions that run at once; the newest. */
const MAX_OPEN = 1000;
const ID_PART = /^[0-9a-f-]{1,36}$/i;
const ID_CHARACTERS = 36;

/** Connects with the first question, so that a fleet that is away is told by whoever asks. */
export function openFleet({ remote, password, settleMs = SETTLE_MS }: FleetReadOptions): Fleet {
  let ready: Promise<Engine> | undefined;
  const brought = new Brought();
  const engine = (): Promise<Engine> => {
    ready ??= connected(remote, password).catch((error: unknown) => {
      ready = undefined;
      throw error;
    });
    return ready;
  };
  return {
    recordings: (org) => fleetRecordings(engine, { ...remote, org }, brought, settleMs),
    close: async () => {
      const opened = await ready?.catch(() => undefined);
      await opened?.close();
    },
  };
}

async function connected(remote: Remote, password: string | undefined): Promise<Engine> {
  const engine = await openEngine({ remote, password });
  try {
    await checkVersion(engine, remote);
    return engine;
  } catch (error) {
    await engine.close();
    throw error;
  }
}

function fleetRecordings(
  connect: () => Promise<Engine>,
  place: Place,
  brought: Brought,
  settleMs: number,
): Recordings {
  const asked = async <Answer>(ask: (engine: Engine) => Promise<Answer>): Promise<Answer> => {
    try {
      return await ask(await connect());
    } catch (error) {
      throw told(error);
    }
  };
  const lists = <Answer>(ask: (lists: Lists) => Promise<Answer>): Promise<Answer> =>
    asked((engine) => ask(new Lists(engine, place)));
  const news = <Answer>(ask: (news: NewsDesk) => Promise<Answer>): Promise<Answer> =>
    asked((engine) => ask(new NewsDesk(engine, place, settleMs)));
  return {
    writable: false,
    sessions: (query) => lists((one) => one.sessions(query)),
    operations: (query) => lists((one) => one.operations(query)),
    counted: (question, add) => lists((one) => one.counted(question, add)),
    among: (what, ids, question) => lists((one) => one.among(what, ids, question)),
    findSession: (wanted) => asked((engine) => findSession(wanted, engine, place)),
    open: (session) => asked((engine) => open(session, brought, engine, place)),
    openSessions: () => asked((engine) => openSessions(engine, place)),
    replaysOf: (id, position) => news((one) => one.replaysOf(id, position)),
    version: () => news((one) => one.version()),
    position: () => news((one) => one.position()),
    distance: (position) => news((one) => one.distance(position)),
    since: (position, watchedIds = []) => news((one) => one.since(position, watchedIds)),
    close: () => brought.close(place.org),
  };
}

/** In the words of whoever reads recordings. */
function told(error: unknown): unknown {
  if (!(error instanceof FleetError)) return error;
  const { code } = (error.cause ?? {}) as { readonly code?: string };
  if (code !== undefined && TOO_MUCH.has(code))
    return new StoreError(
      'fleet_too_much',
      'the fleet would have to look through too much for this: narrow the filter, such as with since:1d',
      error,
    );
  return error.kind === 'away'
    ? new StoreError('fleet_away', `the fleet's store does not answer: ${error.message}`, error)
    : new StoreError('fleet_refused', error.message, error);
}

/** TIMEOUT_EXCEEDED, TOO_MANY_ROWS, MEMORY_LIMIT_EXCEEDED, TOO_MANY_BYTES. */
const TOO_MUCH: ReadonlySet<string> = new Set(['159', '158', '241', '307']);

async function sessionsWhere(
  condition: (question: Question) => string,
  limit: number,
  engine: Engine,
  place: Place,
): Promise<readonly SessionThere[]> {
  const question = new Question(place);
  const rows = question.rows('session', condition(question));
  const sql = `SELECT ${SESSION_COLUMNS} FROM ${rows} ORDER BY started_at DESC, number DESC LIMIT ${limit} ${question.settings}`;
  return engine.query<SessionThere>(sql, question.params);
}

async function findSession(wanted: string, engine: Engine, place: Place): Promise<SessionRecord> {
  const id = wanted.toLowerCase();
  const found =
    id === 'last'
      ? await newest(engine, place)
      : ID_PART.test(id)
        ? await sessionsWhere((question) => partOf(id, question), MAX_OPEN, engine, place)
        : [];
  const [first] = found;
  if (first === undefined)
    throw new StoreError('session_unknown', 'no such session; `sidelight sessions` lists them');
  if (found.length > 1) {
    const some = found.slice(0, 3).map((row) => row.session_id);
    const [count, more] = [
      found.length === MAX_OPEN ? `${MAX_OPEN} or more` : found.length,
      found.length > some.length ? ', ...' : '',
    ];
    throw new StoreError(
      'session_ambiguous',
      `${count} sessions are meant by this id: ${some.join(', ')}${more}`,
    );
  }
  return sessionThere(first);
}

function partOf(id: string, question: Question): string {
  const part = question.value('String', id);
  if (id.length === ID_CHARACTERS) return `session_id = ${part}`;
  return `startsWith(session_id, ${part}) OR endsWith(session_id, ${part})`;
}

/** Of those that were no probes; where all were, of all. */
async function newest(engine: Engine, place: Place): Promise<readonly SessionThere[]> {
  const found = await sessionsWhere(() => 'probe = 0', 1, engine, place);
  return found.length > 0 ? found : sessionsWhere(() => 'true', 1, engine, place);
}

async function openSessions(engine: Engine, place: Place): Promise<readonly SessionRecord[]> {
  const found = await sessionsWhere(() => 'ended_at IS NULL', MAX_OPEN, engine, place);
  return found.map(sessionThere).reverse();
}

async function open(
  { id }: SessionRecord,
  brought: Brought,
  engine: Engine,
  place: Place,
): Promise<StoreReader> {
  const [there] = await sessionsWhere(
    (question) => `session_id = ${question.value('String', id)}`,
    1,
    engine,
    place,
  );
  if (there === undefined)
    throw new StoreError(
      'session_unknown',
      'the session is not in the fleet any more; `sidelight sessions` lists them',
    );
  return brought.open(place.org, id, String(there.stored), () =>
    Promise.resolve(fetched(id, there, engine, place)),
  );
}

function fetched(id: string, { row }: SessionThere, engine: Engine, place: Place): BroughtSession {
  const rowsOf = <Row>(table: 'operation' | 'finding' | 'frame', columns: string, order: string) => {
    const question = new Question(place);
    const rows = question.rows(table, `session_id = ${question.value('String', id)}`);
    return engine.rows<Row>(
      `SELECT ${columns} FROM ${rows} ORDER BY ${order} ${question.settings}`,
      question.params,
    );
  };
  return {
    row: JSON.parse(row) as StoredSessionRow,
    operations: mapped(rowsOf<OperationThere>('operation', OPERATION_COLUMNS, 'operation_id'), operationRow),
    findings: mapped(
      rowsOf<{ row: string }>('finding', 'row', 'number'),
      (one) => JSON.parse(one.row) as FindingRow & { number: number },
    ),
    frames: mapped(rowsOf<FrameThere>('frame', FRAME_COLUMNS, 'seq'), frameThere),
  };
}

async function* mapped<From, To>(
  rows: AsyncIterable<readonly From[]>,
  to: (row: From) => To,
): AsyncGenerator<readonly To[]> {
  for await (const some of rows) yield some.map(to);
}

const FRAME_COLUMNS =
  'seq, toUnixTimestamp64Micro(at) AS us, channel, kind, method, facts, payload, base64, version AS sent';

interface FrameThere {
  readonly seq: Whole;
  readonly us: Whole;
  readonly channel: StoredFrame['channel'];
  readonly kind: StoredFrame['kind'];
  readonly method: string;
  readonly facts: string;
  readonly payload: string;
  readonly base64: number;
  /** 0: without its payload. */
  readonly sent: Whole;
}

/** The payload did not come, or was deleted there when it was old. */
function frameThere({
  seq,
  us,
  channel,
  kind,
  method,
  facts,
  payload,
  base64,
  sent,
}: FrameThere): BroughtFrame {
  const known = JSON.parse(facts) as Facts;
  const isThere = Number(sent) > 0 && (payload !== '' || known.sizeBytes === 0);
  return {
    ...known,
    seq: Number(seq),
    atUs: Number(us),
    channel,
    kind,
    method: method === '' ? undefined : method,
    bytes: isThere ? Buffer.from(payload, base64 === 1 ? 'base64' : 'utf8') : undefined,
  };
}

type Facts = Pick<
  StoredFrame,
  | 'operationId'
  | 'sizeBytes'
  | 'ending'
  | 'truncated'
  | 'redactions'
  | 'sha256'
  | 'exchange'
  | 'eventId'
  | 'elided'
>;
