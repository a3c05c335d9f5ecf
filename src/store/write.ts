/** Writes to the open database, one transaction a batch: what is stored is stored whole, whenever the process dies. */
import type { Database, Statement } from 'better-sqlite3';
import type { FindingRaised, FrameRecorded, OperationFinished } from '../event/event.ts';
import { BlockEncoder } from './block.ts';
import type { Recorded, SessionProjection } from './session.ts';

/** What came in for one session. */
export interface SessionBatch {
  readonly session: SessionProjection;
  readonly frames: FrameRecorded[];
  readonly operations: OperationFinished[];
  readonly findings: FindingRaised[];
}

const BLOCK = 'session_id, first_seq, last_seq, count, first_at, last_at, entries, data';
/** Most operations are a call that went well; binding fewer values is a third of the time of an insert. */
const OPERATION =
  'session_id, operation_id, initiator, method, target_kind, target, request_id, started_at, ended_at, outcome, ' +
  'trace_id, span_id, request_bytes, result_bytes, first_seq, last_seq';
const REST = 'progress, stream, parent_operation_id, error_code, error_type, error_message, legs';
const FINDING = 'session_id, at, rule, channel, seq, operation_id, detail';

export class StoreWriter {
  readonly #db: Database;
  readonly #blocks: BlockEncoder;
  readonly #begin: Statement;
  readonly #commit: Statement;
  readonly #block: Statement;
  readonly #plain: Statement;
  readonly #operation: Statement;
  readonly #finding: Statement;
  #session: Statement | undefined;

  constructor(db: Database, record: Recorded) {
    this.#db = db;
    this.#blocks = new BlockEncoder(record === 'full');
    this.#begin = db.prepare('BEGIN IMMEDIATE');
    this.#commit = db.prepare('COMMIT');
    this.#block = insert(db, 'block', BLOCK);
    this.#plain = insert(db, 'operation', OPERATION);
    this.#operation = insert(db, 'operation', `${OPERATION}, ${REST}`);
    this.#finding = insert(db, 'finding', FINDING);
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

  close(): void {
    this.#db.close();
  }

  #writeSession({ session, frames, operations, findings }: SessionBatch): void {
    const { row } = session;
    const { id } = row;
    this.#session ??= this.#db.prepare(upsert('session', Object.keys(row)));
    this.#session.run(row);
    for (const block of this.#blocks.encode(frames)) {
      const { firstSeq, lastSeq, count, firstAtUs, lastAtUs, entries, data } = block;
      this.#block.run(id, firstSeq, lastSeq, count, firstAtUs, lastAtUs, entries, data);
    }
    for (const operation of operations) this.#writeOperation(id, operation);
    for (const { atUs, rule, channel, seq, operationId, detail } of findings) {
      this.#finding.run(id, atUs, rule, channel, seq, operationId ?? null, detail);
    }
  }

  #writeOperation(id: string, operation: OperationFinished): void {
    const { target, error, legs, progressCount, stream, parentOperationId } = operation;
    const facts = [
      id,
      operation.operationId,
      operation.initiator,
      operation.method,
      target?.kind ?? null,
      target?.name ?? null,
      // As JSON: 1 and "1" are different ids.
      JSON.stringify(operation.requestId),
      operation.startedAtUs,
      operation.endedAtUs,
      operation.outcome,
      operation.span.traceId,
      operation.span.spanId,
      operation.requestBytes,
      operation.resultBytes,
      operation.firstSeq,
      operation.lastSeq,
    ];
    if (!error && legs.length <= 1 && progressCount === 0 && !stream && parentOperationId === undefined) {
      this.#plain.run(facts);
      return;
    }
    this.#operation.run(
      facts,
      progressCount,
      stream ? 1 : 0,
      parentOperationId ?? null,
      error?.code ?? null,
      error?.type ?? null,
      error?.message ?? null,
      legs.length > 1 ? JSON.stringify(legs) : null,
    );
  }
}

function insert(db: Database, table: string, columns: string): Statement {
  return db.prepare(`INSERT INTO ${table} (${columns}) VALUES (${columns.replace(/\w+/g, '?')})`);
}

function upsert(table: string, columns: readonly string[]): string {
  const changes = columns.filter((name) => name !== 'id').map((name) => `${name} = excluded.${name}`);
  return (
    `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${columns.map((name) => `@${name}`).join(', ')}) ` +
    `ON CONFLICT (id) DO UPDATE SET ${changes.join(', ')}`
  );
}
