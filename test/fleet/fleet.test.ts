/** The fleet's store, against the real engine: what was recorded here is there, once and whole, whatever happened between. */
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { McpEvent } from '../../src/event/event.ts';
import { Stats } from '../../src/self/stats.ts';
import { Trouble } from '../../src/self/trouble.ts';
import { StoreSink } from '../../src/sink/store.ts';
import { openForWriting } from '../../src/store/open.ts';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { connect } from '../e2e/peers.ts';
import { Running, server, SIDELIGHT, until } from '../e2e/sidelight.ts';
import { run } from '../unit/commandRun.ts';
import { folder, reading, stdioEvents, TALK } from '../unit/recordings.ts';
import { described, ended, finding, frame, operation, sessionId, started } from '../unit/storeEvents.ts';
import { FleetEngine } from './engine.ts';

const NODE = process.execPath;
const SERVER = [NODE, server('dual-era.mjs')];
const engine = new FleetEngine();
beforeAll(() => engine.start(), 60_000);
afterAll(() => engine.remove());

let databases = 0;
function nextDatabase(): string {
  return `fleet_${(databases += 1)}`;
}

/** A machine's data folder, and its commands against a database. */
function machine(database: string, org?: string) {
  const dir = folder();
  const dataDir = join(dir, 'data');
  // One process records, however often more comes.
  const sink = new StoreSink({ dataDir, record: 'full' }, new Stats(), new Trouble(console.error));
  onTestFinished(() => sink.close(1000));
  return {
    dataDir,
    store: (command: string, ...flags: string[]) =>
      run(dir, 'store', command, '--store', engine.url(database, org), ...flags),
    record: async (events: readonly McpEvent[]) => sink.write(events),
  };
}

/** Session number `number`, of so many frames; over unless it is `open`. */
function session(number: number, frames: number, { failed = 0, open = false } = {}): McpEvent[] {
  const id = sessionId(number);
  const operations = Math.floor(frames / 2);
  return [
    started(id, open ? { hostname: hostname(), atUs: Date.now() * 1000 } : {}),
    described(id),
    ...Array.from({ length: frames }, (_, seq) => frame(id, seq, bodyOf(seq))),
    ...Array.from({ length: operations }, (_, one) =>
      operation(id, one, one < failed ? { outcome: 'tool_error' } : {}),
    ),
    ...(open ? [] : [ended(id, { operations, failedOperations: failed })]),
  ];
}

/** Each third is no UTF-8. */
function bodyOf(seq: number): { bytes?: Buffer } {
  return seq % 3 === 2 ? { bytes: Buffer.from([0xff, 0x00, seq & 0xff, 0x22, 0x0a]) } : {};
}

interface FrameThere {
  readonly session_id: string;
  readonly seq: string;
  readonly payload: string;
  readonly base64: number;
  readonly kind: string;
}

/** Frames as the fleet has them, by session and number. */
async function framesThere(database: string): Promise<Map<string, string>> {
  const rows = await engine.query<FrameThere>(
    `SELECT session_id, seq, payload, base64, kind FROM ${database}.frame FINAL ORDER BY session_id, seq`,
  );
  return new Map(
    rows.map(({ session_id: id, seq, payload, base64, kind }) => [
      `${id}/${seq}`,
      `${kind} ${Buffer.from(payload, base64 === 1 ? 'base64' : 'utf8').toString('hex')}`,
    ]),
  );
}

function framesHere(dataDir: string, withPayload: (id: string) => boolean): Promise<Map<string, string>> {
  return reading(dataDir, (reader) => {
    const frames = reader
      .listSessions({ limit: 100_000 })
      .flatMap(({ id }) =>
        [...reader.frames(id)].map(({ seq, kind, bytes }): [string, string] => [
          `${id}/${seq}`,
          `${kind} ${withPayload(id) ? Buffer.from(bytes).toString('hex') : ''}`,
        ]),
      );
    return new Map(frames.sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

function sorted(frames: Map<string, string>): [string, string][] {
  return [...frames].sort(([a], [b]) => (a < b ? -1 : 1));
}

describe('what was recorded', () => {
  it('is there after `store ship`, frame for frame and byte for byte, and `store verify` counts it', async () => {
    const database = nextDatabase();
    const { store, record, dataDir } = machine(database);
    await record([...session(1, 40), ...session(2, 3000, { failed: 2 }), ...session(3, 0)]);
    await record(stdioEvents(sessionId(4), TALK));
    expect(await store('migrate')).toMatchObject({ code: 0, err: '' });
    const shipped = await store('ship', '--ship-payloads', 'all');
    expect(shipped).toMatchObject({ code: 0, err: '' });
    expect(sorted(await framesThere(database))).toEqual(sorted(await framesHere(dataDir, () => true)));
    expect((await store('verify')).out).toBe('Everything of 4 sessions is there.\n');
    const [operations] = await engine.query<{ n: number }>(
      `SELECT count() AS n FROM ${database}.operation FINAL WHERE outcome = 'tool_error' AND session_id = '${sessionId(2)}'`,
    );
    expect(Number(operations?.n)).toBe(2);
    // Nothing is left to do.
    expect((await store('ship', '--ship-payloads', 'all')).out).toMatch(/^0 rows of 0 sessions/);
  });

  it('of a session that goes on is brought in parts, and its row is as it ended', async () => {
    const database = nextDatabase();
    const { store, record, dataDir } = machine(database);
    const all = [
      ...session(1, 100, { open: true }),
      ended(sessionId(1), { operations: 50, failedOperations: 0 }),
    ];
    await store('migrate');
    for (let from = 0; from < all.length; from += 23) {
      await record(all.slice(from, from + 23));
      expect(await store('ship', '--ship-payloads', 'all')).toMatchObject({ code: 0 });
    }
    expect(sorted(await framesThere(database))).toEqual(sorted(await framesHere(dataDir, () => true)));
    const rows = await engine.query<{ end_cause: string; frames: string }>(
      `SELECT end_cause, frames FROM ${database}.session FINAL`,
    );
    expect(rows.map(({ end_cause, frames }) => [end_cause, Number(frames)])).toEqual([
      ['client_closed', 100],
    ]);
  });

  it('comes with payloads only of sessions that tell something, also when that shows late', async () => {
    const database = nextDatabase();
    const { store, record, dataDir } = machine(database);
    const [one, two, three] = [sessionId(1), sessionId(2), sessionId(3)];
    await record([...session(1, 10), ...session(2, 10, { failed: 1 }), ...session(3, 10, { open: true })]);
    await store('migrate');
    expect(await store('ship')).toMatchObject({ code: 0 });
    const telling = new Set([two]);
    expect(sorted(await framesThere(database))).toEqual(
      sorted(await framesHere(dataDir, (id) => telling.has(id))),
    );
    await record([
      finding(three, 4, { rule: 'late_result' }),
      ended(three, { operations: 5, failedOperations: 0, findings: 1 }),
    ]);
    expect(await store('ship')).toMatchObject({ code: 0 });
    telling.add(three);
    expect(sorted(await framesThere(database))).toEqual(
      sorted(await framesHere(dataDir, (id) => telling.has(id))),
    );
    expect(telling.has(one)).toBe(false);
  });

  it('of two machines and two organisations is told apart by them', async () => {
    const database = nextDatabase();
    const [here, there] = [machine(database, 'red'), machine(database, 'blue')];
    await here.record(session(1, 10));
    await there.record(session(1, 6));
    await here.store('migrate');
    await here.store('ship');
    await there.store('ship');
    const rows = await engine.query<{ org: string; n: string }>(
      `SELECT org, count() AS n FROM ${database}.frame FINAL GROUP BY org ORDER BY org`,
    );
    expect(rows.map(({ org, n }) => [org, Number(n)])).toEqual([
      ['blue', 6],
      ['red', 10],
    ]);
    expect((await here.store('verify')).code).toBe(0);
    expect((await there.store('verify')).code).toBe(0);
  });

  it('and is not there is found by `store verify`', async () => {
    const database = nextDatabase();
    const { store, record } = machine(database);
    await record(session(1, 10));
    await store('migrate');
    await store('ship');
    await engine.query(`ALTER TABLE ${database}.frame DELETE WHERE seq = 3 SETTINGS mutations_sync = 1`);
    const { code, out } = await store('verify');
    expect(code).toBe(1);
    expect(out).toContain('frames: 9 of 10 are there');
  });
});

describe('an outage', () => {
  it('of any kind loses nothing and doubles nothing, thirty times at random while more is recorded', async () => {
    const database = nextDatabase();
    const { store, record, dataDir } = machine(database);
    await store('migrate');
    const seed = Number(process.env.SIDELIGHT_FUZZ_SEED ?? Date.now() % 2 ** 31);
    console.log(`outages: SIDELIGHT_FUZZ_SEED=${seed}`);
    let state = seed;
    const draw = (below: number): number => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return (state >>> 8) % below;
    };
    for (let round = 1; round <= 30; round += 1) {
      await record(session(round, 1 + draw(400), { failed: draw(2) }));
      const outage = draw(4);
      if (outage === 0) await engine.kill();
      else if (outage === 1) await engine.fault({ count: 1 + draw(4), status: 503 });
      else await engine.fault({ count: 1 + draw(3), after: true });
      const shipping = store('ship', '--ship-payloads', 'all');
      if (outage === 0) await engine.start();
      else if (draw(3) === 0) {
        await engine.kill();
        await engine.start();
      }
      expect(await shipping).toMatchObject({ code: 0 });
    }
    expect(sorted(await framesThere(database))).toEqual(sorted(await framesHere(dataDir, () => true)));
    expect((await store('verify')).out).toBe('Everything of 30 sessions is there.\n');
  }, 240_000);

  it('that lasts until somebody sets it up loses nothing', async () => {
    const database = nextDatabase();
    const { store, record } = machine(database);
    const none = await store('status');
    expect(none.code).toBe(0);
    expect(none.out).toMatch(/: answers, schema 0\.\nNothing is recorded on this machine yet\.\n$/);
    await record(session(1, 10));
    // Not set up: refused, and said in a line.
    const refused = await store('ship');
    expect(refused.code).toBe(1);
    expect(refused.err).toMatch(
      /^sidelight: the database fleet_\d+ is not set up; run `sidelight store migrate`\n$/,
    );
    expect(JSON.parse((await store('status', '--json')).out)).toMatchObject({
      sessionsWaiting: 1,
      framesWaiting: 10,
    });
    await store('migrate');
    await record(session(2, 10));
    expect(await store('ship')).toMatchObject({ code: 0 });
    expect(JSON.parse((await store('status', '--json')).out)).toMatchObject({
      ...{ batchWaits: false, framesWaiting: 0, done: 2, schema: 2 },
    });
  });
});

describe('a row that the engine does not take', () => {
  it('is set aside by itself, with why, and the rest is there', async () => {
    const database = nextDatabase();
    const { store, record, dataDir } = machine(database);
    await record(session(1, 64));
    const db = await openForWriting(dataDir);
    db.exec('UPDATE operation SET operation_id = -5 WHERE operation_id = 17');
    db.close();
    await store('migrate');
    const { code, out } = await store('ship');
    expect([code, out]).toEqual([1, expect.stringContaining('1 were not taken')]);
    const [there] = await engine.query<{ n: string }>(`SELECT count() AS n FROM ${database}.operation FINAL`);
    expect(Number(there?.n)).toBe(31);
    const after = await openForWriting(dataDir);
    const letters = after.prepare('SELECT target, content FROM dead_letter').all() as {
      target: string;
      content: string;
    }[];
    after.close();
    expect(letters.map(({ target, content }) => [target, content.includes('"operation_id":-5')])).toEqual([
      ['operation', true],
    ]);
  });
});

describe('setting it up', () => {
  it('may be done again, with another age, and is refused by an older Sidelight', async () => {
    const database = nextDatabase();
    const { store, record } = machine(database);
    expect((await store('migrate', '--keep-days', '30')).code).toBe(0);
    expect((await store('migrate', '--keep-days', '7')).code).toBe(0);
    const [table] = await engine.query<{ create_table_query: string }>(
      `SELECT create_table_query FROM system.tables WHERE database = '${database}' AND name = 'frame'`,
    );
    expect(table?.create_table_query).toContain('toIntervalDay(7)');
    await engine.query(`INSERT INTO ${database}.schema_version SELECT 99, now()`);
    await record(session(1, 2));
    const { code, err } = await store('ship');
    expect([code, err]).toEqual([
      1,
      "sidelight: the fleet's store has schema 99, this Sidelight knows 2: install a newer Sidelight\n",
    ]);
  });

  it('for a cluster gives statements whose syntax the engine accepts', async () => {
    const { dataDir } = machine('x');
    const { out } = await run(
      join(dataDir, '..'),
      ...['store', 'migrate', '--print', '--store', 'clickhouse://h:1/x?cluster=main'],
    );
    const statements = out.trim().split(';\n');
    expect(statements.length).toBeGreaterThan(10);
    for (const statement of statements) {
      const text = statement.replace(/;$/, '');
      if (/^(?:CREATE|ALTER)/.test(text)) await engine.query(`EXPLAIN AST ${text}`);
    }
    expect(out).toContain('ON CLUSTER main');
    expect(out).toContain('ReplicatedReplacingMergeTree');
  });
});

describe('a sidecar', () => {
  it('brings what it records there while it records, and what was left by one that is gone', async () => {
    const database = nextDatabase();
    const { store, record, dataDir } = machine(database);
    await store('migrate');
    await record(session(1, 20));
    const flags = ['--data-dir', dataDir, '--store', engine.url(database), '--ship-every', '1s'];
    const peer = await connect('v1', [NODE, SIDELIGHT, ...flags, '--ship-payloads', 'all', '--', ...SERVER]);
    await peer.call({ name: 'echo', arguments: { text: 'to the fleet' } });
    const told = async (): Promise<number> => {
      const [row] = await engine.query<{ n: string }>(
        `SELECT countIf(payload LIKE '%to the fleet%') AS n FROM ${database}.frame FINAL`,
      );
      return Number(row?.n ?? 0);
    };
    await until(async () => (await told()) === 2, 'the call and its answer to be there');
    await peer.close();
    // What came last is brought by whoever is next.
    expect(await store('ship', '--ship-payloads', 'all')).toMatchObject({ code: 0 });
    expect((await store('verify')).out).toBe('Everything of 2 sessions is there.\n');
    expect(sorted(await framesThere(database))).toEqual(sorted(await framesHere(dataDir, () => true)));
  });

  it('records and relays as ever where there is no fleet, and says so once', async () => {
    const { dataDir } = machine('nowhere');
    const flags = ['--data-dir', dataDir, '--store', 'clickhouse://127.0.0.1:1/x', '--ship-every', '1s'];
    const running = new Running(NODE, [SIDELIGHT, ...flags, '--', ...SERVER]);
    await until(() => running.stderr.includes('recordings wait on this machine'), 'the line about it');
    running.process.stdin.end('{"jsonrpc":"2.0","id":1,"method":"ping"}\n');
    const { code, stderr } = await running.ended;
    expect(code).toBe(0);
    expect(stderr.toString().match(/^sidelight: /gm)).toHaveLength(1);
    expect(stderr.toString()).not.toContain('default@');
  });
});
