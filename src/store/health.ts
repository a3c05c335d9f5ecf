/** How the store of a folder is: its size, its structure, what is in it. It only reads. */
import { statSync } from 'node:fs';
import { storeError } from './error.ts';
import { storePath } from './file.ts';
import { sessionRecords } from './live.ts';
import { openForReading } from './open.ts';
import { usedBytes } from './retention.ts';
import type { StoredSessionRow } from './session.ts';
import { textIndexHealth, type TextIndexHealth } from './textIndex.ts';

export interface StoreHealth {
  readonly path: string;
  readonly bytes: number;
  /** Of them, those that hold something. */
  readonly usedBytes: number;
  readonly schema: number;
  readonly sqlite: string;
  /** `ok`, or the first thing that is wrong. */
  readonly integrity: string;
  readonly sessions: number;
  readonly live: number;
  readonly interrupted: number;
  /** Somebody tidies it, and has a lease up to this time, in microseconds. */
  readonly tidiedUntilUs: number | undefined;
  readonly textIndex: TextIndexHealth;
}

/** Rejects with a StoreError. */
export async function storeHealth(dataDir: string): Promise<StoreHealth> {
  const db = await openForReading(dataDir);
  try {
    const path = storePath(dataDir);
    const one = (sql: string): number | undefined => db.prepare<unknown[], number>(sql).pluck().get();
    const open = sessionRecords(
      db.prepare<unknown[], StoredSessionRow>('SELECT * FROM session WHERE ended_at IS NULL').all(),
    );
    return {
      path,
      bytes: statSync(path).size,
      usedBytes: usedBytes(db),
      schema: db.pragma('user_version', { simple: true }) as number,
      sqlite: db.prepare<unknown[], string>('SELECT sqlite_version()').pluck().get() ?? '',
      integrity: db.pragma('quick_check(1)', { simple: true }) as string,
      sessions: one('SELECT count(*) FROM session') ?? 0,
      live: open.filter(({ status }) => status === 'live').length,
      interrupted: open.filter(({ status }) => status === 'interrupted').length,
      textIndex: textIndexHealth(db),
      tidiedUntilUs: one(`SELECT until FROM lease WHERE until > ${Date.now() * 1000}`),
    };
  } catch (error) {
    throw storeError(storePath(dataDir), error);
  } finally {
    db.close();
  }
}
