/** Filters over a real store, held to what plain JavaScript makes of the same filter and of every record. */
import Connection, { type Database } from 'better-sqlite3';
import fc from 'fast-check';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FINDINGS } from '../../src/event/findings.ts';
import { isFailure } from '../../src/event/outcome.ts';
import type { Filter } from '../../src/filter/ast.ts';
import { type IsWord, keyInfo, matches, meantWords } from '../../src/filter/keys.ts';
import { parseFilter } from '../../src/filter/parse.ts';
import { printFilter } from '../../src/filter/print.ts';
import { whenUs } from '../../src/filter/quantity.ts';
import { Stats } from '../../src/self/stats.ts';
import { Trouble } from '../../src/self/trouble.ts';
import { StoreSink } from '../../src/sink/store.ts';
import type { StoredFrame } from '../../src/store/block.ts';
import { Finder, type FoundOperation, type FoundSession } from '../../src/store/find.ts';
import type { Page, PageQuery } from '../../src/store/page.ts';
import { openForReading, openForWriting } from '../../src/store/open.ts';
import { storePath } from '../../src/store/file.ts';
import { setPinned } from '../../src/store/marks.ts';
import { openStore, type StoreReader } from '../../src/store/read.ts';
import type { FindingRecord, OperationRecord, SessionRecord } from '../../src/store/record.ts';
import { repack } from '../../src/store/repack.ts';
import { filters } from './filters.ts';
import { generatedSessions, NOW_US, SESSIONS } from './generatedSessions.ts';
import { sessionId } from './storeEvents.ts';

const seed = Number(process.env.SIDELIGHT_FUZZ_SEED ?? Date.now() % 2 ** 31);
console.info(`store filters: SIDELIGHT_FUZZ_SEED=${seed}`);

interface Recorded {
  readonly session: SessionRecord;
  readonly operations: readonly OperationRecord[];
  readonly findings: readonly FindingRecord[];
  readonly frames: readonly StoredFrame[];
}

let dir: string;
let reader: StoreReader;
let find: Finder;
/** Starts from the newest, however few there are. */
let walk: Finder;
let walked: Database;
let recorded: readonly Recorded[];

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'sidelight-filter-'));
  const sink = new StoreSink({ dataDir: dir, record: 'full' }, new Stats(), new Trouble(() => undefined));
  const [numbers = []] = fc.sample(
    fc.array(fc.nat({ max: 2 ** 30 }), { minLength: 10_000, maxLength: 10_000 }),
    { seed, numRuns: 1 },
  );
  let drawn = 0;
  await sink.write(generatedSessions(() => numbers[(drawn += 1)] ?? 0));
  await sink.close(1000);
  const db = await openForWriting(dir);
  for (const number of [1, 5, 9]) setPinned(db, sessionId(number), true);
  for (const number of [2, 3, 4]) repack(db, sessionId(number), 0, { keepBodies: true, compress: true });
  db.close();
  reader = await openStore(dir);
  ({ find } = reader);
  walked = await openForReading(dir);
  walk = new Finder(walked, { scannedBytes: 1, checked: 1000, sorted: -1 });
  recorded = reader.listSessions({ limit: 1000 }).map((session) => ({
    session,
    operations: [...reader.operations(session.id)],
    findings: reader.findings(session.id),
    frames: [...reader.frames(session.id)],
  }));
}, 60_000);
afterAll(() => {
  reader.close();
  walked.close();
  rmSync(dir, { recursive: true, force: true });
});

// What the filter means, in plain words over one record after the other.

type Leaf = Exclude<Filter, { readonly of: unknown }>;
const COMPARE = {
  '>': (a: number, b: number) => a > b,
  '>=': (a: number, b: number) => a >= b,
  '<': (a: number, b: number) => a < b,
  '<=': (a: number, b: number) => a <= b,
} as const;

function says({ bytes, kind }: StoredFrame, text: string): boolean {
  const isOwn = kind === 'gap' || kind === 'lifecycle' || kind === 'http';
  return !isOwn && Buffer.from(bytes).toString().toLowerCase().includes(text.toLowerCase());
}

function sessionLeaf(leaf: Leaf, { session }: Recorded): boolean {
  if (leaf.kind !== 'match') throw new Error(leaf.kind);
  const like = (text: string | undefined): boolean =>
    text !== undefined && leaf.any.some((pattern) => matches(pattern, text));
  switch (leaf.key) {
    case 'server':
      return like(session.server);
    case 'client':
      return like(session.clientInfo.name);
    case 'version':
      return like(session.protocolVersion);
    case 'era':
      return like(session.era);
    case 'session':
      return leaf.any.some((pattern) => {
        const [id = ''] = pattern;
        const isPart = session.id.startsWith(id) || session.id.endsWith(id);
        return pattern.length === 1 ? isPart : matches(pattern, session.id);
      });
    default:
      throw new Error(leaf.key);
  }
}

function isLeaf(leaf: Leaf, { session }: Recorded, failed: boolean): boolean {
  const is: Record<IsWord, boolean> = {
    failed,
    pinned: session.pinned,
    live: session.status === 'live',
    incomplete: !session.completeness.complete,
    probe: session.probe,
    inferred: session.inferred !== undefined,
  };
  return leaf.kind === 'match' && meantWords('is', leaf.any).some((word) => is[word as IsWord]);
}

function timeLeaf(leaf: Leaf & { kind: 'time' }, startedAtUs: number): boolean {
  const at = whenUs(leaf.when, NOW_US);
  return leaf.key === 'since' ? startedAtUs >= at : startedAtUs < at;
}

function meansOperation(filter: Filter, one: OperationRecord, all: Recorded): boolean {
  switch (filter.kind) {
    case 'and':
      return filter.of.every((part) => meansOperation(part, one, all));
    case 'or':
      return filter.of.some((part) => meansOperation(part, one, all));
    case 'not':
      return !meansOperation(filter.of, one, all);
    case 'time':
      return timeLeaf(filter, one.startedAtUs);
    case 'compare': {
      const value =
        filter.key === 'dur' ? one.endedAtUs - one.startedAtUs : one.requestBytes + one.resultBytes;
      return COMPARE[filter.is](value, filter.than);
    }
    case 'text':
      return all.frames.some(
        (each) =>
          each.operationId === one.operationId &&
          each.seq >= one.firstSeq &&
          each.seq <= one.lastSeq &&
          says(each, filter.text),
      );
    case 'match': {
      const like = (text: string): boolean => filter.any.some((pattern) => matches(pattern, text));
      if (filter.key === 'method') return like(one.method);
      if (filter.key === 'tool') return one.target?.kind === 'tool' && like(one.target.name);
      if (filter.key === 'status') return like(one.outcome);
      if (filter.key === 'trace') return like(one.traceId);
      if (filter.key === 'is') return isLeaf(filter, all, isFailure(one.outcome));
      if (filter.key === 'finding')
        return all.findings.some((each) => each.operationId === one.operationId && like(each.rule));
      return sessionLeaf(filter, all);
    }
  }
}

function isOfOperations(filter: Filter): boolean {
  if (filter.kind === 'and' || filter.kind === 'or') return filter.of.every(isOfOperations);
  return filter.kind === 'compare' || (filter.kind === 'match' && keyInfo(filter.key)?.scope === 'operation');
}

function meansSession(filter: Filter, all: Recorded): boolean {
  if (filter.kind === 'not') return !meansSession(filter.of, all);
  if (filter.kind === 'and' || filter.kind === 'or') {
    const together = filter.of.filter(isOfOperations);
    const rest = filter.of.filter((one) => !isOfOperations(one)).map((one) => meansSession(one, all));
    if (together.length > 0)
      rest.push(all.operations.some((one) => meansOperation({ kind: filter.kind, of: together }, one, all)));
    return filter.kind === 'and' ? rest.every(Boolean) : rest.some(Boolean);
  }
  if (isOfOperations(filter)) return all.operations.some((one) => meansOperation(filter, one, all));
  if (filter.kind === 'time') return timeLeaf(filter, all.session.startedAtUs);
  if (filter.kind === 'text') return all.frames.some((each) => says(each, filter.text));
  if (filter.kind === 'match' && filter.key === 'is') {
    const { failedOperations, endCause = '' } = all.session;
    return isLeaf(filter, all, failedOperations > 0 || ['server_crashed', 'start_failed'].includes(endCause));
  }
  if (filter.kind === 'match' && filter.key === 'finding') {
    return all.findings.some((each) => filter.any.some((pattern) => matches(pattern, each.rule)));
  }
  return sessionLeaf(filter, all);
}

/** Page by page, to the end. */
function whole<T>(look: (query: PageQuery) => Page<T>, filter: Filter, limit: number): T[] {
  const rows: T[] = [];
  for (let after: string | undefined; ;) {
    const page = look({ filter, nowUs: NOW_US, limit, ...(after !== undefined && { after }) });
    expect(page.rows.length).toBeLessThanOrEqual(limit);
    rows.push(...page.rows);
    if (page.next === undefined) return rows;
    expect(page.next).not.toBe(after);
    after = page.next;
  }
}

const sessionsOf = (filter: Filter, limit = 1000): FoundSession[] =>
  whole((query) => find.sessions(query), filter, limit);
const operationsOf = (filter: Filter, limit = 1000): FoundOperation[] =>
  whole((query) => find.operations(query), filter, limit);
const keyOf = (one: OperationRecord): string => `${one.sessionId} ${one.operationId}`;

function parsed(text: string): Filter {
  const result = parseFilter(text);
  if (!result.ok) throw new Error(result.error.message);
  return result.filter;
}

test('the generated store has something of everything', () => {
  const operations = recorded.flatMap((one) => one.operations);
  expect(recorded).toHaveLength(SESSIONS);
  for (const word of ['failed', 'pinned', 'live', 'incomplete', 'probe', 'inferred'])
    expect([word, sessionsOf(parsed(`is:${word}`)).length > 0]).toEqual([word, true]);
  expect(new Set(operations.map(({ outcome }) => outcome)).size).toBeGreaterThan(5);
  expect(recorded.some(({ findings }) => findings.length > 1)).toBe(true);
});

describe('a filter means the same to SQLite and to JavaScript', () => {
  test('sessions and operations, whole, in pages and among given ones', () => {
    let some = 0;
    fc.assert(
      fc.property(filters, fc.integer({ min: 1, max: 7 }), (filter, limit) => {
        const sessions = recorded.filter((one) => meansSession(filter, one)).map((one) => one.session);
        const operations = recorded.flatMap((all) =>
          all.operations.filter((one) => meansOperation(filter, one, all)),
        );
        if (sessions.length > 0 && sessions.length < SESSIONS) some += 1;
        const what = printFilter(filter);

        const found = sessionsOf(filter);
        expect([what, found.map(({ id }) => id)]).toEqual([what, sessions.map(({ id }) => id)]);
        expect(sessionsOf(filter, limit).map(({ id }) => id)).toEqual(found.map(({ id }) => id));

        const foundOperations = operationsOf(filter);
        expect([what, foundOperations.map(keyOf).sort()]).toEqual([what, operations.map(keyOf).sort()]);
        const order = foundOperations.map((one) => [one.startedAtUs, one.number] as const);
        expect(order).toEqual([...order].sort(([a, m], [b, n]) => b - a || n - m));
        expect(operationsOf(filter, limit).map(keyOf)).toEqual(foundOperations.map(keyOf));

        expect(whole((query) => walk.sessions(query), filter, limit).map(({ id }) => id)).toEqual(
          found.map(({ id }) => id),
        );
        expect(whole((query) => walk.operations(query), filter, 1000).map(keyOf)).toEqual(
          foundOperations.map(keyOf),
        );

        const question = { filter, nowUs: NOW_US };
        const ids = recorded.slice(0, 20).map(({ session }) => session.id);
        expect([...find.among('sessions', ids, question)].sort()).toEqual(
          sessions
            .map(({ id }) => id)
            .filter((id) => ids.includes(id))
            .sort(),
        );
        const numbers = recorded.flatMap((one) => one.operations.map(({ number }) => number)).slice(0, 50);
        expect([...find.among('operations', numbers, question)].sort()).toEqual(
          operations
            .map(({ number }) => number)
            .filter((number) => numbers.includes(number))
            .sort(),
        );
      }),
      { seed, numRuns: 400 },
    );
    // Filters that leave nothing, or all, would show little.
    expect(some).toBeGreaterThan(80);
  }, 120_000);

  test('what statistics count is what is found', () => {
    for (const text of ['', 'tool:*', 'server:alpha', 'is:failed', 'dur:>99ms -status:ok']) {
      const filter = parsed(text);
      const found = operationsOf(filter);
      const counted = [...find.counted({ filter, nowUs: NOW_US })];
      expect([text, counted.length]).toEqual([text, found.length]);
      expect(counted.map(({ durationUs }) => durationUs).sort()).toEqual(
        found.map((one) => one.endedAtUs - one.startedAtUs).sort(),
      );
    }
  });

  test('an operation brings its server and the rules of its findings', () => {
    for (const one of operationsOf(parsed('finding:*'))) {
      const all = recorded.find(({ session }) => session.id === one.sessionId);
      const rules = all?.findings.filter(({ operationId }) => operationId === one.operationId);
      expect(one.server).toBe(all?.session.server);
      expect([...one.findingRules].sort()).toEqual([...new Set(rules?.map(({ rule }) => rule))].sort());
      expect(FINDINGS.some(({ rule }) => rule === one.findingRules[0])).toBe(true);
    }
  });
});

describe('texts', () => {
  test('a page that reads as much as it may says so, and the next goes on there', () => {
    const filter = parsed('needle');
    const first = walk.sessions({ filter, nowUs: NOW_US, limit: 1000 });
    expect(first).toMatchObject({ stopped: true });
    expect(first.scannedBytes).toBeGreaterThan(0);
    expect(first.next).toBeDefined();
    expect(sessionsOf(filter).length).toBeGreaterThan(first.rows.length);
  });

  test('what the other terms leave out is not read', () => {
    const { scannedBytes } = find.sessions({ filter: parsed('needle is:pinned'), nowUs: NOW_US, limit: 10 });
    const all = find.sessions({ filter: parsed('needle'), nowUs: NOW_US, limit: 1000 });
    expect(scannedBytes).toBeLessThan(all.scannedBytes / 2);
    expect(find.sessions({ filter: parsed(''), nowUs: NOW_US, limit: 10 }).scannedBytes).toBe(0);
  });
});

/** The plan of each statement that a question runs. */
function plansOf(what: 'sessions' | 'operations', text: string, sorted: number): string[] {
  const statements: string[] = [];
  const db = new Connection(storePath(dir), {
    readonly: true,
    verbose: (sql) => {
      statements.push(String(sql));
    },
  });
  try {
    const finder = new Finder(db, { scannedBytes: 1, checked: 1000, sorted });
    finder[what]({ filter: parsed(text), nowUs: NOW_US, limit: 20 });
    const asked = statements.filter((sql) => sql.startsWith('SELECT'));
    expect(asked.length).toBeGreaterThan(0);
    return asked.flatMap((sql) =>
      db
        .prepare<unknown[], { detail: string }>(`EXPLAIN QUERY PLAN ${sql}`)
        .all()
        .map(({ detail }) => detail),
    );
  } finally {
    db.close();
  }
}

describe('what is asked is answered by an index', () => {
  const BY_KEY: readonly (readonly [string, RegExp])[] = [
    ['', /^SCAN operation USING INDEX operation_by_start|SEARCH operation USING INDEX operation_by_start/],
    ['server:alpha', /session_by_server/],
    ['server:al*', /session_by_server/],
    ['client:alpha', /session_by_client/],
    ['method:resources/read', /operation_by_method/],
    ['tool:alpha', /operation_by_tool/],
    ['tool:al*', /operation_by_tool/],
    ['status:tool_error', /operation_not_ok/],
    ['status:tool_error,timeout', /operation_not_ok/],
    ['is:failed', /operation_not_ok/],
    ['is:pinned', /session_pinned/],
    ['is:live', /session_open/],
    ['finding:late_result', /finding_by_rule/],
    ['dur:>500ms', /operation_slow/],
    ['bytes:>1MB', /operation_large/],
    ['since:1m', /operation_by_start/],
    ['since:1h until:1m', /operation_by_start/],
    [`trace:${'a'.repeat(32)}`, /operation_by_trace/],
    ['session:00000001', /operation_by_session/],
    ['tool:alpha status:timeout since:1h', /operation_(?:by_tool|not_ok|by_start)/],
  ];
  const FULL = /^SCAN (?:operation|o|finding|block)\b(?! USING (?:COVERING )?INDEX)/;

  test.each(BY_KEY)('operations %s', (text, index) => {
    const plans = plansOf('operations', text, 50_000);
    expect(plans.join('\n')).toMatch(new RegExp(index.source, 'm'));
    for (const sorted of [-1, 50_000])
      expect(plansOf('operations', text, sorted).filter((line) => FULL.test(line))).toEqual([]);
  });

  test.each(BY_KEY)('sessions %s', (text) => {
    for (const sorted of [-1, 50_000])
      expect(plansOf('sessions', text, sorted).filter((line) => FULL.test(line))).toEqual([]);
  });

  test('the newest come without sorting', () => {
    for (const text of [
      '',
      'since:1m',
      'tool:alpha',
      'method:x',
      'status:timeout',
      'dur:>1s',
      'bytes:>1MB',
      'server:alpha',
    ])
      expect([
        text,
        plansOf('operations', text, -1).filter((line) => line.includes('TEMP B-TREE FOR ORDER')),
      ]).toEqual([text, []]);
    for (const text of ['', 'server:alpha', 'is:failed', 'since:1m', 'tool:alpha'])
      expect([
        text,
        plansOf('sessions', text, -1).filter((line) => line.includes('TEMP B-TREE FOR ORDER')),
      ]).toEqual([text, []]);
  });
});
