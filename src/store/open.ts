/**
 * Opens the database: the driver, the settings of a connection, and the schema's version. A file that is newer, damaged
 * or another program's is refused before anything is written to it.
 */
import type { default as Driver, Database } from 'better-sqlite3';
import { existsSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { StoreError, storeError } from './error.ts';
import { prepareFile, storePath } from './file.ts';
import { APPLICATION_ID, MIGRATIONS } from './migrations/list.ts';

/** SQLite sleeps on the observer's thread while another process writes; longer waits are the caller's, asynchronous. */
const BUSY_TIMEOUT_MS = 50;
/** A reader has nothing better to do. */
const READ_TIMEOUT_MS = 2000;
const PAGE_BYTES = 8192;
/** The log is folded into the file at this size: seldom enough to be cheap, small enough for a quick last close. */
const WAL_PAGES = (8 * 1024 * 1024) / PAGE_BYTES;
/** What the log is cut to after a reader made it grow. */
const WAL_LIMIT_BYTES = 64 * 1024 * 1024;
/** Blocks are written once and not read again: a large page cache would be memory for nothing. */
const CACHE_KIB = 2048;

/** Opens the store of a folder for writing; makes it, or brings it to this version. Rejects with a StoreError. */
export async function openForWriting(dataDir: string): Promise<Database> {
  const path = storePath(dataDir);
  const Connection = await loadDriver();
  let db: Database | undefined;
  try {
    prepareFile(dataDir);
    const look = new Connection(path, { readonly: true, timeout: BUSY_TIMEOUT_MS });
    try {
      schemaVersion(look, path);
    } finally {
      look.close();
    }
    db = new Connection(path, { fileMustExist: true, timeout: BUSY_TIMEOUT_MS });
    for (const setting of [
      `page_size = ${PAGE_BYTES}`,
      // Of a new file only, and before anything is written to it: what is deleted is given back to the file system.
      'auto_vacuum = INCREMENTAL',
      'journal_mode = WAL',
      'synchronous = NORMAL',
      `wal_autocheckpoint = ${WAL_PAGES}`,
      `journal_size_limit = ${WAL_LIMIT_BYTES}`,
      `cache_size = -${CACHE_KIB}`,
      'trusted_schema = OFF',
      // What is deleted is overwritten.
      'secure_delete = ON',
    ]) {
      db.pragma(setting);
    }
    migrate(db, path);
    return db;
  } catch (error) {
    db?.close();
    throw storeError(path, error);
  }
}

/** Opens the store of a folder for reading; rejects with a StoreError, `store_missing` when nothing was recorded yet. */
export async function openForReading(dataDir: string): Promise<Database> {
  const path = storePath(dataDir);
  if (!existsSync(path)) throw missing(path);
  const Connection = await loadDriver();
  try {
    const db = openReadable(Connection, path);
    const version = schemaVersion(db, path);
    if (version === MIGRATIONS.length) return db;
    db.close();
    if (version === 0) throw missing(path);
    (await openForWriting(dataDir)).close();
    return openReadable(Connection, path);
  } catch (error) {
    throw storeError(path, error);
  }
}

/** An empty store that nobody else sees; SQLite keeps what is large of it in a file without a name, and it ends with the connection. */
export async function openTemporary(): Promise<Database> {
  const Connection = await loadDriver();
  const db = new Connection('');
  try {
    db.pragma(`page_size = ${PAGE_BYTES}`);
    db.pragma(`cache_size = -${CACHE_KIB}`);
    for (const step of MIGRATIONS) db.exec(step);
    return db;
  } catch (error) {
    db.close();
    throw storeError('for a moment', error);
  }
}

/** Where the folder cannot be written to, SQLite cannot share the file with a writer; but then there is none. */
function openReadable(Connection: typeof Driver, path: string): Database {
  const options = { readonly: true, fileMustExist: true, timeout: READ_TIMEOUT_MS };
  const db = new Connection(path, options);
  try {
    db.pragma('schema_version');
    return db;
  } catch (error) {
    db.close();
    if (storeError(path, error).code !== 'store_unwritable') throw error;
    return new Connection(`${pathToFileURL(path).href}?immutable=1`, options);
  }
}

function missing(path: string): StoreError {
  return new StoreError('store_missing', `nothing is recorded in ${path}`);
}

async function loadDriver(): Promise<typeof Driver> {
  try {
    const { default: Connection } = await import('better-sqlite3');
    // The native module is loaded with the first connection.
    new Connection(':memory:').close();
    return Connection;
  } catch (error) {
    const why = error instanceof Error ? (error.message.split('\n', 1)[0] ?? '') : String(error);
    const fix = `reinstall sidelight with this Node (${process.version})`;
    throw new StoreError('store_no_driver', `the SQLite driver cannot be loaded: ${why}; ${fix}`, error);
  }
}

/** 0 for an empty file. Throws a StoreError for a file that is not ours to touch. */
function schemaVersion(db: Database, path: string): number {
  const version = db.pragma('user_version', { simple: true }) as number;
  const application = db.pragma('application_id', { simple: true });
  const empty = version === 0 && db.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get() === undefined;
  if (application !== APPLICATION_ID && !(empty && application === 0)) {
    const fix = 'choose another --data-dir';
    throw new StoreError('store_foreign', `${path} is a database of another program; ${fix}`);
  }
  if (version > MIGRATIONS.length) {
    const versions = `version ${version}, this one writes ${MIGRATIONS.length}`;
    const fix = 'use the newer Sidelight or another --data-dir';
    throw new StoreError(
      'store_newer',
      `the recording ${path} is of a newer Sidelight (${versions}); ${fix}`,
    );
  }
  return version;
}

/** Several processes may do this at once: each step looks again, under the write lock, at what is left to do. */
function migrate(db: Database, path: string): void {
  const step = db.transaction(() => {
    const version = schemaVersion(db, path);
    const sql = MIGRATIONS[version];
    if (sql === undefined) return;
    db.exec(sql);
    db.pragma(`application_id = ${APPLICATION_ID}`);
    db.pragma(`user_version = ${version + 1}`);
  });
  while (schemaVersion(db, path) < MIGRATIONS.length) step.immediate();
}
