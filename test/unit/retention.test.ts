/** What of a recording is kept: policies, retention, packing, pins. Real files, a real database. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { McpEvent } from '../../src/event/event.ts';
import { Stats } from '../../src/self/stats.ts';
import { Trouble } from '../../src/self/trouble.ts';
import { StoreSink, type StoreSinkOptions } from '../../src/sink/store.ts';
import { storePath } from '../../src/store/file.ts';
import { tidy, type Tidied } from '../../src/store/housekeeping.ts';
import { setNote, setPinned } from '../../src/store/marks.ts';
import { APPLICATION_ID } from '../../src/store/migrations/list.ts';
import { V1 } from '../../src/store/migrations/v1.ts';
import { openForWriting } from '../../src/store/open.ts';
import { openStore, type StoreReader } from '../../src/store/read.ts';
import type { RetentionRules } from '../../src/store/retention.ts';
import { vacuum } from '../../src/store/vacuum.ts';
import {
  asStored,
  calls,
  comparable,
  described,
  ended,
  finding,
  frame,
  operation,
  sessionId,
  START_US,
  started,
} from './storeEvents.ts';

const HOUR_US = 3_600_000_000;
const KEEP_ALL: RetentionRules = {
  ageUs: undefined,
  failedAgeUs: undefined,
  bytes: undefined,
  sessions: undefined,
};

let dir: string;
const readers: StoreReader[] = [];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sidelight-retention-'));
});
afterEach(() => {
  for (const reader of readers.splice(0)) reader.close();
  rmSync(dir, { recursive: true, force: true });
});

async function record(events: readonly McpEvent[], options: Partial<StoreSinkOptions> = {}): Promise<Stats> {
  const stats = new Stats();
  const trouble = new Trouble((line) => {
    throw new Error(line);
  });
  const sink = new StoreSink({ dataDir: dir, record: 'full', ...options }, stats, trouble);
  await sink.write(events);
  await sink.close(1000);
  return stats;
}

async function reading(): Promise<StoreReader> {
  const reader = await openStore(dir);
  readers.push(reader);
  return reader;
}

/** A session of `count` calls that starts `hour` hours after the first; the last fails if it is to. */
function session(
  number: number,
  { hour = number, count = 2, failed = false, open = false, body = undefined as Uint8Array | undefined } = {},
): McpEvent[] {
  const id = sessionId(number);
  const startedAtUs = START_US + hour * HOUR_US;
  const changes = {
    outcome: 'tool_error',
    error: { code: undefined, type: 'tool_error', message: 'no' },
  } as const;
  return [
    started(id, { atUs: startedAtUs, ...(open && { hostname: hostname() }) }),
    described(id),
    ...calls(id, 0, count, body).map((event) =>
      failed && event.type === 'operation_finished' && event.operationId === count - 1
        ? { ...event, ...changes }
        : event,
    ),
    ...(open
      ? []
      : [
          ended(id, {
            startedAtUs,
            atUs: startedAtUs + 1_000_000,
            operations: count,
            failedOperations: failed ? 1 : 0,
          }),
        ]),
  ];
}

function tidying(rules: Partial<RetentionRules>, hour: number, holder = 'test'): Promise<Tidied | undefined> {
  return tidy({
    dataDir: dir,
    rules: { ...KEEP_ALL, ...rules },
    holder,
    nowUs: () => START_US + hour * HOUR_US,
    pause: () => Promise.resolve(true),
  });
}

async function left(): Promise<number[]> {
  const found = (await reading()).listSessions({ limit: 100 });
  return found.map(({ id }) => Number.parseInt(id.slice(-12), 16)).sort((a, b) => a - b);
}

async function marked(mark: (db: Awaited<ReturnType<typeof openForWriting>>) => void): Promise<void> {
  const db = await openForWriting(dir);
  mark(db);
  db.close();
}

function integrity(): unknown {
  const db = new Database(storePath(dir));
  const found = db.pragma('integrity_check', { simple: true });
  db.close();
  return found;
}

/** All bytes that are on the disk, the log's too. */
function onDisk(): string {
  return readdirSync(dir)
    .map((file) => readFileSync(join(dir, file), 'latin1'))
    .join('');
}

describe('record: failures', () => {
  const options = { record: 'failures' } as const;

  test('of a session in which nothing failed no body is left, in no file', async () => {
    const body = Buffer.from('{"harmless":"Zebra-4711"}');
    await record(session(1, { body }), options);
    const found = (await reading()).findSession('last');
    expect(found).toMatchObject({ operations: 2, frames: 4 });
    expect(found.completeness).toMatchObject({ complete: false, bodies: 'none', record: 'failures' });
    const frames = [...(await reading()).frames(found.id)];
    expect(frames.map(({ bytes, sizeBytes, truncated }) => [bytes.length, sizeBytes, truncated])).toEqual(
      Array(4).fill([0, body.length, true]),
    );
    for (const reader of readers.splice(0)) reader.close();
    await tidying({}, 5);
    expect(onDisk()).not.toContain('Zebra-4711');
  });

  test.each([
    ['an operation failed', session(1, { failed: true })],
    [
      'the server crashed',
      [...session(1).slice(0, -1), ended(sessionId(1), { cause: 'server_crashed', operations: 2 })],
    ],
    [
      'something was found',
      [
        ...session(1).slice(0, -1),
        finding(sessionId(1), 3),
        ended(sessionId(1), { operations: 2, findings: 1 }),
      ],
    ],
    [
      'events were lost, which may have failed',
      [...session(1).slice(0, -1), ended(sessionId(1), { operations: 9 })],
    ],
    ['it has no end', session(1, { open: true })],
  ])('it is kept whole where %s', async (_why, events) => {
    await record(events, options);
    const found = (await reading()).findSession('last');
    expect(['all', 'undecided']).toContain(found.completeness.bodies);
    const frames = [...(await reading()).frames(found.id)];
    expect(frames.map(comparable)).toEqual(
      events.flatMap((event) => (event.type === 'frame_recorded' ? [asStored(event)] : [])),
    );
  });

  test('what is only worth to know does not count as a failure', async () => {
    const note = finding(sessionId(1), 3, { rule: 'unknown_cancel' });
    await record(
      [...session(1).slice(0, -1), note, ended(sessionId(1), { operations: 2, findings: 1 })],
      options,
    );
    expect((await reading()).findSession('last').completeness.bodies).toBe('none');
  });

  test('above the bound the oldest bodies go, are counted, and the recording says so when it fails later', async () => {
    const id = sessionId(1);
    const body = Buffer.alloc(60_000, 'x');
    const sink = new StoreSink(
      { dataDir: dir, spoolBytes: 1_000_000, ...options },
      new Stats(),
      new Trouble(() => undefined),
    );
    const stats = new Stats();
    const counting = new StoreSink(
      { dataDir: dir, spoolBytes: 1_000_000, ...options },
      stats,
      new Trouble(() => undefined),
    );
    await sink.close(100);
    await counting.write([started(id), described(id)]);
    for (let number = 0; number < 40; number += 1) await counting.write(calls(id, number, 1, body));
    await counting.write([
      frame(id, 80),
      frame(id, 81),
      operation(id, 40, { outcome: 'timeout' }),
      ended(id, { operations: 41, failedOperations: 1 }),
    ]);
    await counting.close(1000);
    const reader = await reading();
    expect(reader.findSession('last').completeness).toMatchObject({ complete: false, bodies: 'part' });
    const frames = [...reader.frames(id)];
    expect(frames.map(({ seq }) => seq)).toEqual(Array.from({ length: 82 }, (_, seq) => seq));
    const gone = frames.filter(({ bytes }) => bytes.length === 0);
    expect(gone.length).toBeGreaterThan(60);
    expect(gone.map(({ seq }) => seq)).toEqual(Array.from({ length: gone.length }, (_, seq) => seq));
    expect(stats.drops()).toEqual([
      { stage: 'store', reason: 'spool_full', count: gone.length, bytes: gone.length * body.length },
    ]);
  });

  test('a session that somebody pinned keeps its bodies', async () => {
    const events = session(1);
    const sink = new StoreSink({ dataDir: dir, ...options }, new Stats(), new Trouble(() => undefined));
    await sink.write(events.slice(0, -1));
    await marked((db) => {
      expect(setPinned(db, sessionId(1), true)).toBe(true);
    });
    await sink.write(events.slice(-1));
    await sink.close(1000);
    const reader = await reading();
    expect(reader.findSession('last')).toMatchObject({
      pinned: true,
      completeness: { bodies: 'all', complete: true },
    });
    expect([...reader.frames(sessionId(1))].every(({ bytes }) => bytes.length > 0)).toBe(true);
  });
});

describe('retention', () => {
  test('by age, failed ones longer, pinned and live ones never', async () => {
    for (const number of [1, 2, 3, 4]) await record(session(number, { failed: number % 2 === 0 }));
    await record(session(5, { hour: 1 }));
    await record(session(6, { hour: 1, open: true }));
    await marked((db) => {
      setPinned(db, sessionId(5), true);
      setNote(db, sessionId(5), 'the one that hangs');
    });
    const tidied = await tidying({ ageUs: 2 * HOUR_US, failedAgeUs: 5 * HOUR_US }, 6);
    expect(tidied?.pruned).toEqual({ age: 2 });
    expect(await left()).toEqual([2, 4, 5, 6]);
    expect((await tidying({ ageUs: 2 * HOUR_US, failedAgeUs: 5 * HOUR_US }, 8))?.pruned).toEqual({
      failed_age: 1,
    });
    expect(await left()).toEqual([4, 5, 6]);
    expect((await reading()).findSession(sessionId(5))).toMatchObject({
      pinned: true,
      note: 'the one that hangs',
    });
  });

  test('by number, and a session that was interrupted goes as a failed one', async () => {
    for (const number of [1, 2, 3, 4]) await record(session(number, { failed: number === 1 }));
    await record([started(sessionId(9), { atUs: START_US, hostname: 'another' })]);
    expect((await tidying({ sessions: 3 }, 9))?.pruned).toEqual({ sessions: 2 });
    expect(await left()).toEqual([1, 4, 9]);
    expect((await tidying({ sessions: 1 }, 9))?.pruned).toEqual({ sessions: 2 });
    expect(await left()).toEqual([1]);
  });

  test('by size: the file really shrinks, and nothing of what was deleted is on the disk', async () => {
    const secret = (number: number): Buffer => Buffer.from(`Zebra-${number}-`.repeat(20_000));
    for (const number of [1, 2, 3, 4]) await record(session(number, { body: secret(number) }));
    const before = statSync(storePath(dir)).size;
    const tidied = await tidying({ bytes: 1_500_000 }, 4.001);
    expect(tidied?.pruned.size).toBeGreaterThan(0);
    expect(tidied?.usedBytes).toBeLessThan(1_500_000);
    expect(statSync(storePath(dir)).size).toBeLessThan(before / 2);
    expect(await left()).toContain(4);
    expect(await left()).not.toContain(1);
    expect(onDisk()).not.toContain('Zebra-1-');
    expect(integrity()).toBe('ok');
  });

  test('a deletion that was cut short is gone for readers at once, and is finished by the next', async () => {
    await record(session(1, { count: 300, body: Buffer.alloc(9000) }));
    await record(session(2));
    let steps = 0;
    await tidy({
      dataDir: dir,
      rules: { ...KEEP_ALL, sessions: 1 },
      holder: 'a',
      nowUs: () => START_US + 9 * HOUR_US,
      pause: () => Promise.resolve((steps += 1) < 1),
    });
    expect(await left()).toEqual([2]);
    const blocks = (): unknown => {
      const db = new Database(storePath(dir));
      const count = db.prepare('SELECT count(*) FROM operation').pluck().get();
      db.close();
      return count;
    };
    expect(blocks()).toBeGreaterThan(2);
    await tidying({}, 10);
    expect(blocks()).toBe(2);
    expect(await left()).toEqual([2]);
  });

  test('one process at a time: whoever holds the lease, until it is over', async () => {
    await record(session(1));
    let other: Tidied | undefined | 'not asked' = 'not asked';
    await tidy({
      dataDir: dir,
      rules: { ...KEEP_ALL, sessions: 1 },
      holder: 'a',
      nowUs: () => START_US + 9 * HOUR_US,
      pause: async () => {
        other = await tidying({}, 9, 'b');
        return true;
      },
    });
    expect(other).toBeUndefined();
    expect(await tidying({}, 9, 'b')).toBeDefined();
    await marked((db) => {
      db.prepare("INSERT INTO lease VALUES ('housekeeping', 'dead', ?)").run(START_US + 10 * HOUR_US);
    });
    expect(await tidying({}, 9.9, 'b')).toBeUndefined();
    expect(await tidying({}, 10.1, 'b')).toBeDefined();
  });
});

describe('packing', () => {
  test('merges and compresses what is over; every frame reads as before, in any range', async () => {
    const id = sessionId(1);
    const sink = new StoreSink({ dataDir: dir, record: 'full' }, new Stats(), new Trouble(() => undefined));
    await sink.write([started(id), described(id)]);
    const frames = Array.from({ length: 500 }, (_, seq) =>
      frame(id, seq, {
        bytes: Buffer.from(
          JSON.stringify({ jsonrpc: '2.0', id: seq, result: { text: `line ${seq} `.repeat(20) } }),
        ),
        ...(seq % 7 === 0 && { redactions: 2 }),
        ...(seq % 11 === 0 && { exchange: seq, eventId: `e${seq}` }),
        ...(seq % 13 === 0 && { elided: 1, sha256: 'ab'.repeat(32) }),
      }),
    );
    // As a quiet session has them: a block for every two frames.
    for (let at = 0; at < frames.length; at += 2) await sink.write(frames.slice(at, at + 2));
    await sink.write([ended(id)]);
    await sink.close(1000);
    const size = (): { blocks: number; bytes: number } => {
      const db = new Database(storePath(dir));
      const sql = 'SELECT count(*) AS blocks, sum(length(entries) + length(data)) AS bytes FROM block';
      const found = db.prepare(sql).get() as { blocks: number; bytes: number };
      db.close();
      return found;
    };
    const before = size();
    expect(before.blocks).toBe(250);
    expect((await tidying({}, 1))?.packedSessions).toBe(1);
    expect((await tidying({}, 1))?.packedSessions).toBe(0);
    expect(size().blocks).toBe(1);
    expect(size().bytes).toBeLessThan(before.bytes / 4);
    const reader = await reading();
    expect([...reader.frames(id)].map(comparable)).toEqual(frames.map(asStored));
    expect([...reader.frames(id, { from: 100, to: 104 })].map(({ seq }) => seq)).toEqual([
      100, 101, 102, 103, 104,
    ]);
    expect(reader.findSession('last').completeness).toMatchObject({ elidedMedia: 39, complete: false });
  });

  test('leaves alone what has just ended, and what is still open', async () => {
    await record(session(1, { hour: 0 }));
    await record(session(2, { hour: 0, open: true }));
    expect((await tidying({}, 0))?.packedSessions).toBe(0);
  });
});

describe('a store of schema 1', () => {
  test('is brought to this one with everything in it, and gives pages back after a vacuum', async () => {
    const db = new Database(storePath(dir));
    db.exec(V1);
    db.pragma(`application_id = ${APPLICATION_ID}`);
    db.pragma('user_version = 1');
    const columns = db.prepare('SELECT name, type FROM pragma_table_info(?) WHERE "notnull" AND pk = 0');
    const rows = columns.all('session') as { name: string; type: string }[];
    const values = rows.map(({ name, type }) =>
      name === 'id'
        ? `'${sessionId(1)}'`
        : name === 'record'
          ? "'metadata'"
          : type === 'INTEGER'
            ? '1'
            : name === 'transport'
              ? "'stdio'"
              : "'[]'",
    );
    db.exec(`INSERT INTO session (${rows.map(({ name }) => name).join(', ')}) VALUES (${values.join(', ')})`);
    db.close();
    await record(session(2, { body: Buffer.alloc(500_000) }));
    const found = (await reading()).listSessions({ limit: 9 });
    expect(found.map(({ completeness }) => completeness.bodies).sort()).toEqual(['all', 'none']);
    expect(found.every(({ pinned, note }) => !pinned && note === undefined)).toBe(true);
    for (const reader of readers.splice(0)) reader.close();
    await vacuum(dir);
    const before = statSync(storePath(dir)).size;
    await tidying({ sessions: 1 }, 9);
    // It was interrupted, and counts as failed.
    expect(await left()).toEqual([1]);
    await tidying({ failedAgeUs: HOUR_US }, 99);
    expect(await left()).toEqual([]);
    expect(statSync(storePath(dir)).size).toBeLessThan(before);
    expect(integrity()).toBe('ok');
  });
});
