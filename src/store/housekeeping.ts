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
import { type Lost, Spool, type SpoolRules } from './spool.ts';
import { tendTextIndex, type TextIndexRules } from './textIndex.ts';

export interface HousekeepingOptions {
  readonly dataDir: string;
  readonly rules: RetentionRules;
  /** Where recordings are brought to: what waits for it stays, up to the caps. */
  readonly spool?: { readonly remote: string; readonly rules: SpoolRules };
  /** Unless told, the index of texts is neither grown nor dropped. */
  readonly texts?: TextIndexRules;
  /** Distinguishes any two processes. */
  readonly holder: string;
  readonly nowUs: () => number;
  /** Between two steps; rejects or resolves to false when it is time to stop. */
  readonly pause: () => Promise<boolean>;
}

export interface Tidied {
  readonly pruned: Readonly<Partial<Record<PruneReason, number>>>;
  readonly packedSessions: number;
  /** Whose payloads were entered into the index of texts. */
  readonly indexedSessions: number;
  /** What a fleet's store will never get. */
  readonly lost: Lost;
  /** Bytes of the file that hold something, at the end. */
  readonly usedBytes: number;
}

/** Renewed with each step; a holder that died is followed after so long. */
const LEASE_US = 60_000_000;
/** A session that is over is packed this long after its end: somebody may be looking at it just now. */
const SETTLED_US = 60_000_000;
/** Pages that are given back in one step: 2 MB. */
const VACUUM_PAGES = 256;
const KEEP: TextIndexRules = { does: 'keep', maxStoreBytes: undefined };

/** Undefined: somebody else is at it, or the store is busy. Rejects with a StoreError. */
export async function tidy(options: HousekeepingOptions): Promise<Tidied | undefined> {
  const { dataDir, rules, holder, nowUs, texts = KEEP } = options;
  const db = await openForWriting(dataDir);
  const lease = new Lease(db, { task: 'housekeeping', holder, nowUs, forUs: LEASE_US });
  try {
    if (!lease.take()) return undefined;
    const goesOn = async (): Promise<boolean> => (await options.pause()) && lease.take();
    const pruned: Partial<Record<PruneReason, number>> = {};
    await drain(() => sweepDoomed(db), goesOn);
    const { holds, lost } = await heldBack(db, options);
    for (const { number, id, reason } of prunable(db, rules, nowUs(), (one) => holds(one) === 'all')) {
      // Its payloads go nowhere, and its rows are still to be told.
      if (holds(number) === 'rows') {
        if (!(await strip(db, id, goesOn))) break;
        continue;
      }
      if (!doom(db, number, nowUs())) continue;
      pruned[reason] = (pruned[reason] ?? 0) + 1;
      if (!(await drain(() => sweepDoomed(db), goesOn))) break;
    }
    const packedSessions = await packSettled(db, nowUs() - SETTLED_US, goesOn);
    const indexedSessions = await tendTextIndex(db, texts, nowUs, goesOn);
    await giveBack(db, goesOn);
    return { pruned, packedSessions, indexedSessions, lost, usedBytes: usedBytes(db) };
  } catch (error) {
    const known = storeError(storePath(dataDir), error);
    if (known.code === 'store_locked') return undefined;
    throw known;
  } finally {
    lease.drop();
    db.close();
  }
}

/** What of a session retention has to leave; and what was given up, above the caps, so that it has not to. */
async function heldBack(
  db: Database,
  { spool: to, nowUs }: HousekeepingOptions,
): Promise<{ readonly holds: (session: number) => 'all' | 'rows' | undefined; readonly lost: Lost }> {
  if (to === undefined) return { holds: () => undefined, lost: {} };
  const spool = new Spool(db, to.remote);
  const { lost } = await spool.bound(to.rules, nowUs());
  return { holds: (session) => spool.holds(session, to.rules), lost };
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

/** Takes the bodies out of a session; false: it is time to stop. */
async function strip(db: Database, id: string, goesOn: () => Promise<boolean>): Promise<boolean> {
  const sql = "UPDATE session SET bodies = 'none' WHERE id = ? AND bodies <> 'none'";
  if (db.prepare(sql).run(id).changes === 0) return true;
  for (let seq: number | undefined = 0; seq !== undefined;) {
    seq = repack(db, id, seq, { keepBodies: false, compress: true }).nextSeq;
    if (!(await goesOn())) return false;
  }
  return true;
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
