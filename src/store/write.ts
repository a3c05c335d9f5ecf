/** Writes to the open database, one transaction a batch: what is stored is stored whole, whenever the process dies. */
import type { Database, Statement } from 'better-sqlite3';
import type { FindingRaised, FrameRecorded, OperationFinished, ToolSeen } from '../event/event.ts';
import { DefinitionWriter } from './baseline.ts';
import { BlockEncoder } from './block.ts';
import { repack, type Repacked } from './repack.ts';
import type { Recorded, SessionProjection, SessionRow } from './session.ts';

/** What came in for one session. */
export interface SessionBatch {
  readonly session: SessionProjection;
  readonly frames: FrameRecorded[];
  readonly operations: OperationFinished[];
  readonly findings: FindingRaised[];
  readonly tools: ToolSeen[];
}

const BLOCK = 'session_id, first_seq, last_seq, count, first_at, last_at, entries, data';
/** A session by its number: its id would be the longest value of the row, and of its index. */
const OPERATION =
  'session, operation_id, initiator, method, target_kind, target, request_id, started_at, ended_at, outcome, ' +
  'trace_id, span_id, request_bytes, result_bytes, first_seq, last_seq';
/** What only few operations have: binding fewer values is a third of the time of an insert. */
const REST =
  'progress, stream, parent_operation_id, error_code, error_type, error_message, legs, task, ' +
  'subscription, http';
const FINDING = 'session_id, at, rule, channel, seq, operation_id, detail';

export class StoreWriter {
  readonly #db: Database;
  readonly #blocks: BlockEncoder;
  readonly #begin: Statement;
  readonly #commit: Statement;
  readonly #block: Statement;
  readonly #operation: Statement;
  readonly #rest: Statement;
  readonly #finding: Statement;
  readonly #definitions: DefinitionWriter;
  readonly #pinned: Statement<[string], number>;
  #session: Statement<[SessionRow], number> | undefined;

  constructor(db: Database, record: Recorded) {
    this.#db = db;
    this.#blocks = new BlockEncoder(record !== 'metadata');
    this.#begin = db.prepare('BEGIN IMMEDIATE');
    this.#commit = db.prepare('COMMIT');
    this.#block = insert(db, 'block', BLOCK);
    this.#operation = insert(db, 'operation', OPERATION);
    this.#rest = db.prepare(
      `UPDATE operation SET (${REST}) = (${places(REST)}) WHERE number = last_insert_rowid()`,
    );
    this.#finding = insert(db, 'finding', FINDING);
    this.#definitions = new DefinitionWriter(db);
    this.#pinned = db.prepare<[string], number>('SELECT pinned FROM session WHERE id = ?').pluck();
  }

  /** All of it or, when this throws what SQLite threw, nothing. */
  write(batches: Iterable<SessionBatch>): void {
    this.#begin.run();
    try {
      for (const batch of batches) this.#writeSession(batch);
      this.#commit.run();
    } catch (error) {
      if (this.#db.inTransaction) this.#db.exec('ROLLBACK');
      throw error;
    }
  }

  /**
   * Takes the bodies out of a session's blocks from a frame on, about a megabyte of them, in a transaction of its own.
   * `nextSeq` is where to go on, undefined when nothing is left.
   */
  strip(sessionId: string, fromSeq: number): Repacked {
    return repack(this.#db, sessionId, fromSeq, { keepBodies: false, compress: false });
  }

  isPinned(sessionId: string): boolean {
    return this.#pinned.get(sessionId) === 1;
  }

  close(): void {
    this.#db.close();
  }

  #writeSession({ session, frames, operations, findings, tools }: SessionBatch): void {
    const { row } = session;
    const { id } = row;
    this.#session ??= this.#db.prepare<[SessionRow], number>(upsert('session', Object.keys(row))).pluck();
    const number = this.#session.get(row);
    for (const block of this.#blocks.encode(frames)) {
      const { firstSeq, lastSeq, count, firstAtUs, lastAtUs, entries, data } = block;
      this.#block.run(id, firstSeq, lastSeq, count, firstAtUs, lastAtUs, entries, data);
    }
    for (const operation of operations) this.#writeOperation(number, operation);
    for (const { atUs, rule, channel, seq, operationId, detail } of findings) {
      this.#finding.run(id, atUs, rule, channel, seq, operationId ?? null, detail);
    }
    for (const tool of tools) this.#definitions.write(tool);
  }

  #writeOperation(session: number | undefined, operation: OperationFinished): void {
    const { target, error, legs, progressCount, stream, parentOperationId, requestId } = operation;
    const { http, task, subscription } = operation;
    this.#operation.run(
      session,
      operation.operationId,
      operation.initiator,
      operation.method,
      target?.kind,
      target?.name,
      // As JSON: 1 and "1" are different ids.
      typeof requestId === 'number' ? String(requestId) : JSON.stringify(requestId),
      operation.startedAtUs,
      operation.endedAtUs,
      operation.outcome,
      operation.span.traceId,
      operation.span.spanId,
      operation.requestBytes,
      operation.resultBytes,
      operation.firstSeq,
      operation.lastSeq,
    );
    const isPlain = !error && legs.length <= 1 && progressCount === 0 && !stream && task === undefined;
    if (isPlain && parentOperationId === undefined && http === undefined) return;
    this.#rest.run(
      progressCount,
      stream ? 1 : 0,
      parentOperationId,
      error?.code,
      error?.type,
      error?.message,
      legs.length > 1 ? JSON.stringify(legs) : undefined,
      task && JSON.stringify(task),
      subscription && JSON.stringify(subscription),
      http && JSON.stringify(http),
    );
  }
}

function insert(db: Database, table: string, columns: string): Statement {
  return db.prepare(`INSERT INTO ${table} (${columns}) VALUES (${places(columns)})`);
}

function places(columns: string): string {
  return columns.replace(/\w+/g, '?');
}

/** What a row says anew, where it is not simply what it says: whoever pinned a session wants its bodies, too. */
const CHANGES: Readonly<Record<string, string>> = {
  bodies: "CASE WHEN session.pinned = 1 AND session.bodies <> 'part' THEN 'all' ELSE excluded.bodies END",
};

function upsert(table: string, columns: readonly string[]): string {
  const changes = columns
    .filter((name) => name !== 'id')
    .map((name) => `${name} = ${CHANGES[name] ?? `excluded.${name}`}`);
  return (
    `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${columns.map((name) => `@${name}`).join(', ')}) ` +
    `ON CONFLICT (id) DO UPDATE SET ${changes.join(', ')} RETURNING number`
  );
}
