/** `sidelight prune`: deletes what retention does not keep, now, or only says what that would be. */
import type { Config } from '../config/config.ts';
import { remoteName } from '../config/remote.ts';
import { openForReading, openForWriting } from '../store/open.ts';
import { prunable, type PruneReason, retentionRules, type RetentionRules } from '../store/retention.ts';
import { tidy } from '../store/housekeeping.ts';
import { StoreError } from '../store/error.ts';
import { Spool, type SpoolRules, spoolRules } from '../store/spool.ts';
import { vacuum } from '../store/vacuum.ts';
import { shortId } from './describe.ts';
import { json, localTime, safe, size, type Terminal } from './terminal.ts';

export interface PruneOptions {
  readonly dryRun?: boolean;
  readonly vacuum?: boolean;
  readonly json?: boolean;
}

const WHY: Readonly<Record<PruneReason, string>> = {
  age: 'older than retention.age',
  failed_age: 'failed, older than retention.failedAge',
  size: 'above retention.size',
  sessions: 'above retention.sessions',
};

/** Prints what was deleted; resolves to the exit code. */
export async function prune(
  { dataDir, retention, fullText, fleet }: Pick<Config, 'dataDir' | 'retention' | 'fullText' | 'fleet'>,
  options: PruneOptions,
  terminal: Terminal,
): Promise<number> {
  const rules = retentionRules(retention);
  const spool = fleet.store && { remote: remoteName(fleet.store), rules: spoolRules(fleet) };
  try {
    // Not made where there is none; and what was found is said before it is gone.
    const db = await openForReading(dataDir);
    try {
      await list(db, rules, options, terminal, spool && (await heldOf(dataDir, spool)));
    } finally {
      db.close();
    }
    if (options.dryRun === true) return 0;
    const tidied = await tidy({
      dataDir,
      rules,
      // Entering payloads takes minutes and is done beside recordings.
      texts: { does: fullText.enabled ? 'keep' : 'drop', maxStoreBytes: fullText.maxStoreBytes },
      holder: `prune ${process.pid}`,
      nowUs: () => Date.now() * 1000,
      pause: () => Promise.resolve(true),
      ...(spool !== undefined && { spool }),
    });
    if (tidied === undefined) {
      terminal.problem('another process is tidying this store right now; try again in a minute');
      return 1;
    }
    if (options.vacuum === true) await vacuum(dataDir);
    if (options.json !== true)
      await terminal.line(`The recording takes ${size(tidied.usedBytes)}; ${tidied.packedSessions} packed.`);
    return 0;
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    terminal.problem(error.message);
    return 1;
  }
}

/** Sessions that wait for the fleet's store, and stay for it. */
async function heldOf(
  dataDir: string,
  { remote, rules }: { readonly remote: string; readonly rules: SpoolRules },
): Promise<ReadonlySet<number>> {
  const db = await openForWriting(dataDir);
  try {
    const spool = new Spool(db, remote);
    const held = new Set<number>();
    for await (const session of spool.sessions(rules))
      if (spool.holds(session, rules) !== undefined) held.add(session);
    return held;
  } finally {
    db.close();
  }
}

async function list(
  db: Awaited<ReturnType<typeof openForReading>>,
  rules: RetentionRules,
  options: PruneOptions,
  terminal: Terminal,
  held: ReadonlySet<number> = new Set(),
): Promise<void> {
  let sessions = 0;
  let bytes = 0;
  const verb = options.dryRun === true ? 'would be deleted' : 'deleted';
  for (const one of prunable(db, rules, Date.now() * 1000, (session) => held.has(session))) {
    sessions += 1;
    bytes += one.bytes;
    if (options.json === true) {
      const { id, server, startedAtUs, failed, reason } = one;
      await terminal.line(json({ id, server, startedAtUs, failed, bytes: one.bytes, reason }));
    } else {
      const what = [localTime(one.startedAtUs), safe(one.server), size(one.bytes), WHY[one.reason]];
      await terminal.line(`${shortId(one.id)}  ${what.join('  ')}`);
    }
  }
  if (options.json === true) return;
  const amount = sessions === 1 ? '1 session' : `${sessions} sessions`;
  await terminal.line(
    sessions === 0 ? 'Nothing is to be deleted.' : `${amount}, about ${size(bytes)}, ${verb}.`,
  );
}
