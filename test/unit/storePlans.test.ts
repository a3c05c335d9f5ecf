/**
 * No statement that readers, retention, housekeeping or shipping run reads a big table from one end to the other: each that is
 * prepared while they work is explained. The filter language has its own such test.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, type MockInstance, test, vi } from 'vitest';
import { Stats } from '../../src/self/stats.ts';
import { Trouble } from '../../src/self/trouble.ts';
import { StoreSink } from '../../src/sink/store.ts';
import { storePath } from '../../src/store/file.ts';
import { Finder } from '../../src/store/find.ts';
import { tidy } from '../../src/store/housekeeping.ts';
import { openForWriting } from '../../src/store/open.ts';
import { Outbox } from '../../src/store/outbox.ts';
import { Spool } from '../../src/store/spool.ts';
import { openStore } from '../../src/store/read.ts';
import { doom } from '../../src/store/retention.ts';
import { described, ended, finding, frame, operation, sessionId, START_US, started } from './storeEvents.ts';

const DAY_US = 86_400_000_000;
const RULES = { payloads: 'telling', payloadsByServer: {}, slowMs: 10, sample: 0 } as const;
/**
 * What may: an id is looked for by any start or end of it, and nothing else of a session is read; the doomed are few. A count by
 * an index reads that index alone.
 */
const MAY_SCAN = /substr\(id, 1, length\(@id\)\)|FROM doomed|sum\(length\(data\)\)/;
const FULL = /^SCAN (?:session|operation|block|finding|o|s|f)\b(?! USING)/;

let dir: string;
let prepared: MockInstance<(sql: string) => unknown>;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'sidelight-plans-'));
  const sink = new StoreSink({ dataDir: dir, record: 'full' }, new Stats(), new Trouble(console.error));
  for (let number = 1; number <= 6; number += 1) {
    const id = sessionId(number);
    await sink.write([
      started(id),
      described(id),
      ...Array.from({ length: 20 }, (_, seq) => frame(id, seq)),
      ...Array.from({ length: 10 }, (_, one) => operation(id, one)),
      finding(id, 3),
      ended(id, { operations: 10, findings: 1 }),
    ]);
  }
  await sink.close(1000);
  prepared = vi.spyOn(Database.prototype, 'prepare');
});
afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

/** Statements with a step that goes through a whole table, and the step. */
function scans(): readonly string[] {
  const statements = new Set(prepared.mock.calls.map(([sql]) => sql));
  vi.restoreAllMocks();
  expect(statements.size).toBeGreaterThan(7);
  const db = new Database(storePath(dir));
  // It brings the functions that its statements call.
  new Finder(db);
  try {
    return [...statements]
      .filter((sql) => /^(?:SELECT|UPDATE|DELETE|INSERT)/.test(sql) && !MAY_SCAN.test(sql))
      .flatMap((sql) =>
        (db.prepare(`EXPLAIN QUERY PLAN ${sql.replace(/\?|@\w+/g, 'NULL')}`).all() as { detail: string }[])
          .filter(({ detail }) => FULL.test(detail))
          .map(({ detail }) => `${detail}: ${sql}`),
      );
  } finally {
    db.close();
  }
}

test('readers', async () => {
  const reader = await openStore(dir);
  reader.listSessions({ limit: 5 });
  reader.listSessions({ limit: 5, failed: true, beforeUs: START_US });
  reader.findSession('last');
  reader.session(sessionId(2));
  reader.openSessions();
  reader.since(reader.position(), [sessionId(1)]);
  expect([...reader.operations(sessionId(3))]).toHaveLength(10);
  expect([...reader.frames(sessionId(3), { from: 5, to: 9 })]).toHaveLength(5);
  expect(reader.findings(sessionId(3))).toHaveLength(1);
  const text = { kind: 'text', text: 'tools/call' } as const;
  for (const filter of [text, { kind: 'not', of: text } as const]) {
    reader.find.sessions({ filter, limit: 5, nowUs: START_US });
    reader.find.operations({ filter, limit: 5, nowUs: START_US });
  }
  reader.close();
  expect(scans()).toEqual([]);
});

test('deleting, packing and giving back', async () => {
  const rules = { ageUs: 300 * DAY_US, failedAgeUs: 400 * DAY_US, bytes: 30_000, sessions: 4 };
  const tidied = await tidy({
    ...{ dataDir: dir, rules, holder: 'test', nowUs: () => START_US + DAY_US },
    pause: () => Promise.resolve(true),
  });
  expect(Object.keys(tidied?.pruned ?? {}).length).toBeGreaterThan(0);
  expect(scans()).toEqual([]);
});

test('entering texts and taking them out', async () => {
  const all = { ageUs: undefined, failedAgeUs: undefined, bytes: undefined, sessions: undefined };
  for (const [does, indexedSessions] of [
    ['grow', 6],
    ['drop', 0],
  ] as const) {
    const tidied = await tidy({
      ...{ dataDir: dir, rules: all, holder: 'test', nowUs: () => START_US + DAY_US },
      ...{ texts: { does, maxStoreBytes: undefined }, pause: () => Promise.resolve(true) },
    });
    expect(tidied?.indexedSessions).toBe(indexedSessions);
  }
  expect(scans()).toEqual([]);
});

test('shipping', async () => {
  const db = await openForWriting(dir);
  const outbox = new Outbox(db, 'here');
  const batch = outbox.next(RULES, () => 'one');
  for (const part of batch?.parts ?? []) {
    expect(outbox.operations(part)).toHaveLength(10);
    expect([...outbox.frames(part)]).toHaveLength(20);
    expect(outbox.findings(part)).toHaveLength(1);
    outbox.session(part);
  }
  if (batch !== undefined)
    expect(outbox.arrived(batch, { there: { frames: 120 }, rejected: {}, letters: [] }, START_US)).toBe(true);
  outbox.settle(RULES, START_US);
  expect(outbox.reach()).toMatchObject({ done: 6, batchWaits: false });
  const spool = new Spool(db, 'here');
  expect(await spool.backlog(RULES, START_US)).toMatchObject({ sessions: 0, frames: 0, oldestUs: undefined });
  expect([...outbox.shipped()].map(({ id }) => outbox.counts(id).frames)).toEqual(new Array(6).fill(20));
  const there = new Spool(db, 'there');
  expect(await there.backlog(RULES, START_US)).toMatchObject({ sessions: 6, frames: 120 });
  const caps = { bytes: 1, ageUs: DAY_US };
  for (const day of [1, 2, 3, 4, 5]) await there.bound({ ...RULES, caps }, START_US + day * DAY_US);
  expect(there.holds(2, RULES)).toBe(undefined);
  expect(doom(db, 2)).toBe(true);
  const gaps = new Outbox(db, 'there');
  expect(gaps.gaps(gaps.next(RULES, () => 'two') ?? { id: '', parts: [] })).not.toHaveLength(0);
  db.close();
  expect(scans()).toEqual([]);
});
