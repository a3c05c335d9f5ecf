/** Lists of the fleet's store: a page of what a filter means, the newest first, and what is counted. It asks, and writes nothing. */
import type { Filter } from '../filter/ast.ts';
import { whenUs } from '../filter/quantity.ts';
import type { CountedOperation, FoundOperation, FoundSession } from '../store/find.ts';
import { cursorOf, MAX_PAGE, type Page, type PageQuery, type Placed, positionOf } from '../store/page.ts';
import { operationRecord, type OperationRow, sessionRecord, type SessionRecord } from '../store/record.ts';
import type { Question as Asked } from '../store/recordings.ts';
import type { StoredSessionRow } from '../store/session.ts';
import type { Engine } from './engine.ts';
import { conditionOf, IS_FRESH, type Listed } from './filter.ts';
import { type Place, Question } from './question.ts';

/** 64-bit numbers come as text or as numbers, as the engine likes. */
export type Whole = string | number;

export interface SessionThere {
  readonly session_id: string;
  readonly row: string;
  readonly number: Whole;
  /** When this version of it came, in microseconds. */
  readonly stored: Whole;
  readonly fresh: Whole;
}

export interface OperationThere {
  readonly session_id: string;
  readonly operation_id: Whole;
  readonly row: string;
  readonly number: Whole;
}

export const SESSION_COLUMNS = `session_id, row, number, toUnixTimestamp64Micro(stored_at) AS stored, ${IS_FRESH} AS fresh`;
export const OPERATION_COLUMNS = 'session_id, operation_id, row, number';
const MAX_FINDING_RULES = 20;
const DAY_US = 24 * 3600 * 1e6;
/** A page that the last days fill needs no look at all the others. */
const WINDOWS_US = [DAY_US, 14 * DAY_US, Infinity];
/** Named by something that an index knows on any day. */
const SOUGHT: ReadonlySet<string> = new Set(['trace', 'session']);

export function sessionThere({ row, fresh }: SessionThere): SessionRecord {
  const stored = JSON.parse(row) as StoredSessionRow;
  return sessionRecord(stored, stored.ended_at === null && Number(fresh) === 1);
}

/** As the local store has it, with the number that it has in the fleet. */
export function operationRow({ row, session_id, number }: OperationThere): OperationRow {
  return { ...(JSON.parse(row) as OperationRow), session_id, number: Number(number) };
}

export class Lists {
  readonly #engine: Engine;
  readonly #place: Place;

  constructor(engine: Engine, place: Place) {
    this.#engine = engine;
    this.#place = place;
  }

  async sessions(query: PageQuery): Promise<Page<FoundSession>> {
    const page = await this.#page<SessionThere>('session', SESSION_COLUMNS, query);
    const rows = page.rows.map((there) => {
      const session = sessionThere(there);
      const placed = { started_at: session.startedAtUs, number: there.number };
      return { ...session, cursor: cursorOf(placed) };
    });
    return { ...page, rows };
  }

  async operations(query: PageQuery): Promise<Page<FoundOperation>> {
    const page = await this.#page<OperationThere>('operation', OPERATION_COLUMNS, query);
    const ids = [...new Set(page.rows.map((row) => row.session_id))];
    const [servers, rules] = await Promise.all([this.#servers(ids), this.#rules(ids)]);
    const rows = page.rows.map((there) => {
      const row = operationRow(there);
      return {
        ...operationRecord(row),
        server: servers.get(row.session_id) ?? '',
        findingRules: rules.get(`${row.session_id} ${row.operation_id}`) ?? [],
        cursor: cursorOf(row),
      };
    });
    return { ...page, rows };
  }

  async counted({ filter, nowUs }: Asked, add: (operation: CountedOperation) => boolean): Promise<boolean> {
    const question = new Question(this.#place);
    const rows = question.rows('operation', conditionOf('operation', filter, nowUs, question));
    const sql =
      "SELECT server, method, if(target_kind = 'tool', target, NULL) AS tool, outcome, duration_us, stream, bytes " +
      `FROM ${rows} ${question.settings}`;
    for await (const some of this.#engine.rows<CountedThere>(sql, question.params))
      for (const { server, method, tool, outcome, duration_us, stream, bytes } of some) {
        const counts = { durationUs: Number(duration_us), stream: stream === 1, bytes: Number(bytes) };
        if (!add({ server, method, tool: tool ?? undefined, outcome, ...counts })) return false;
      }
    return true;
  }

  async among<Id extends string | number>(
    what: 'sessions' | 'operations',
    ids: readonly Id[],
    { filter, nowUs }: Asked,
  ): Promise<ReadonlySet<Id>> {
    if (ids.length === 0) return new Set();
    const [listed, id] =
      what === 'sessions' ? (['session', 'session_id'] as const) : (['operation', 'number'] as const);
    const question = new Question(this.#place);
    const given = `${id} IN ${question.value(what === 'sessions' ? 'Array(String)' : 'Array(UInt64)', ids)}`;
    const rows = question.rows(listed, `${given} AND (${conditionOf(listed, filter, nowUs, question)})`);
    const found = await this.#engine.query<{ id: Id }>(
      `SELECT ${id} AS id FROM ${rows} ${question.settings}`,
      question.params,
    );
    return new Set(found.map((one) => (what === 'sessions' ? one.id : Number(one.id)) as Id));
  }

  async #page<Row extends { readonly number: Whole }>(
    listed: Listed,
    columns: string,
    { filter, nowUs, limit, after }: PageQuery,
  ): Promise<Page<Row & Placed>> {
    const wanted = Math.min(limit, MAX_PAGE);
    const from = after === undefined ? undefined : positionOf(after);
    let found: readonly (Row & { readonly started: Whole })[] = [];
    const newestUs = Math.min(from?.started_at ?? nowUs, nowUs);
    for (const startUs of startsFor(filter, nowUs, newestUs)) {
      const question = new Question(this.#place);
      const conditions = [`(${conditionOf(listed, filter, nowUs, question)})`];
      if (from !== undefined) conditions.push(before(from, question));
      if (startUs > -Infinity) conditions.push(`started_at >= ${question.time(startUs)}`);
      const sql =
        `SELECT ${columns}, toUnixTimestamp64Micro(started_at) AS started FROM ${question.rows(listed, conditions.join(' AND '))} ` +
        // One more than is wanted tells whether there is more.
        `ORDER BY started_at DESC, number DESC LIMIT ${wanted + 1} ${question.settings}`;
      found = await this.#engine.query(sql, question.params);
      if (found.length > wanted) break;
    }
    const rows = found
      .slice(0, wanted)
      .map((row) => ({ ...row, started_at: Number(row.started), number: Number(row.number) }));
    const last = found.length > wanted ? rows.at(-1) : undefined;
    return { rows, next: last && cursorOf(last), scannedBytes: 0, stopped: false };
  }

  async #servers(ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const question = new Question(this.#place);
    const rows = question.rows('session', `session_id IN ${question.value('Array(String)', ids)}`);
    const found = await this.#engine.query<{ session_id: string; server: string }>(
      `SELECT session_id, server FROM ${rows} ${question.settings}`,
      question.params,
    );
    return new Map(found.map(({ session_id: id, server }) => [id, server]));
  }

  /** Each once, by name. */
  async #rules(ids: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>> {
    const question = new Question(this.#place);
    const given = `session_id IN ${question.value('Array(String)', ids)} AND operation_id IS NOT NULL`;
    const found = await this.#engine.query<{ session_id: string; about: Whole; rule: string }>(
      `SELECT session_id, operation_id AS about, rule FROM ${question.rows('finding', given)} ` +
        `GROUP BY session_id, operation_id, rule ORDER BY session_id, about, rule ${question.settings}`,
      question.params,
    );
    const rules = new Map<string, string[]>();
    for (const { session_id: id, about, rule } of found) {
      const key = `${id} ${about}`;
      const some = rules.get(key) ?? [];
      if (some.length < MAX_FINDING_RULES) some.push(rule);
      rules.set(key, some);
    }
    return rules;
  }
}

interface CountedThere {
  readonly server: string;
  readonly method: string;
  readonly tool: string | null;
  readonly outcome: CountedOperation['outcome'];
  readonly duration_us: Whole;
  readonly stream: number;
  readonly bytes: Whole;
}

/** Where looks begin, one after the other: what is found by its id is asked for once, and no further back than the filter goes. */
function startsFor(filter: Filter, nowUs: number, newestUs: number): readonly number[] {
  const terms = filter.kind === 'and' ? filter.of : [filter];
  if (terms.some((term) => term.kind === 'match' && SOUGHT.has(term.key))) return [-Infinity];
  const since = terms.flatMap((term) =>
    term.kind === 'time' && term.key === 'since' ? [whenUs(term.when, nowUs)] : [],
  );
  const starts = WINDOWS_US.map((window) => newestUs - window);
  const enough = starts.findIndex((startUs) => since.some((us) => us >= startUs));
  return enough === -1 ? starts : starts.slice(0, enough + 1);
}

function before({ started_at: us, number }: Placed, question: Question): string {
  const at = question.time(us);
  return `(started_at < ${at} OR started_at = ${at} AND number < ${question.value('UInt64', number)})`;
}
