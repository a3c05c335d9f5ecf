/**
 * What came to the fleet's store after a position, by the engine's own clock: a position is a text that any node understands. What
 * came within the last moments is told later, so that nothing that shows up late is missed, and nothing is told twice.
 */
import { operationRecord } from '../store/record.ts';
import type { Distance, News } from '../store/recordings.ts';
import type { Engine } from './engine.ts';
import {
  OPERATION_COLUMNS,
  operationRow,
  type OperationThere,
  SESSION_COLUMNS,
  sessionThere,
  type SessionThere,
  type Whole,
} from './lists.ts';
import { type Place, Question } from './question.ts';

/** The moment and the number of the last one that was told: rows that came with one insert have one moment. */
interface Reached {
  readonly us: number;
  readonly number: number;
}

interface Position {
  readonly session: Reached;
  readonly operation: Reached;
}

const POSITION = /^(\d{1,16})[.](\d{1,16})[.](\d{1,16})[.](\d{1,16})$/;
const BEGINNING: Reached = { us: 0, number: 0 };
const PAGE = 1000;
/** What changed longer ago makes nobody look again. */
const VERSION_SECONDS = 3600;
const SESSION_NUMBER = 'bitAnd(sipHash64(session_id), 9007199254740991)';

export class NewsDesk {
  readonly #engine: Engine;
  readonly #place: Place;
  readonly #settleMs: number;

  /** `settleMs`: an insert is seen so long after it began. */
  constructor(engine: Engine, place: Place, settleMs: number) {
    this.#engine = engine;
    this.#place = place;
    this.#settleMs = settleMs;
  }

  async position(): Promise<string> {
    const us = await this.#settled();
    const end = { us, number: Number.MAX_SAFE_INTEGER };
    return textOf({ session: end, operation: end });
  }

  /** When the last change came that is told by now, within the last hour. */
  async version(): Promise<number> {
    const until = await this.#settled();
    const latest = async (table: 'session' | 'operation'): Promise<number> => {
      const question = new Question(this.#place);
      const window = [until - VERSION_SECONDS * 1e6, until].map((us) => question.time(us));
      const rows = question.versions(table, `stored_at > ${window[0]} AND stored_at <= ${window[1]}`);
      const sql = `SELECT toUnixTimestamp64Micro(max(stored_at)) AS us FROM ${rows} ${question.settings}`;
      const [found] = await this.#engine.query<{ us: Whole }>(sql, question.params);
      return Number(found?.us ?? 0);
    };
    const [session, operation] = await Promise.all([latest('session'), latest('operation')]);
    return Math.max(session, operation);
  }

  async since(text: string, watchedIds: Iterable<string>): Promise<News> {
    const from = positionOf(text) ?? { session: BEGINNING, operation: BEGINNING };
    const untilUs = await this.#settled();
    const [first, operations, watched] = await Promise.all([
      this.#first(from.session, untilUs, PAGE),
      this.#operations(from.operation, untilUs),
      this.#sessions([...watchedIds]),
    ]);
    const sessions = new Map(
      (await this.#sessions(first.map(({ id }) => id))).map((one) => [one.session_id, one]),
    );
    const lastSession = first.at(-1);
    const lastOperation = operations.at(-1);
    return {
      sessions: first.flatMap(({ id }) => {
        const found = sessions.get(id);
        return found === undefined ? [] : [sessionThere(found)];
      }),
      operations: operations.map((one) => operationRecord(operationRow(one))),
      watched: watched.map(sessionThere),
      position: textOf({
        session: reached(from.session, untilUs, first.length === PAGE ? lastSession : undefined),
        operation: reached(from.operation, untilUs, operations.length === PAGE ? lastOperation : undefined),
      }),
      more: first.length === PAGE || operations.length === PAGE,
    };
  }

  async distance(text: string | undefined): Promise<Distance | undefined> {
    const from = text === undefined ? { session: BEGINNING, operation: BEGINNING } : positionOf(text);
    if (from === undefined) return undefined;
    const count = async (
      table: 'session_first' | 'operation',
      at: string,
      { us }: Reached,
    ): Promise<number> => {
      const question = new Question(this.#place);
      const rows = question.rows(table, `${at} > ${question.time(us)}`);
      const sql = `SELECT count() AS n FROM ${rows} ${question.settings}`;
      const [found] = await this.#engine.query<{ n: Whole }>(sql, question.params);
      return Number(found?.n ?? 0);
    };
    const [sessions, operations] = await Promise.all([
      count('session_first', 'first_at', from.session),
      count('operation', 'stored_at', from.operation),
    ]);
    return { sessions, operations };
  }

  async replaysOf(id: string, text: string): Promise<readonly string[]> {
    const question = new Question(this.#place);
    const at = question.time((positionOf(text) ?? { session: BEGINNING }).session.us);
    const first = question.rows('session_first', `first_at > ${at}`);
    const meant = `replay_of = ${question.value('String', id)} AND session_id IN (SELECT session_id FROM ${first})`;
    const rows = question.rows('session', meant);
    const sql = `SELECT session_id FROM ${rows} ORDER BY started_at, number LIMIT ${PAGE} ${question.settings}`;
    const found = await this.#engine.query<{ session_id: string }>(sql, question.params);
    return found.map((one) => one.session_id);
  }

  /** Of the engine's clock: what came until then is seen by now. */
  async #settled(): Promise<number> {
    const sql = "SELECT toUnixTimestamp64Micro(now64(6, 'UTC')) AS us";
    const [row] = await this.#engine.query<{ us: Whole }>(sql);
    return Number(row?.us ?? 0) - this.#settleMs * 1000;
  }

  async #first(after: Reached, untilUs: number, limit: number) {
    const question = new Question(this.#place);
    const rows = question.rows(
      'session_first',
      windowOf('first_at', SESSION_NUMBER, after, untilUs, question),
    );
    const sql =
      `SELECT session_id AS id, toUnixTimestamp64Micro(first_at) AS us, ${SESSION_NUMBER} AS number FROM ${rows} ` +
      `ORDER BY first_at, number LIMIT ${limit} ${question.settings}`;
    return this.#engine.query<{ id: string; us: Whole; number: Whole }>(sql, question.params);
  }

  async #operations(after: Reached, untilUs: number) {
    const question = new Question(this.#place);
    const rows = question.rows('operation', windowOf('stored_at', 'number', after, untilUs, question));
    const sql =
      `SELECT ${OPERATION_COLUMNS}, toUnixTimestamp64Micro(stored_at) AS us FROM ${rows} ` +
      `ORDER BY stored_at, number LIMIT ${PAGE} ${question.settings}`;
    return this.#engine.query<OperationThere & { us: Whole }>(sql, question.params);
  }

  async #sessions(ids: readonly string[]): Promise<readonly SessionThere[]> {
    if (ids.length === 0) return [];
    const question = new Question(this.#place);
    const rows = question.rows('session', `session_id IN ${question.value('Array(String)', ids)}`);
    return this.#engine.query(`SELECT ${SESSION_COLUMNS} FROM ${rows} ${question.settings}`, question.params);
  }
}

function windowOf(at: string, number: string, after: Reached, untilUs: number, question: Question): string {
  const from = question.time(after.us);
  const later = `(${at} > ${from} OR ${at} = ${from} AND ${number} > ${question.value('UInt64', after.number)})`;
  return `${later} AND ${at} <= ${question.time(untilUs)}`;
}

/** `last`: of a page that was full; else everything until then was told. */
function reached(
  before: Reached,
  untilUs: number,
  last: { readonly us: Whole; readonly number: Whole } | undefined,
): Reached {
  if (last !== undefined) return { us: Number(last.us), number: Number(last.number) };
  return untilUs < before.us ? before : { us: untilUs, number: Number.MAX_SAFE_INTEGER };
}

function textOf({ session, operation }: Position): string {
  return [session.us, session.number, operation.us, operation.number].join('.');
}

function positionOf(text: string): Position | undefined {
  const [all, ...parts] = POSITION.exec(text) ?? [];
  if (all === undefined) return undefined;
  const [sessionUs = 0, session = 0, operationUs = 0, operation = 0] = parts.map(Number);
  return { session: { us: sessionUs, number: session }, operation: { us: operationUs, number: operation } };
}
