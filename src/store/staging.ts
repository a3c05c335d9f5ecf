/**
 * A store beside the store, in which sessions are put together that become part of it all at once or not at all. The real one is
 * locked only while they are copied; what a process that was killed left behind is removed by the next that stages.
 */
import type { Database } from 'better-sqlite3';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { storeError } from './error.ts';
import { storePath } from './file.ts';
import { isAlive } from './live.ts';
import { openForWriting } from './open.ts';
import type { Recorded, SessionRow } from './session.ts';
import { type SessionBatch, StoreWriter } from './write.ts';

const FOLDER = /^\.import-(\d+)-/;
/** Other processes hold the lock for milliseconds; who waits longer than this waits for nothing. */
const LOCKED_PATIENCE_MS = 30_000;
const LOCKED_PAUSE_MS = 50;

/** What a row says that its events do not: of recordings that were not made here. */
export type Correction = Partial<Pick<SessionRow, 'record' | 'bodies'>> & { readonly pinned?: 0 | 1 };

export class Staging {
  readonly #dataDir: string;
  readonly #folder: string;
  readonly #db: Database;
  readonly #writers = new Map<Recorded, StoreWriter>();

  /** To be made by `open`. */
  constructor(dataDir: string, folder: string, db: Database) {
    this.#dataDir = dataDir;
    this.#folder = folder;
    this.#db = db;
  }

  /** Rejects with a StoreError, also when the store itself could not be written to. */
  static async open(dataDir: string): Promise<Staging> {
    (await openForWriting(dataDir)).close();
    try {
      for (const name of readdirSync(dataDir)) {
        const pid = FOLDER.exec(name)?.[1];
        if (pid !== undefined && !isAlive(Number(pid), null))
          rmSync(join(dataDir, name), { recursive: true, force: true });
      }
      mkdirSync(dataDir, { recursive: true });
      const folder = mkdtempSync(join(dataDir, `.import-${process.pid}-`));
      try {
        return new Staging(dataDir, folder, await openForWriting(folder));
      } catch (error) {
        rmSync(folder, { recursive: true, force: true });
        throw error;
      }
    } catch (error) {
      throw storeError(storePath(dataDir), error);
    }
  }

  /** Throws a StoreError. */
  write(batches: Iterable<SessionBatch>, record: Recorded): void {
    this.#staged(() => {
      const writer = this.#writers.get(record) ?? new StoreWriter(this.#db, record);
      this.#writers.set(record, writer);
      writer.write(batches);
    });
  }

  /** Throws a StoreError. */
  correct(sessionId: string, correction: Correction): void {
    this.#staged(() => {
      for (const [column, value] of Object.entries(correction))
        this.#db.prepare(`UPDATE session SET ${column} = ? WHERE id = ?`).run(value, sessionId);
    });
  }

  /**
   * Makes what was staged part of the store, in one transaction. A session whose id is taken there gets a new one. Resolves to
   * the ids in the store, by those that were staged; rejects with a StoreError when nothing became part of it.
   */
  async commit(newId: () => string): Promise<ReadonlyMap<string, string>> {
    const ids = this.#staged(() => {
      const all = this.#db.prepare<unknown[], string>('SELECT id FROM session ORDER BY number').pluck().all();
      this.#db.close();
      return all;
    });
    const until = performance.now() + LOCKED_PATIENCE_MS;
    for (;;) {
      try {
        const store = await openForWriting(this.#dataDir);
        try {
          return merge(store, storePath(this.#folder), ids, newId);
        } finally {
          store.close();
        }
      } catch (error) {
        const known = storeError(storePath(this.#dataDir), error);
        if (known.code !== 'store_locked' || performance.now() > until) throw known;
        await delay(Math.random() * LOCKED_PAUSE_MS);
      }
    }
  }

  /** To be called in any case: what was not committed is gone. */
  discard(): void {
    if (this.#db.open) this.#db.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #staged<Result>(what: () => Result): Result {
    try {
      return what();
    } catch (error) {
      throw storeError(storePath(this.#folder), error);
    }
  }
}

/** Where a table names its session. Tools are not copied: what somebody else trusted is not trusted here. */
const TABLES = [
  ['session', 'id', 'renamed.new'],
  ['block', 'session_id', 'renamed.new'],
  ['finding', 'session_id', 'renamed.new'],
] as const;

function merge(
  db: Database,
  stagedPath: string,
  ids: readonly string[],
  newId: () => string,
): ReadonlyMap<string, string> {
  db.prepare('ATTACH ? AS staged').run(stagedPath);
  db.exec('CREATE TEMP TABLE renamed (old TEXT PRIMARY KEY, new TEXT NOT NULL) WITHOUT ROWID');
  const names = new Map<string, string>();
  const all = db.transaction(() => {
    const taken = db.prepare<unknown[], number>('SELECT count(*) FROM main.session WHERE id = ?').pluck();
    const rename = db.prepare('INSERT INTO temp.renamed VALUES (?, ?)');
    for (const id of ids) {
      const name = taken.get(id) === 0 ? id : newId();
      rename.run(id, name);
      names.set(id, name);
    }
    for (const [table, column, name] of TABLES) {
      const others = columnsOf(db, table).filter((each) => each !== column);
      db.exec(
        `INSERT INTO main.${table} (${column}, ${others.join(', ')}) SELECT ${name}, ${others.join(', ')} ` +
          `FROM staged.${table} JOIN temp.renamed ON renamed.old = ${table}.${column} ORDER BY ${table}.number`,
      );
    }
    const columns = columnsOf(db, 'operation').filter((each) => each !== 'session');
    db.exec(
      `INSERT INTO main.operation (session, ${columns.join(', ')}) SELECT main.session.number, ` +
        `${columns.map((each) => `operation.${each}`).join(', ')} FROM staged.operation ` +
        'JOIN staged.session AS source ON source.number = operation.session ' +
        'JOIN temp.renamed ON renamed.old = source.id ' +
        'JOIN main.session ON main.session.id = renamed.new ORDER BY operation.number',
    );
  });
  all.immediate();
  return names;
}

/** All but the number, which is given anew. */
function columnsOf(db: Database, table: string): readonly string[] {
  return db
    .prepare<unknown[], string>("SELECT name FROM pragma_table_info(?) WHERE name <> 'number'")
    .pluck()
    .all(table);
}
