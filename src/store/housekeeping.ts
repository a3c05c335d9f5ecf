/**
 * Tidies the store while others use it: finishes deletions, deletes what retention no longer keeps, packs what is over, and
 * gives freed pages back. One process at a time, by a lease; each step is a transaction of milliseconds, with a pause.
 */
import type { Database } from 'better-sqlite3';
import { storeError } from './error.ts';
import { storePath } from './file.ts';
import { Lease } from './lease.ts';
import { openForWriting } from './open.ts';
import { repack } from './repack.ts';
import {
  doom,
  prunable,
  type PruneReason,
  type RetentionRules,
  sweepDoomed,
  usedBytes,
} from './retention.ts';

export interface HousekeepingOptions {
  readonly dataDir: string;
  readonly rules: RetentionRules;
  /** Distinguishes any two processes. */
  readonly holder: string;
  readonly nowUs: () => number;
  /** Between two steps; rejects or resolves to false when it is time to stop. */
  readonly pause: () => Promise<boolean>;
}

export interface Tidied {
  readonly pruned: Readonly<Partial<Record<PruneReason, number>>>;
  readonly packedSessions: number;
  /** Bytes of the file that hold something, at the end. */
  readonly usedBytes: number;
}

/** Renewed with each step; a holder that died is followed after so long. */
const LEASE_US = 60_000_000;
/** A session that is over is packed this long after its end: somebody may be looking at it just now. */
const SETTLED_US = 60_000_000;
/** Pages that are given back in one step: 2 MB. */
const VACUUM_PAGES = 256;

/** Undefined: somebody else is at it, or the store is busy. Rejects with a StoreError. */
export async function tidy(options: HousekeepingOptions): Promise<Tidied | undefined> {
  const { dataDir, rules, holder, nowUs } = options;
  const db = await openForWriting(dataDir);
  const lease = new Lease(db, { task: 'housekeeping', holder, nowUs, forUs: LEASE_US });
  try {
    if (!lease.take()) return undefined;
    const goesOn = async (): Promise<boolean> => (await options.pause()) && lease.take();
    const pruned: Partial<Record<PruneReason, number>> = {};
    await drain(() => sweepDoomed(db), goesOn);
    for (const { number, reason } of prunable(db, rules, nowUs())) {
      if (!doom(db, number)) continue;
      pruned[reason] = (pruned[reason] ?? 0) + 1;
      if (!(await drain(() => sweepDoomed(db), goesOn))) break;
    }
    const packedSessions = await packSettled(db, nowUs() - SETTLED_US, goesOn);
    await giveBack(db, goesOn);
    return { pruned, packedSessions, usedBytes: usedBytes(db) };
  } catch (error) {
    const known = storeError(storePath(dataDir), error);
    if (known.code === 'store_locked') return undefined;
    throw known;
  } finally {
    lease.drop();
    db.close();
  }
}

/** The settled sessions that are not packed yet; how many that were. */
async function packSettled(db: Database, beforeUs: number, goesOn: () => Promise<boolean>): Promise<number> {
  const next = db.prepare<unknown[], { id: string; bodies: string; record: string }>(
    'SELECT id, bodies, record FROM session WHERE packed = 0 AND ended_at < ? ORDER BY ended_at LIMIT 1',
  );
  let count = 0;
  for (;;) {
    const session = next.get(beforeUs);
    if (session === undefined) return count;
    const how = { keepBodies: session.bodies !== 'none', compress: true };
    for (let seq: number | undefined = 0; seq !== undefined;) {
      seq = repack(db, session.id, seq, how).nextSeq;
      if (!(await goesOn())) return count;
    }
    db.prepare('UPDATE session SET packed = 1 WHERE id = ?').run(session.id);
    count += 1;
  }
}

/** Frees pages at the end of the file, and the log, which still holds what was deleted. */
async function giveBack(db: Database, goesOn: () => Promise<boolean>): Promise<void> {
  const free = (): number => db.pragma('freelist_count', { simple: true }) as number;
  if (db.pragma('auto_vacuum', { simple: true }) !== 0) {
    for (let before = free(); before > 0;) {
      db.pragma(`incremental_vacuum(${VACUUM_PAGES})`);
      const after = free();
      if (after >= before || !(await goesOn())) break;
      before = after;
    }
  }
  db.pragma('wal_checkpoint(TRUNCATE)');
}

/** Calls `step` until it says that nothing is left; false: it is time to stop. */
async function drain(step: () => boolean, goesOn: () => Promise<boolean>): Promise<boolean> {
  while (step()) if (!(await goesOn())) return false;
  return true;
}
