/** What reads recordings, over the fleet's store and over the local one: the same cases give the same answers. */
import fc from 'fast-check';
import { mkdtempSync, rmSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { parseRemote, type Remote } from '../../src/config/remote.ts';
import type { McpEvent } from '../../src/event/event.ts';
import type { Filter } from '../../src/filter/ast.ts';
import { parseFilter } from '../../src/filter/parse.ts';
import { printFilter } from '../../src/filter/print.ts';
import { type Fleet, openFleet } from '../../src/fleet/reading.ts';
import { Stats } from '../../src/self/stats.ts';
import { Trouble } from '../../src/self/trouble.ts';
import { StoreSink } from '../../src/sink/store.ts';
import type { CountedOperation, FoundOperation, FoundSession } from '../../src/store/find.ts';
import { setNote, setPinned } from '../../src/store/marks.ts';
import { openForWriting } from '../../src/store/open.ts';
import type { Page, PageQuery } from '../../src/store/page.ts';
import { openStore } from '../../src/store/read.ts';
import { localRecordings, type Recordings } from '../../src/store/recordings.ts';
import { until } from '../e2e/sidelight.ts';
import { run } from '../unit/commandRun.ts';
import { filters } from '../unit/filters.ts';
import { generatedSessions, NOW_US } from '../unit/generatedSessions.ts';
import { HTTP_ID, httpEvents, stdioEvents, stored, TALK } from '../unit/recordings.ts';
import { comparable, described, ended, frame, operation, sessionId, started } from '../unit/storeEvents.ts';
import { FleetEngine } from './engine.ts';

const engine = new FleetEngine();
const seed = Number(process.env.SIDELIGHT_FUZZ_SEED ?? Date.now() % 2 ** 31);
console.info(`fleet reading: SIDELIGHT_FUZZ_SEED=${seed}`);
const TALK_ID = sessionId(900);
const ORG = 'red';

let dir: string;
let local: Recordings;
let fleet: Fleet;
let there: Recordings;

const url = (database: string, org = ORG): string => engine.url(database, org);

function remote(text: string): Remote {
  const parsed = parseRemote(text);
  if (!parsed.ok) throw new Error(parsed.message);
  return parsed.remote;
}

const SIDES = ['here', 'there'] as const;
const side = (which: (typeof SIDES)[number]): Recordings => (which === 'here' ? local : there);

/** Records on a machine of its own and ships; gives its folder. */
async function shipped(
  at: string,
  events: readonly McpEvent[],
  flags: readonly string[] = ['--ship-payloads', 'all'],
  before: (dataDir: string) => Promise<void> = () => Promise.resolve(),
): Promise<string> {
  const machine = mkdtempSync(join(tmpdir(), 'sidelight-reading-'));
  machines.push(machine);
  const dataDir = join(machine, 'data');
  await stored(dataDir, events);
  await before(dataDir);
  for (const words of [['migrate'], ['ship', ...flags]]) {
    const { code, err } = await run(machine, 'store', ...words, '--store', at);
    if (code !== 0) throw new Error(err);
  }
  return machine;
}

const machines: string[] = [];

beforeAll(async () => {
  await engine.start();
  const [numbers = []] = fc.sample(
    fc.array(fc.nat({ max: 2 ** 30 }), { minLength: 10_000, maxLength: 10_000 }),
    { seed, numRuns: 1 },
  );
  let drawn = 0;
  const events = generatedSessions(() => numbers[(drawn += 1)] ?? 0, false);
  const talk = stdioEvents(TALK_ID, TALK);
  dir = await shipped(url('main'), [...events, ...talk], undefined, async (dataDir) => {
    const db = await openForWriting(dataDir);
    for (const number of [1, 5, 9]) setPinned(db, sessionId(number), true);
    setNote(db, sessionId(3), 'look at this');
    db.close();
  });
  await shipped(url('main', 'blue'), blueEvents());
  local = localRecordings(await openStore(join(dir, 'data')));
  fleet = openFleet({ remote: remote(url('main')), password: undefined, settleMs: 0 });
  there = fleet.recordings(ORG);
}, 120_000);
afterAll(async () => {
  await local.close();
  await there.close();
  await fleet.close();
  await engine.remove();
  for (const machine of machines) rmSync(machine, { recursive: true, force: true });
});

const BLUE_ID = '0197ffff-dc00-7000-8000-00000000b1e0';

function blueEvents(): McpEvent[] {
  return [
    started(BLUE_ID, { replayOf: TALK_ID }),
    described(BLUE_ID, { server: 'blue server' }),
    frame(BLUE_ID, 0, { bytes: Buffer.from('the needle of blue'), operationId: 0 }),
    operation(BLUE_ID, 0, { outcome: 'tool_error' }),
    ended(BLUE_ID, { operations: 1, failedOperations: 1 }),
  ];
}

async function whole<T>(
  look: (query: PageQuery) => Promise<Page<T>>,
  filter: Filter,
  limit: number,
): Promise<T[]> {
  const rows: T[] = [];
  for (let after: string | undefined; ;) {
    const page = await look({ filter, nowUs: NOW_US, limit, ...(after !== undefined && { after }) });
    expect(page.rows.length).toBeLessThanOrEqual(limit);
    rows.push(...page.rows);
    if (page.next === undefined) return rows;
    after = page.next;
  }
}

const sessionsOf = (one: Recordings, filter: Filter, limit = 1000): Promise<FoundSession[]> =>
  whole((query) => one.sessions(query), filter, limit);
const operationsOf = (one: Recordings, filter: Filter, limit = 1000): Promise<FoundOperation[]> =>
  whole((query) => one.operations(query), filter, limit);

/** Without what every store numbers for itself; sorted, since what began at the same time has no order. */
function sessionsSame(found: readonly FoundSession[]): object[] {
  return found
    .map(({ cursor, ...session }) => (expect(cursor).toMatch(/^\d+[.]\d+$/), session))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}

function operationsSame(found: readonly FoundOperation[]): object[] {
  return found
    .map(({ cursor: _cursor, number: _number, ...one }) => one)
    .sort((a, b) => (`${a.sessionId} ${a.operationId}` < `${b.sessionId} ${b.operationId}` ? -1 : 1));
}

function parsed(text: string): Filter {
  const result = parseFilter(text);
  if (!result.ok) throw new Error(result.error.message);
  return result.filter;
}

describe('lists', () => {
  it.each([
    ...['', 'server:alpha', 'client:b*', 'era:modern', 'version:2025-*', 'session:00000003', 'trace:a*'],
    ...['is:failed', 'is:pinned', 'is:live', 'is:incomplete', 'is:probe', 'is:inferred', '-is:failed'],
    ...['method:tools/call', 'tool:alpha', 'tool:*', 'status:tool_error,timeout', 'dur:>=1ms', 'bytes:>1MB'],
    ...['finding:late_result', 'since:30s', 'until:2025-06-15T15:06:40Z', 'needle', '-needle', 'été'],
    ...[
      '"a \\"quoted\\" \\\\ text"',
      'tool:alpha status:timeout',
      'client:*',
      '-client:*',
      '-tool:*',
      'needle OR is:pinned',
    ],
  ])('of %s are the same on both', async (text) => {
    const filter = parsed(text);
    expect(sessionsSame(await sessionsOf(there, filter))).toEqual(
      sessionsSame(await sessionsOf(local, filter)),
    );
    expect(operationsSame(await operationsOf(there, filter))).toEqual(
      operationsSame(await operationsOf(local, filter)),
    );
  });

  it('come in pages, each row once, newest first', async () => {
    for (const limit of [1, 7]) {
      const sessions = await sessionsOf(there, parsed(''), limit);
      expect(sessionsSame(sessions)).toEqual(sessionsSame(await sessionsOf(local, parsed(''))));
      const starts = sessions.map(({ startedAtUs }) => startedAtUs);
      expect(starts).toEqual([...starts].sort((a, b) => b - a));
    }
    expect(operationsSame(await operationsOf(there, parsed(''), 10))).toEqual(
      operationsSame(await operationsOf(local, parsed(''))),
    );
  });

  it('of any filter name the same sessions and operations on both', async () => {
    await fc.assert(
      fc.asyncProperty(filters, async (filter) => {
        const ids = async (one: Recordings) => (await sessionsOf(one, filter)).map(({ id }) => id).sort();
        const keys = async (one: Recordings) =>
          (await operationsOf(one, filter)).map((each) => `${each.sessionId} ${each.operationId}`).sort();
        expect([printFilter(filter), await ids(there)]).toEqual([printFilter(filter), await ids(local)]);
        expect([printFilter(filter), await keys(there)]).toEqual([printFilter(filter), await keys(local)]);
      }),
      { seed, numRuns: Number(process.env.SIDELIGHT_FUZZ_RUNS ?? 60) },
    );
  }, 120_000);

  it('can be asked which of given rows they have', async () => {
    const question = { filter: parsed('is:failed'), nowUs: NOW_US };
    for (const which of SIDES) {
      const all = await operationsOf(side(which), parsed(''));
      const meant = await operationsOf(side(which), question.filter);
      const numbers = await side(which).among(
        'operations',
        all.map(({ number }) => number),
        question,
      );
      expect([...numbers].sort()).toEqual(meant.map(({ number }) => number).sort());
      const given = [TALK_ID, sessionId(1), sessionId(2), 'nobody'];
      const found = await sessionsOf(side(which), question.filter);
      expect(await side(which).among('sessions', given, question)).toEqual(
        new Set(given.filter((id) => found.some((one) => one.id === id))),
      );
    }
  });

  it('are counted, and end when it is enough', async () => {
    const counted = async (one: Recordings): Promise<CountedOperation[]> => {
      const found: CountedOperation[] = [];
      expect(await one.counted({ filter: parsed(''), nowUs: NOW_US }, (each) => found.push(each) > 0)).toBe(
        true,
      );
      return found.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
    };
    expect(await counted(there)).toEqual(await counted(local));
    let seen = 0;
    expect(await there.counted({ filter: parsed(''), nowUs: NOW_US }, () => (seen += 1) < 3)).toBe(false);
    expect(seen).toBe(3);
  });
});

describe('a session', () => {
  it('is found by its id, a part that no other has, and last', async () => {
    for (const wanted of [TALK_ID, TALK_ID.slice(-6), TALK_ID.toUpperCase(), 'last'])
      expect(await there.findSession(wanted)).toEqual(await local.findSession(wanted));
    for (const wanted of ['01977420', 'zzz', '99999999', '%', "' OR 1"])
      for (const which of SIDES)
        await expect(side(which).findSession(wanted)).rejects.toMatchObject({
          code: wanted === '01977420' ? 'session_ambiguous' : 'session_unknown',
        });
  });

  it('is opened whole: operations, findings, and frames byte for byte', async () => {
    for (const { id } of await sessionsOf(local, parsed(''))) {
      const session = await there.findSession(id);
      const [one, other] = [await there.open(session), await local.open(session)];
      expect([...one.frames(id)].map(comparable)).toEqual([...other.frames(id)].map(comparable));
      const same = (found: Iterable<object>) => [...found].map((each) => ({ ...each, number: 0 }));
      expect(same(one.operations(id))).toEqual(same(other.operations(id)));
      expect(one.findings(id)).toEqual(other.findings(id));
      expect({ ...one.session(id) }).toEqual({ ...other.session(id) });
    }
  });

  it('is brought once, and once more when something came to it', async () => {
    const at = url('growing');
    const machine = await shipped(at, []);
    const id = sessionId(1);
    const options = { dataDir: join(machine, 'data'), record: 'full' as const };
    const sink = new StoreSink(options, new Stats(), new Trouble(console.error));
    onTestFinished(() => sink.close(1000));
    const growing = openFleet({ remote: remote(at), password: undefined });
    onTestFinished(() => growing.close());
    const recordings = growing.recordings(ORG);
    const opened = async () => recordings.open(await recordings.findSession('last'));
    const ship = () => run(machine, 'store', 'ship', '--ship-payloads', 'all', '--store', at);
    await sink.write([started(id, { hostname: hostname(), atUs: Date.now() * 1000 }), frame(id, 0)]);
    expect(await ship()).toMatchObject({ code: 0 });
    const first = await opened();
    expect(await opened()).toBe(first);
    await sink.write([frame(id, 1), ended(id)]);
    expect(await ship()).toMatchObject({ code: 0 });
    const second = await opened();
    // Who still reads what was there before reads on.
    expect([[...first.frames(id)].length, [...second.frames(id)].length]).toEqual([1, 2]);
    await recordings.close();
  });

  it('without payloads there says so, and has no byte of them', async () => {
    await shipped(url('bare'), httpEvents(), ['--ship-payloads', 'none']);
    const bare = openFleet({ remote: remote(url('bare')), password: undefined });
    onTestFinished(() => bare.close());
    const recordings = bare.recordings(ORG);
    const session = await recordings.findSession(HTTP_ID);
    expect(session.completeness).toMatchObject({ complete: false, bodies: 'none' });
    expect((await sessionsOf(recordings, parsed('is:incomplete'))).map(({ id }) => id)).toContain(HTTP_ID);
    const reader = await recordings.open(session);
    const frames = [...reader.frames(HTTP_ID)];
    expect(frames).toHaveLength(session.frames);
    expect(frames.every(({ bytes }) => bytes.length === 0)).toBe(true);
    await recordings.close();
    for (const words of [['show'], ['explain'], ['export', '--format', 'jsonl'], ['replay'], ['check']]) {
      const { out, err } = await run(dir, ...words, HTTP_ID, '--store', url('bare'));
      expect([words, err.replace(/^sidelight: not all is in the recording: .*\n/, '')]).toEqual([words, '']);
      expect(out).not.toBe('');
    }
    expect((await run(dir, 'show', HTTP_ID, '--store', url('bare'))).out).toMatch(
      /Recording +.*(?:none|metadata|bodies)/,
    );
    expect((await run(dir, 'replay', HTTP_ID, '--store', url('bare'))).out).toMatch(
      /not recorded|payload|bod/,
    );
  });
});

describe('what came since a position', () => {
  it('is told once, in the order in which it came, however much at a time', async () => {
    const began = await there.since('', []);
    expect(began.sessions.map(({ id }) => id).sort()).toEqual(
      (await sessionsOf(local, parsed(''))).map(({ id }) => id).sort(),
    );
    const operations = await operationsOf(local, parsed(''));
    expect(new Set(began.operations.map((one) => `${one.sessionId} ${one.operationId}`)).size).toBe(
      operations.length,
    );
    const next = await there.since(began.position, [TALK_ID, BLUE_ID]);
    expect([next.sessions, next.operations]).toEqual([[], []]);
    expect(next.watched).toEqual([await local.findSession(TALK_ID)]);
    expect(await there.distance(undefined)).toEqual({
      sessions: began.sessions.length,
      operations: began.operations.length,
    });
    expect(await there.distance(began.position)).toEqual({ sessions: 0, operations: 0 });
    expect(await there.distance('here')).toBeUndefined();
  });

  it('misses nothing and tells nothing twice while a session goes on, on any node', async () => {
    const at = url('live');
    const dataDir = join(await shipped(at, []), 'data');
    const nodes = [0, 1].map(() => openFleet({ remote: remote(at), password: undefined, settleMs: 100 }));
    onTestFinished(async () => {
      for (const node of nodes) await node.close();
    });
    const recordings = nodes.map((node) => node.recordings(ORG));
    const sink = new StoreSink({ dataDir, record: 'full' }, new Stats(), new Trouble(console.error));
    onTestFinished(() => sink.close(1000));
    let position = await recordings[0]?.position();
    const told: string[] = [];
    const versions = new Set<number>();
    const look = async (node: Recordings | undefined): Promise<void> => {
      const news = await node?.since(position ?? '', []);
      position = news?.position;
      versions.add((await node?.version()) ?? 0);
      told.push(...(news?.sessions ?? []).map(({ id }) => id));
      told.push(...(news?.operations ?? []).map((one) => `${one.sessionId} ${one.operationId}`));
    };
    const expected: string[] = [];
    for (let round = 0; round < 6; round += 1) {
      const id = sessionId(600 + (round >> 1));
      if (round % 2 === 0) {
        await sink.write([started(id, { atUs: Date.now() * 1000 }), described(id)]);
        expected.push(id);
      }
      await sink.write([frame(id, round % 2), operation(id, round % 2)]);
      expected.push(`${id} ${round % 2}`);
      const { code } = await run(join(dataDir, '..'), 'store', 'ship', '--store', at);
      expect(code).toBe(0);
      await look(recordings[round % 2]);
    }
    await until(async () => {
      await look(recordings[1]);
      return told.length >= expected.length;
    }, 'everything to be told');
    expect([...told].sort()).toEqual(expected.sort());
    expect(versions.size).toBeGreaterThan(1);
  });
});

describe('what is of another org', () => {
  it('is in no list, whatever is asked for', async () => {
    for (const text of [
      '',
      'needle',
      '"of blue"',
      'server:"blue server"',
      `session:${BLUE_ID}`,
      'is:failed',
      '-is:failed',
    ])
      for (const query of [
        parsed(text),
        { kind: 'or', of: [parsed(text), { kind: 'and', of: [] }] } as Filter,
      ]) {
        expect((await sessionsOf(there, query)).map(({ id }) => id)).not.toContain(BLUE_ID);
        expect((await operationsOf(there, query)).map(({ sessionId: id }) => id)).not.toContain(BLUE_ID);
      }
    const blue = fleet.recordings('blue');
    expect((await sessionsOf(blue, parsed(''))).map(({ id }) => id)).toEqual([BLUE_ID]);
    expect((await sessionsOf(blue, parsed('"of blue"'))).map(({ id }) => id)).toEqual([BLUE_ID]);
    const [operation] = await operationsOf(blue, parsed(''));
    const question = { filter: parsed(''), nowUs: NOW_US };
    expect(await there.among('operations', [operation?.number ?? 0], question)).toEqual(new Set());
    expect(await there.among('sessions', [BLUE_ID], question)).toEqual(new Set());
    await blue.close();
  });

  it('is not found by its id, not opened, not told live, and replays nothing', async () => {
    for (const wanted of [BLUE_ID, BLUE_ID.slice(-6), BLUE_ID.slice(0, 9)])
      await expect(there.findSession(wanted)).rejects.toMatchObject({ code: 'session_unknown' });
    const blue = fleet.recordings('blue');
    const session = await blue.findSession('last');
    await expect(there.open(session)).rejects.toMatchObject({ code: 'session_unknown' });
    const { sessions, operations, watched } = await there.since('0.0.0.0', [BLUE_ID]);
    for (const { id } of [...sessions, ...watched]) expect(id).not.toBe(BLUE_ID);
    for (const { sessionId: id } of operations) expect(id).not.toBe(BLUE_ID);
    expect(await blue.replaysOf(TALK_ID, '')).toEqual([BLUE_ID]);
    expect(await there.replaysOf(TALK_ID, '')).toEqual([]);
    await blue.close();
  });
});

describe('a command over the fleet', () => {
  const both = async (...words: string[]) => ({
    here: await run(dir, ...words),
    there: await run(dir, ...words, '--store', url('main')),
  });

  it.each([
    [['sessions', '--json', '--limit', '1', `session:${TALK_ID}`]],
    [['show', TALK_ID]],
    [['show', TALK_ID, '--full', '--no-frames']],
    [['explain', TALK_ID]],
    [['explain', TALK_ID, '--json']],
    [['stats', '--json']],
    [['stats', 'needle', '--json']],
    [['check', TALK_ID, '--format', 'json']],
    [['check', '--filter', 'is:pinned', '--format', 'junit']],
    [['diff', TALK_ID, sessionId(1)]],
    [['export', TALK_ID, '--format', 'jsonl']],
    [['replay', TALK_ID]],
    [['case', 'create', TALK_ID, '-o', '-']],
  ])('says what it says over this machine: %j', async (words) => {
    const said = await both(...words);
    const same = ({ code, out, err }: typeof said.here) => {
      const lines = out.replace(/"cursor":"[^"]*"/g, '').split('\n');
      // Sessions of one moment have no order among each other.
      return { code, err, lines: words.includes('--filter') ? lines.sort() : lines };
    };
    expect(same(said.there)).toEqual(same(said.here));
    expect(said.here.out).not.toBe('');
  });

  it('lists operations and goes on where a list ended', async () => {
    const whole = await run(dir, 'operations', '--limit', '3', '--store', url('main'));
    const [, cursor = ''] = /--after (\S+)/.exec(whole.out) ?? [];
    const { code, out } = await run(
      dir,
      'operations',
      '--limit',
      '3',
      '--after',
      cursor,
      '--json',
      '--store',
      url('main'),
    );
    expect([code, out.trim().split('\n').length]).toEqual([0, 3]);
  });

  it('asks the next host where one is away', async () => {
    const hosts = url('main').replace('@', '@127.0.0.1:1,');
    const words = ['sessions', '--json', `session:${TALK_ID}`];
    const said = await run(dir, ...words, '--store', hosts);
    expect([said.code, said.err]).toEqual([0, '']);
    expect(said.out).toContain(TALK_ID);
    expect(await run(dir, 'store', 'verify', '--store', hosts)).toMatchObject({ code: 0 });
  });

  it('is told in one line that it is for this machine, that nobody answers, or that nothing is set up', async () => {
    const lines = {
      pin: await run(dir, 'pin', 'last', '--store', url('main')),
      away: await run(dir, 'sessions', '--store', 'clickhouse://127.0.0.1:1/x'),
      bare: await run(dir, 'show', 'last', '--store', url('nothing_here')),
      unknown: await run(dir, 'check', 'ffffff', '--store', url('main')),
    };
    const codes = Object.entries(lines).map(([what, { code }]) => [what, code]);
    expect(Object.values(lines).every(({ err }) => /^sidelight: [^\n]+\n$/.test(err))).toBe(true);
    expect(Object.fromEntries(codes)).toEqual({ pin: 2, away: 1, bare: 1, unknown: 3 });
    expect(lines.pin.err).toContain('pin changes the recordings of this machine alone');
    expect(lines.away.err).toContain("the fleet's store does not answer");
    expect(lines.bare.err).toContain(
      'the database nothing_here is not set up; run `sidelight store migrate`',
    );
    expect(lines.unknown.err).toContain('no such session');
  });
});

describe('a database of schema 1', () => {
  it('is brought to this one, and what was in it is found', async () => {
    const machine = await shipped(url('old'), [...stdioEvents(TALK_ID, TALK)]);
    await engine.toSchema1('old');
    const refused = await run(machine, 'sessions', '--store', url('old'));
    expect(refused.err).toContain(
      "the fleet's store has schema 1, this Sidelight needs 2: run `sidelight store migrate`",
    );
    expect(await run(machine, 'store', 'migrate', '--store', url('old'))).toMatchObject({ code: 0, err: '' });
    const old = openFleet({ remote: remote(url('old')), password: undefined, settleMs: 0 });
    onTestFinished(() => old.close());
    const recordings = old.recordings(ORG);
    expect((await sessionsOf(recordings, parsed('tool:echo'))).map(({ id }) => id)).toEqual([TALK_ID]);
    expect((await recordings.since('', [])).sessions.map(({ id }) => id)).toEqual([TALK_ID]);
    expect(await recordings.findSession('last')).toEqual(await local.findSession(TALK_ID));
  });
});
