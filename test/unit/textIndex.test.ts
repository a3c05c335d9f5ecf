/** The index of texts: it is never the reason for another answer, and what is deleted leaves it. Real files, a real database. */
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { McpEvent } from '../../src/event/event.ts';
import type { Filter } from '../../src/filter/ast.ts';
import { Stats } from '../../src/self/stats.ts';
import { Trouble } from '../../src/self/trouble.ts';
import { StoreSink } from '../../src/sink/store.ts';
import { storePath } from '../../src/store/file.ts';
import { Finder } from '../../src/store/find.ts';
import { storeHealth } from '../../src/store/health.ts';
import { tidy, type Tidied } from '../../src/store/housekeeping.ts';
import { APPLICATION_ID } from '../../src/store/migrations/list.ts';
import { openForReading, openForWriting } from '../../src/store/open.ts';
import type { PageQuery } from '../../src/store/page.ts';
import { doomSession, sweepDoomed } from '../../src/store/retention.ts';
import type { TextIndexRules } from '../../src/store/textIndex.ts';
import { queryFor, Trigrams } from '../../src/store/trigrams.ts';
import { run } from './commandRun.ts';
import { described, ended, frame, operation, sessionId, START_US, started } from './storeEvents.ts';

const HOUR_US = 3_600_000_000;
const DAY_US = 24 * HOUR_US;
const NOW_US = START_US + DAY_US;
const KEEP_ALL = { ageUs: undefined, failedAgeUs: undefined, bytes: undefined, sessions: undefined };
const seed = Number(process.env.SIDELIGHT_FUZZ_SEED ?? Date.now() % 2 ** 31);
console.info(`text index: SIDELIGHT_FUZZ_SEED=${seed}`);

let home: string;
/** Made with the first recording. */
let dir: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'sidelight-texts-'));
  dir = join(home, 'data');
});
afterEach(() => {
  rmSync(home, { recursive: true, force: true });
});

async function record(...sessions: readonly McpEvent[][]): Promise<void> {
  const sink = new StoreSink(
    { dataDir: dir, record: 'full' },
    new Stats(),
    new Trouble((line) => {
      throw new Error(line);
    }),
  );
  for (const events of sessions) await sink.write(events);
  await sink.close(1000);
}

/** A session that is over, with a frame and an operation for each payload. */
function session(number: number, payloads: readonly (string | Uint8Array)[]): McpEvent[] {
  const id = sessionId(number);
  const atUs = START_US + number * 1_000_000;
  return [
    started(id, { atUs }),
    described(id, { server: number % 2 === 0 ? 'even' : 'odd' }),
    ...payloads.flatMap((payload, one): McpEvent[] => [
      frame(id, one, { bytes: Buffer.from(payload), operationId: one }),
      operation(id, one, { startedAtUs: atUs + one, endedAtUs: atUs + one, firstSeq: one, lastSeq: one }),
    ]),
    ended(id, { startedAtUs: atUs, atUs: atUs + 1000, operations: payloads.length }),
  ];
}

interface Tidying {
  readonly does?: TextIndexRules['does'];
  readonly maxStoreBytes?: number;
  readonly sessions?: number;
  readonly nowUs?: number;
  /** Stops after so many steps. */
  readonly steps?: number;
}

function tidying({ does = 'grow', maxStoreBytes, sessions, nowUs = NOW_US, steps }: Tidying = {}): Promise<
  Tidied | undefined
> {
  let left = steps ?? Number.POSITIVE_INFINITY;
  return tidy({
    ...{ dataDir: dir, rules: { ...KEEP_ALL, sessions }, holder: 'test', nowUs: () => nowUs },
    texts: { does, maxStoreBytes },
    pause: () => Promise.resolve((left -= 1) > 0),
  });
}

/** Everything that a filter means, page by page. */
async function found(filter: Filter): Promise<{ sessions: string[]; operations: string[]; read: number }> {
  const db = await openForReading(dir);
  const finder = new Finder(db);
  let read = 0;
  const all = <Row>(page: (query: PageQuery) => ReturnType<Finder['sessions' | 'operations']>): Row[] => {
    const rows: Row[] = [];
    for (let after: string | undefined; ;) {
      const one = page({ filter, nowUs: NOW_US, limit: 3, ...(after !== undefined && { after }) });
      rows.push(...(one.rows as Row[]));
      read += one.scannedBytes;
      if (one.next === undefined) return rows;
      after = one.next;
    }
  };
  const sessions = all<{ id: string }>((query) => finder.sessions(query)).map(({ id }) => id);
  const operations = all<{ sessionId: string; operationId: number }>((query) => finder.operations(query)).map(
    (one) => `${one.sessionId} ${one.operationId}`,
  );
  expect([...finder.among('sessions', sessions, { filter, nowUs: NOW_US })].sort()).toEqual(sessions.sort());
  db.close();
  return { sessions: sessions.sort(), operations: operations.sort(), read };
}

function text(sought: string): Filter {
  return { kind: 'text', text: sought };
}

async function state(): Promise<{ blocks: number; unindexedSessions: number; unpurged: number }> {
  const health = await storeHealth(dir);
  expect(health.integrity).toBe('ok');
  const db = await openForWriting(dir);
  db.exec("INSERT INTO block_text (block_text) VALUES ('integrity-check')");
  db.close();
  return health.textIndex;
}

/** All bytes that are on the disk, the log's too. */
function onDisk(): string {
  return readdirSync(dir)
    .map((file) => readFileSync(join(dir, file), 'latin1'))
    .join('');
}

test('where a text is in another, so are its words', () => {
  const trigrams = new Trigrams();
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: 'binary', minLength: 3 }),
      fc.string(),
      (a, b, c) => {
        const words = new Set(trigrams.wordsOf(['', 'xy', a + b + c, 'another']).split(' '));
        expect((queryFor(b) ?? '').split(' AND ').filter((word) => !words.has(word))).toEqual([]);
      },
    ),
    { seed },
  );
  expect(queryFor('ab')).toBeUndefined();
});

test('the answer is the same without an index, with half of one, with all of it, and after it is gone', async () => {
  // Letters whose small ones are more, fewer or others; halves of pairs, NUL, and what is no UTF-8.
  const piece = fc.oneof(
    fc.constantFrom('a', 'A', 'b', 'ab', 'ABC', 'needle', 'Needle', ' ', '"', '\0', '\n', 'AND'),
    fc.constantFrom(
      'İ',
      'ı',
      'I',
      'ß',
      'ẞ',
      'Σ',
      'σ',
      'ς',
      'É',
      'é',
      'K',
      '😀',
      '\ud83d',
      '\ude00',
      '\uffff',
    ),
  );
  const words = fc.array(piece, { minLength: 1, maxLength: 8 }).map((pieces) => pieces.join(''));
  const payload = fc.oneof(
    { weight: 4, arbitrary: words },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 12 }) },
  );
  const one = words.map(text);
  const filters = fc.oneof(
    { weight: 3, arbitrary: one },
    one.map((of): Filter => ({ kind: 'not', of })),
    fc.tuple(one, one).map(([a, b]): Filter => ({ kind: 'and', of: [a, { kind: 'not', of: b }] })),
    fc.tuple(one, one).map(([a, b]): Filter => ({ kind: 'or', of: [a, b] })),
    one.map((a): Filter => ({ kind: 'or', of: [a, { kind: 'match', key: 'server', any: [['even']] }] })),
    one.map((a): Filter => ({ kind: 'and', of: [a, { kind: 'match', key: 'server', any: [['odd']] }] })),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(payload, { maxLength: 4 }), { minLength: 1, maxLength: 8 }),
      fc.array(filters, { minLength: 6, maxLength: 6 }),
      fc.nat({ max: 12 }),
      async (sessions, asked, steps) => {
        rmSync(dir, { recursive: true, force: true });
        await record(...sessions.map((payloads, number) => session(number + 1, payloads)));
        const answers = async (): Promise<unknown[]> => {
          const all = [];
          for (const filter of asked) {
            const { sessions: those, operations } = await found(filter);
            all.push({ filter, those, operations });
          }
          return all;
        };
        const expected = await answers();
        await tidying({ steps: sessions.length + steps });
        expect(await answers()).toEqual(expected);
        await tidying();
        expect((await state()).unindexedSessions).toBe(0);
        expect(await answers()).toEqual(expected);
        await tidying({ does: 'drop' });
        expect(await answers()).toEqual(expected);
      },
    ),
    { seed, numRuns: 15 },
  );
}, 60_000);

test('only blocks that may have the text are read, and texts of two letters are found, too', async () => {
  await record(
    ...Array.from({ length: 30 }, (_, number) => session(number + 1, [`straw ${number} haystack`])),
  );
  await record(session(31, ['a NEEDLE']));
  const before = await found(text('needle'));
  expect((await tidying())?.indexedSessions).toBe(31);
  const after = await found(text('needle'));
  expect({ ...after, read: 0 }).toEqual({ ...before, read: 0 });
  expect(after.sessions).toEqual([sessionId(31)]);
  expect(before.read).toBeGreaterThan(500);
  expect(after.read).toBeLessThan(50);
  expect((await found(text('29'))).sessions).toEqual([sessionId(30)]);
  expect((await found(text('no such text'))).read).toBe(0);
});

test('a page stops after so many rows that have not the text, and the next goes on there', async () => {
  await record(...Array.from({ length: 9 }, (_, number) => session(number + 1, ['abc xbcd'])));
  await record(session(10, ['abcd']), session(11, ['xabcd']));
  await tidying();
  const db = await openForReading(dir);
  const finder = new Finder(db, { scannedBytes: 1e9, checked: 4, sorted: 0 });
  const rows: string[] = [];
  let pages = 0;
  for (let after: string | undefined; ; pages += 1) {
    const query = { filter: { kind: 'not', of: text('abcd') } as const, nowUs: NOW_US, limit: 99 };
    const page = finder.operations({ ...query, ...(after !== undefined && { after }) });
    rows.push(...page.rows.map((row) => row.sessionId));
    if (page.next === undefined) break;
    expect(page.stopped).toBe(true);
    after = page.next;
  }
  db.close();
  expect(pages).toBe(2);
  expect(rows).toHaveLength(9);
});

describe('what comes later', () => {
  test('frames of a session that is in the index are found, and enter it', async () => {
    await record(session(1, ['first']));
    await tidying();
    const id = sessionId(1);
    const { unindexedSessions } = await state();
    expect(unindexedSessions).toBe(0);
    await record([frame(id, 1, { bytes: Buffer.from('afterwards'), operationId: 0 })]);
    expect((await found(text('afterwards'))).sessions).toEqual([id]);
    expect((await tidying())?.indexedSessions).toBe(1);
    expect(await state()).toMatchObject({ blocks: 2, unindexedSessions: 0 });
    expect((await found(text('afterwards'))).sessions).toEqual([id]);
  });

  test('a block that takes the number of one that was deleted is found', async () => {
    await record(session(1, ['one']), session(2, ['two']));
    await tidying();
    const db = await openForWriting(dir);
    doomSession(db, sessionId(2));
    while (sweepDoomed(db));
    const highest = db.prepare<unknown[], number>('SELECT max(number) FROM block').pluck().get() ?? 0;
    db.close();
    await record(session(3, ['three']));
    expect((await found(text('three'))).sessions).toEqual([sessionId(3)]);
    expect((await found(text('two'))).sessions).toEqual([]);
    const after = await openForReading(dir);
    const numbers = after.prepare<unknown[], number>('SELECT number FROM block ORDER BY 1').pluck().all();
    after.close();
    // Else this shows nothing.
    expect(numbers).toEqual([highest, highest + 1]);
  });
});

describe('what is deleted', () => {
  const MARK = 'qZ7#jX9!vK3';
  /** Words of the mark that are on the disk as they are: in the index, others are kept as their difference to the one before. */
  const traces = (): readonly string[] => {
    const disk = onDisk();
    return new Trigrams()
      .wordsOf([MARK.toLowerCase()])
      .trim()
      .split(' ')
      .flatMap((word) => [word, word.slice(1)])
      .filter((part) => disk.includes(part));
  };

  test('leaves no trace in any file: at once when somebody deleted it', async () => {
    await record(session(1, ['old']), session(2, ['something else']), session(3, [`a secret ${MARK}`]));
    await tidying();
    // The next purge is a day away.
    await tidying({ sessions: 2 });
    expect(traces().length).toBeGreaterThan(0);
    const db = await openForWriting(dir);
    expect(doomSession(db, sessionId(3))).toBe(true);
    db.close();
    await tidying({ nowUs: NOW_US + 1 });
    expect(traces()).toEqual([]);
    expect(await state()).toMatchObject({ blocks: 1, unpurged: 0 });
  });

  test('by retention within a day, and at once by sidelight prune', async () => {
    await record(session(1, [`old ${MARK}`]), session(2, ['x']), session(3, ['y']), session(4, ['z']));
    await tidying();
    await tidying({ sessions: 3 });
    expect(await state()).toMatchObject({ blocks: 3, unpurged: 0 });
    expect(traces()).toEqual([]);
    await tidying({ sessions: 2, nowUs: NOW_US + HOUR_US });
    expect(await state()).toMatchObject({ blocks: 2, unpurged: 1 });
    await tidying({ nowUs: NOW_US + DAY_US });
    expect(await state()).toMatchObject({ blocks: 2, unpurged: 0 });
    await tidying({ does: 'keep', sessions: 1, nowUs: NOW_US + DAY_US });
    expect(await state()).toMatchObject({ blocks: 1, unpurged: 0 });
  });

  test('the whole index, when none is wanted, and its room is given back', async () => {
    const body = (number: number): string =>
      Array.from({ length: 4000 }, (_, at) => ((at + 1) * (number + 7919) * 31).toString(36)).join(' ');
    await record(...Array.from({ length: 20 }, (_, number) => session(number + 1, [body(number)])));
    await tidying({ does: 'keep' });
    const { usedBytes: without } = await storeHealth(dir);
    await tidying();
    const { usedBytes: within, textIndex } = await storeHealth(dir);
    expect(textIndex.bytes).toBeGreaterThan(50_000);
    expect(within - without).toBeGreaterThan(textIndex.bytes);
    const tidied = await tidying({ does: 'drop' });
    expect(tidied?.usedBytes).toBeLessThan(without + 50_000);
    expect(await state()).toMatchObject({ blocks: 0, unindexedSessions: 20, unpurged: 0 });
  });
});

test('nothing is entered above fullText.maxStore, nor of what is still recorded', async () => {
  await record(session(1, ['one']), session(2, ['two']).slice(0, -1));
  expect((await tidying({ maxStoreBytes: 10_000 }))?.indexedSessions).toBe(0);
  expect((await tidying({ maxStoreBytes: 10_000_000 }))?.indexedSessions).toBe(1);
  expect(await state()).toMatchObject({ blocks: 1, unindexedSessions: 1 });
  expect((await found(text('two'))).sessions).toEqual([sessionId(2)]);
});

test('a store of schema 2 is brought to this one, is searched as it is and then by the index', async () => {
  await record(session(1, ['from before']), session(2, ['something else']));
  const db = new Database(storePath(dir));
  for (const gone of [
    ...['TRIGGER block_goes', 'TRIGGER block_comes', 'TABLE block_text', 'TABLE text_index'],
    'INDEX session_unindexed',
  ])
    db.exec(`DROP ${gone}`);
  db.exec('ALTER TABLE session DROP COLUMN indexed');
  db.pragma('user_version = 2');
  expect(db.pragma('application_id', { simple: true })).toBe(APPLICATION_ID);
  db.close();
  expect((await found(text('from before'))).sessions).toEqual([sessionId(1)]);
  expect(await state()).toMatchObject({ blocks: 0, unindexedSessions: 2 });
  expect((await tidying())?.indexedSessions).toBe(2);
  expect((await found(text('from before'))).sessions).toEqual([sessionId(1)]);
});

test('doctor tells how much is in it, and prune removes it when none is wanted', async () => {
  const payload = randomBytes(1_500_000).toString('hex');
  await record(session(1, [payload]), session(2, ['other']).slice(0, -1));
  await tidying();
  const told = async (...flags: string[]): Promise<string> => {
    const { out } = await run(home, 'doctor', ...flags);
    return /full text:.*\n.*/.exec(out)?.[0] ?? out;
  };
  expect(await told()).toMatch(/full text: 1 of 2 sessions are in the index, [\d.]+ KiB\n/);
  expect(await told('--full-text-max-store', '1MiB')).toMatch(
    /no more are entered above fullText.maxStore \(1.00 MiB\)\n +raise it, or lower retention.size/,
  );
  expect(await told('--no-full-text')).toMatch(/no index \(fullText: false\), .* to be removed/);
  const keepAll = ['age', 'failed-age', 'size', 'sessions'].flatMap((rule) => [
    `--retention-${rule}`,
    'none',
  ]);
  expect(await run(home, 'prune', '--no-full-text', ...keepAll)).toMatchObject({ code: 0, err: '' });
  expect(await told('--no-full-text')).toMatch(/no index \(fullText: false\)\n/);
  expect(await state()).toMatchObject({ blocks: 0, unindexedSessions: 2, unpurged: 0 });
});
