/**
 * Which sessions are deleted, and deleting them. What is pinned, live or still being written is never among them. A session
 * is gone for every reader with the first step; its blocks follow in short transactions, whoever goes on with them.
 */
import type { Database } from 'better-sqlite3';
import { hostname } from 'node:os';
import { isAlive } from './live.ts';
import { loseEverywhere } from './spool.ts';

/** Undefined: no bound. Ages and times in microseconds since the session's end. */
export interface RetentionRules {
  readonly ageUs: number | undefined;
  /** Of sessions in which something failed, and of those that were interrupted. */
  readonly failedAgeUs: number | undefined;
  readonly bytes: number | undefined;
  readonly sessions: number | undefined;
}

export type PruneReason = 'age' | 'failed_age' | 'size' | 'sessions';

export interface Prunable {
  readonly number: number;
  readonly id: string;
  readonly server: string;
  readonly startedAtUs: number;
  readonly failed: boolean;
  /** About so many bytes of the file. */
  readonly bytes: number;
  readonly reason: PruneReason;
}

interface Candidate {
  readonly number: number;
  readonly id: string;
  readonly server: string;
  readonly started_at: number;
  readonly ended_at: number | null;
  readonly is_failed: number;
  readonly operations: number;
  readonly pid: number;
  readonly process_mark: string | null;
  readonly hostname: string;
}

/** As the configuration has them, in milliseconds. */
export function retentionRules(retention: {
  readonly ageMs: number | undefined;
  readonly failedAgeMs: number | undefined;
  readonly bytes: number | undefined;
  readonly sessions: number | undefined;
}): RetentionRules {
  const { ageMs, failedAgeMs, bytes, sessions } = retention;
  const us = (ms: number | undefined): number | undefined => (ms === undefined ? undefined : ms * 1000);
  return { ageUs: us(ageMs), failedAgeUs: us(failedAgeMs), bytes, sessions };
}

/** Of its row, its operations' rows and the indexes on them, measured. */
const SESSION_BYTES = 1024;
const OPERATION_BYTES = 560;
/** Read at once. */
const PAGE = 200;
const BLOCKS_A_STEP = 64;
const ROWS_A_STEP = 2000;

export const IS_FAILED =
  "(failed > 0 OR ended_at IS NULL OR end_cause IN ('server_crashed', 'start_failed'))";
const CANDIDATE =
  `SELECT number, id, server, started_at, ended_at, ${IS_FAILED} AS is_failed, operations, pid, process_mark, hostname ` +
  'FROM session WHERE pinned = 0';

/**
 * In the order in which they would go; nothing is changed. Lazy: what is asked for is looked up. `isHeld`: by its number,
 * whether a session has to stay although the rules do not keep it.
 */
export function* prunable(
  db: Database,
  rules: RetentionRules,
  nowUs: number,
  isHeld: (session: number) => boolean = () => false,
): Generator<Prunable> {
  const { ageUs, failedAgeUs, bytes, sessions } = rules;
  // As of now: a caller may delete what it is given before it asks for more, or only look.
  let overSessions = sessions === undefined ? 0 : countOf(db) - sessions;
  let overBytes = bytes === undefined ? 0 : usedBytes(db) - bytes;
  const chosen = new Set<number>();
  function* choose(
    candidates: Iterable<Candidate>,
    reason: PruneReason,
    wants: () => boolean,
  ): Generator<Prunable> {
    if (!wants()) return;
    for (const candidate of candidates) {
      if (chosen.has(candidate.number) || isOpen(candidate) || isHeld(candidate.number)) continue;
      const one = prunableOf(db, candidate, reason);
      chosen.add(one.number);
      overSessions -= 1;
      overBytes -= one.bytes;
      yield one;
      if (!wants()) return;
    }
  }
  const always = (): boolean => true;
  if (ageUs !== undefined) yield* choose(olderThan(db, false, nowUs - ageUs), 'age', always);
  if (failedAgeUs !== undefined)
    yield* choose(olderThan(db, true, nowUs - failedAgeUs), 'failed_age', always);
  yield* choose(oldestFirst(db), 'sessions', () => overSessions > 0);
  yield* choose(oldestFirst(db), 'size', () => overBytes > 0);
}

/**
 * The session is gone for every reader; `sweepDoomed` frees what it held. False: it is gone, pinned or open again. What of it
 * was not brought to a fleet's store is counted as given up.
 */
export function doom(db: Database, number: number, nowUs = Date.now() * 1000): boolean {
  return db
    .transaction(() => {
      const doomed = db
        .prepare(
          'INSERT INTO doomed (number, id) SELECT number, id FROM session WHERE number = ? AND pinned = 0',
        )
        .run(number);
      if (doomed.changes === 0) return false;
      loseEverywhere(db, number, nowUs);
      db.prepare('DELETE FROM session WHERE number = ?').run(number);
      return true;
    })
    .immediate();
}

/** The same by its id. */
export function doomSession(db: Database, id: string): boolean {
  const number = db.prepare<unknown[], number>('SELECT number FROM session WHERE id = ?').pluck().get(id);
  if (number === undefined || !doom(db, number)) return false;
  // Somebody wants it to be gone: the next who tidies does not wait with the rest of its texts either.
  db.prepare('UPDATE text_index SET purged_at = 0').run();
  return true;
}

/** One short transaction of deleting what doomed sessions left. False: nothing is left. */
export function sweepDoomed(db: Database): boolean {
  return db
    .transaction(() => {
      const one = db
        .prepare<unknown[], { number: number; id: string }>('SELECT number, id FROM doomed LIMIT 1')
        .get();
      if (one === undefined) return false;
      const { number, id } = one;
      const deleted =
        remove(db, 'block', 'session_id', id, BLOCKS_A_STEP) ||
        remove(db, 'operation', 'session', number, ROWS_A_STEP) ||
        remove(db, 'finding', 'session_id', id, ROWS_A_STEP);
      if (!deleted) db.prepare('DELETE FROM doomed WHERE number = ?').run(number);
      return true;
    })
    .immediate();
}

function remove(db: Database, table: string, column: string, value: string | number, limit: number): boolean {
  const sql = `DELETE FROM ${table} WHERE number IN (SELECT number FROM ${table} WHERE ${column} = ? LIMIT ?)`;
  return db.prepare(sql).run(value, limit).changes > 0;
}

/** Bytes of the file that hold something. */
export function usedBytes(db: Database): number {
  const of = (name: string): number => db.pragma(name, { simple: true }) as number;
  return (of('page_count') - of('freelist_count')) * of('page_size');
}

function countOf(db: Database): number {
  return db.prepare<unknown[], number>('SELECT count(*) FROM session').pluck().get() ?? 0;
}

function* olderThan(db: Database, failed: boolean, beforeUs: number): Generator<Candidate> {
  const is = failed ? IS_FAILED : `NOT ${IS_FAILED}`;
  const sql =
    `${CANDIDATE} AND started_at < @beforeUs AND coalesce(ended_at, started_at) < @beforeUs AND ${is} ` +
    'AND (started_at, number) > (@startedAt, @number) ORDER BY started_at, number LIMIT @limit';
  yield* paged(db, sql, { beforeUs });
}

/** Those in which nothing failed, and then the others. */
function* oldestFirst(db: Database): Generator<Candidate> {
  for (const is of [`NOT ${IS_FAILED}`, IS_FAILED]) {
    const sql = `${CANDIDATE} AND ${is} AND (started_at, number) > (@startedAt, @number) ORDER BY started_at, number LIMIT @limit`;
    yield* paged(db, sql, {});
  }
}

function* paged(db: Database, sql: string, values: object): Generator<Candidate> {
  const page = db.prepare<unknown[], Candidate>(sql);
  for (let startedAt = 0, number = 0; ;) {
    const rows = page.all({ ...values, startedAt, number, limit: PAGE });
    yield* rows;
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE) return;
    ({ started_at: startedAt, number } = last);
  }
}

function isOpen({ ended_at, hostname: host, pid, process_mark: mark }: Candidate): boolean {
  return ended_at === null && host === hostname() && isAlive(pid, mark);
}

function prunableOf(db: Database, row: Candidate, reason: PruneReason): Prunable {
  const sql = 'SELECT coalesce(sum(length(entries) + length(data)), 0) FROM block WHERE session_id = ?';
  const blocks = db.prepare<unknown[], number>(sql).pluck().get(row.id) ?? 0;
  return {
    number: row.number,
    id: row.id,
    server: row.server,
    startedAtUs: row.started_at,
    failed: row.is_failed === 1,
    bytes: blocks + SESSION_BYTES + row.operations * OPERATION_BYTES,
    reason,
  };
}
