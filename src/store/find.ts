/**
 * Looks up what a filter means, a page at a time, the newest first. Texts are looked for in the payloads of what the rest of the
 * filter and the index of texts leave, up to a bound; it never writes.
 */
import type { Database } from 'better-sqlite3';
import type { Filter } from '../filter/ast.ts';
import { meantWords } from '../filter/keys.ts';
import { hasText, operationCondition, sessionCondition, sessionPart, textsOf } from './filter.ts';
import type { FilterContext } from './conditions.ts';
import { liveness, sessionRecords } from './live.ts';
import { operationRecord, type OperationRecord, type OperationRow, type SessionRecord } from './record.ts';
import { cursorOf, MAX_PAGE, type Page, type PageQuery, type Placed, positionOf } from './page.ts';
import { PayloadReader } from './says.ts';
import type { Sql } from './sql.ts';
import type { StoredSessionRow } from './session.ts';
import { TextLookup } from './textLookup.ts';

export type FoundSession = SessionRecord & { readonly cursor: string };
export type FoundOperation = OperationRecord & {
  readonly server: string;
  /** Rules of the findings about it, each once. */
  readonly findingRules: readonly string[];
  readonly cursor: string;
};

/** What statistics count. */
export interface CountedOperation {
  readonly server: string;
  readonly method: string;
  /** Undefined for what is no call of a tool. */
  readonly tool: string | undefined;
  readonly outcome: OperationRecord['outcome'];
  readonly durationUs: number;
  readonly stream: boolean;
  readonly bytes: number;
}

export interface FindLimits {
  /** Of payloads, for one page. What a session holds is read to its end, so that each page comes further. */
  readonly scannedBytes: number;
  /** Rows whose payloads are asked for a text, for one page: where the index of texts knows better, none is read. */
  readonly checked: number;
  /** So many operations are sorted in a moment; where there are more, the newest are walked until enough are found. */
  readonly sorted: number;
}

/** Payloads and rows: a second or two of each. */
const LIMITS: FindLimits = { scannedBytes: 256 * 1024 * 1024, checked: 250_000, sorted: 50_000 };
const MAX_FINDING_RULES = 20;

type FoundSessionRow = StoredSessionRow & Placed;
type FoundOperationRow = OperationRow & Placed & { readonly server: string; readonly rules: string };

/** Where rows come from, and the condition on them. */
interface Source {
  readonly table: 'session' | 'operation';
  readonly from: string;
  readonly condition: Sql;
  /** With texts, which the condition leaves open. */
  readonly exact: Sql | undefined;
}

type Question = Pick<PageQuery, 'filter' | 'nowUs'>;

const JOINED = 'CROSS JOIN session ON session.number = operation.session';
const OPERATION =
  "operation.*, session.id AS session_id, session.server AS server, (SELECT coalesce(group_concat(rule), '') FROM " +
  '(SELECT DISTINCT finding.rule FROM finding WHERE finding.session_id = session.id ' +
  `AND finding.operation_id = operation.operation_id LIMIT ${MAX_FINDING_RULES})) AS rules`;
const COUNTED =
  "session.server, operation.method, CASE operation.target_kind WHEN 'tool' THEN operation.target END, operation.outcome, " +
  'operation.ended_at - operation.started_at, operation.stream, operation.request_bytes + operation.result_bytes';
type CountedRow = [string, string, string | null, CountedOperation['outcome'], number, number, number];

export class Finder {
  readonly #db: Database;
  readonly #payloads: PayloadReader;
  readonly #texts: TextLookup;
  readonly #limits: FindLimits;

  constructor(db: Database, limits = LIMITS) {
    this.#db = db;
    this.#limits = limits;
    this.#payloads = new PayloadReader(db);
    this.#texts = new TextLookup(db);
  }

  sessions(query: PageQuery): Page<FoundSession> {
    return this.#look(query, () => {
      const page = this.#page<FoundSessionRow>(query, 'session.*', this.#ofSessions(query));
      const records = sessionRecords(page.rows);
      const found = page.rows.map((row, index) => ({
        ...(records[index] as SessionRecord),
        cursor: cursorOf(row),
      }));
      return { ...page, rows: found };
    });
  }

  operations(query: PageQuery): Page<FoundOperation> {
    return this.#look(query, () => {
      const page = this.#page<FoundOperationRow>(query, OPERATION, this.#ofOperations(query));
      const found = page.rows.map((row) => ({
        ...operationRecord(row),
        server: row.server,
        findingRules: row.rules === '' ? [] : row.rules.split(','),
        cursor: cursorOf(row),
      }));
      return { ...page, rows: found };
    });
  }

  /** Every operation that a filter means, in no order. Texts are not looked for: see `operations`. */
  *counted(question: Question): Generator<CountedOperation> {
    this.#texts.look([]);
    const { from, condition } = this.#ofOperations(question);
    const rows = this.#db
      .prepare<unknown[], CountedRow>(`SELECT ${COUNTED} FROM ${from} WHERE ${condition.sql}`)
      .raw();
    for (const row of rows.iterate(...condition.values)) {
      const [server, method, tool, outcome, durationUs, stream, bytes] = row;
      yield { server, method, tool: tool ?? undefined, outcome, durationUs, stream: stream === 1, bytes };
    }
  }

  /** Which of these sessions, or of these operations by their numbers, a filter means. */
  among<Id extends string | number>(
    what: 'sessions' | 'operations',
    ids: readonly Id[],
    { filter, nowUs }: Question,
  ): ReadonlySet<Id> {
    if (ids.length === 0) return new Set();
    const id = what === 'sessions' ? 'session.id' : 'operation.number';
    const from = what === 'sessions' ? 'session' : `operation ${JOINED}`;
    const compile = what === 'sessions' ? sessionCondition : operationCondition;
    return this.#look({ filter }, () => {
      const { sql, values } = compile(filter, this.#context(filter, nowUs, 'looked_up'));
      const found = this.#db
        .prepare<unknown[], Id>(
          `SELECT ${id} FROM ${from} WHERE ${id} IN (SELECT value FROM json_each(?)) AND ${sql}`,
        )
        .pluck()
        .all(JSON.stringify(ids), ...values);
      return new Set(found);
    });
  }

  #ofSessions({ filter, nowUs }: Question): Source {
    const condition = (text: FilterContext['text']): Sql =>
      sessionCondition(filter, this.#context(filter, nowUs, text));
    return {
      table: 'session',
      from: 'session',
      condition: condition('assumed'),
      exact: hasText(filter) ? condition('looked_up') : undefined,
    };
  }

  /** Where the filter leaves few sessions, their operations are looked at, else the newest of all. */
  #ofOperations({ filter, nowUs }: Question): Source {
    const condition = (text: FilterContext['text']): Sql =>
      operationCondition(filter, this.#context(filter, nowUs, text));
    const exact = hasText(filter) ? condition('looked_up') : undefined;
    const all: Source = {
      table: 'operation',
      from: `operation ${JOINED}`,
      condition: condition('assumed'),
      exact,
    };
    const part = sessionPart(filter);
    const sessions = sessionCondition(part, this.#context(part, nowUs, 'assumed'));
    if (sessions.sql === 'true' || this.#operationsOf(sessions) > this.#limits.sorted) return all;
    const chosen = `operation.session IN (SELECT session.number FROM session WHERE ${sessions.sql})`;
    return {
      ...all,
      from: `operation INDEXED BY operation_by_session ${JOINED}`,
      condition: {
        sql: `${chosen} AND ${all.condition.sql}`,
        values: [...sessions.values, ...all.condition.values],
      },
    };
  }

  /** As of one moment. */
  #look<T>({ filter }: Pick<Question, 'filter'>, read: () => T): T {
    return this.#db.transaction(() => {
      this.#payloads.forget();
      this.#texts.look(textsOf(filter));
      return read();
    })();
  }

  #page<Row extends Placed>({ limit, after }: PageQuery, columns: string, source: Source): Page<Row> {
    const { table, from, condition, exact } = source;
    const exactly =
      exact &&
      this.#db.prepare<unknown[], Row>(
        `SELECT ${columns} FROM ${table === 'session' ? table : `operation ${JOINED}`} WHERE ${table}.number = ? AND ${exact.sql}`,
      );
    // With texts most rows are left out: only their places are sorted.
    const sorted = exactly === undefined ? columns : `${table}.number, ${table}.started_at`;
    const older = this.#db.prepare<unknown[], Row>(
      `SELECT ${sorted} FROM ${from} WHERE ${condition.sql} AND (${table}.started_at, ${table}.number) < (?, ?) ` +
        `ORDER BY ${table}.started_at DESC, ${table}.number DESC LIMIT ?`,
    );
    const wanted = Math.min(limit, MAX_PAGE);
    // One more than is wanted tells whether there is more.
    const size = exactly === undefined ? wanted + 1 : MAX_PAGE;
    const rows: Row[] = [];
    const page = (next?: Placed): Page<Row> => {
      const { scannedBytes } = this.#payloads;
      const stopped = next !== undefined && rows.length < wanted;
      return { rows, next: next && cursorOf(next), scannedBytes, stopped };
    };
    let checked = 0;
    for (let last = positionOf(after); ;) {
      const found = older.all(...condition.values, last.started_at, last.number, size);
      for (const row of found) {
        if (rows.length === wanted || this.#payloads.scannedBytes >= this.#limits.scannedBytes)
          return page(last);
        if (exactly !== undefined && (checked += 1) > this.#limits.checked) return page(last);
        const meant = exactly === undefined ? row : exactly.get(row.number, ...(exact?.values ?? []));
        if (meant !== undefined) rows.push(meant);
        last = row;
      }
      if (found.length < size) return page();
    }
  }

  #context(filter: Filter, nowUs: number, text: FilterContext['text']): FilterContext {
    return {
      nowUs,
      live: asksWhetherLive(filter) ? this.#live() : [],
      text,
      mayHave: (sought) => this.#texts.sessions(sought),
      isFew: (operations) => text === 'assumed' && this.#areFew(operations),
    };
  }

  #live(): readonly number[] {
    const isLive = liveness();
    return this.#db
      .prepare<unknown[], FoundSessionRow>(
        'SELECT number, ended_at, hostname, pid, process_mark FROM session WHERE ended_at IS NULL',
      )
      .all()
      .filter(isLive)
      .map(({ number }) => number);
  }

  #areFew({ sql, values }: Sql): boolean {
    const counted = `SELECT count(*) FROM (SELECT 1 FROM operation WHERE ${sql} LIMIT ${this.#limits.sorted + 1})`;
    return (
      (this.#db
        .prepare<unknown[], number>(counted)
        .pluck()
        .get(...values) ?? 0) <= this.#limits.sorted
    );
  }

  #operationsOf({ sql, values }: Sql): number {
    const counted = `SELECT coalesce(sum(operations), 0) FROM session WHERE ${sql}`;
    return (
      this.#db
        .prepare<unknown[], number>(counted)
        .pluck()
        .get(...values) ?? 0
    );
  }
}

function asksWhetherLive(filter: Filter): boolean {
  if (filter.kind === 'not') return asksWhetherLive(filter.of);
  if ('of' in filter) return filter.of.some(asksWhetherLive);
  if (filter.kind !== 'match' || filter.key !== 'is') return false;
  return meantWords('is', filter.any).some((word) => word === 'live' || word === 'incomplete');
}
