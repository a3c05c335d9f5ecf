/** What waits for a fleet's store is bounded, and what is given up is told and counted to the row. */
import type { Database } from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sendableOf } from '../../src/fleet/batch.ts';
import { Stats } from '../../src/self/stats.ts';
import { Trouble } from '../../src/self/trouble.ts';
import { StoreSink } from '../../src/sink/store.ts';
import { tidy } from '../../src/store/housekeeping.ts';
import { openForWriting } from '../../src/store/open.ts';
import { type Batch, Outbox } from '../../src/store/outbox.ts';
import { openStore } from '../../src/store/read.ts';
import { doomSession } from '../../src/store/retention.ts';
import { type Counts, SHIPPED_KINDS, type ShippingRules } from '../../src/store/shipment.ts';
import { lostCounts, Spool, type SpoolCaps } from '../../src/store/spool.ts';
import { folder } from './recordings.ts';
import { ended, finding, frame, operation, sessionId, START_US, started } from './storeEvents.ts';

const DAY_US = 86_400_000_000;
const ALL: ShippingRules = { payloads: 'all', payloadsByServer: {}, slowMs: 1, sample: 0 };
const BODY = Buffer.alloc(1000, 'x');
const FRAMES = 40;
const NONE: SpoolCaps = { bytes: undefined, ageUs: undefined };

let dataDir: string;
let db: Database;
let outbox: Outbox;
let spool: Spool;
beforeEach(async () => {
  dataDir = folder();
  db = await openForWriting(dataDir);
  outbox = new Outbox(db, 'fleet');
  spool = new Spool(db, 'fleet');
});
afterEach(() => {
  db.close();
});

/** Of 40 frames of a thousand bytes, 20 operations and a finding each. */
async function record(from: number, to: number, atUs = START_US): Promise<void> {
  const sink = new StoreSink({ dataDir, record: 'full' }, new Stats(), new Trouble(console.error));
  for (let number = from; number <= to; number += 1) {
    const id = sessionId(number);
    const at = { atUs };
    await sink.write([
      started(id, at),
      ...Array.from({ length: FRAMES }, (_, seq) => frame(id, seq, { bytes: BODY, ...at })),
      ...Array.from({ length: FRAMES / 2 }, (_, one) => operation(id, one)),
      finding(id, 3),
      ended(id, { ...at, operations: FRAMES / 2, findings: 1 }),
    ]);
  }
  await sink.close(1000);
}

type Row = Readonly<Record<string, unknown>>;

/** What the fleet would have: every row by its key, the newest version of it. */
class There {
  readonly tables = new Map<string, Map<string, Row>>();

  /** Brings there what waits, at most so many batches. */
  drain(batches = Infinity): void {
    for (let number = 0; number < batches; number += 1) {
      const batch = outbox.next(ALL, () => `batch ${Math.random()}`);
      if (batch === undefined) break;
      this.take(batch);
    }
    outbox.settle(ALL, START_US);
  }

  take(batch: Batch): void {
    const { tables } = sendableOf(batch, outbox, 'default');
    const there: Partial<Record<(typeof SHIPPED_KINDS)[number], number>> = {};
    for (const [table, rows] of tables) {
      for (const { content, counts } of rows) {
        this.#put(table, content as Row);
        for (const kind of counts) there[kind] = (there[kind] ?? 0) + 1;
      }
    }
    expect(outbox.arrived(batch, { there, rejected: {}, letters: [] }, START_US)).toBe(true);
  }

  rows(table: string): readonly Row[] {
    return [...(this.tables.get(table)?.values() ?? [])];
  }

  #put(table: string, row: Row): void {
    const key = [row.session_id, row.seq ?? row.operation_id ?? row.number ?? row.gap_id].join('/');
    const rows = this.tables.get(table) ?? new Map<string, Row>();
    this.tables.set(table, rows);
    if (Number(rows.get(key)?.version ?? -1) <= Number(row.version)) rows.set(key, row);
  }

  counts(): Required<Counts> {
    const frames = this.rows('frame');
    return {
      sessions: this.rows('session').length,
      frames: frames.length,
      operations: this.rows('operation').length,
      findings: this.rows('finding').length,
      payloads: frames.filter(({ payload }) => payload !== '').length,
    };
  }
}

/** Of `sessions` sessions: there and given up are all of it, and markers say what the counters say. */
function addsUp(there: There, sessions: number): void {
  const has = there.counts();
  const totals = outbox.totals();
  expect({ ...has, ...totals.there }).toEqual(has);
  const markers = there.rows('gap');
  for (const kind of SHIPPED_KINDS) {
    const lost = (['spool_size', 'spool_age', 'deleted'] as const).map(
      (reason) => totals[reason]?.[kind] ?? 0,
    );
    const told = markers.reduce((sum, marker) => sum + Number(marker[kind]), 0);
    const each = { sessions: 1, frames: FRAMES, operations: FRAMES / 2, findings: 1, payloads: FRAMES }[kind];
    const given = lost.reduce((sum, count) => sum + count, 0);
    expect([kind, has[kind] + given]).toEqual([kind, sessions * each]);
    expect([kind, told]).toEqual([kind, given]);
  }
}

describe('a batch', () => {
  it('is of the oldest, and bounded by the bytes of its payloads and by its rows', async () => {
    await record(1, 300);
    const batch = outbox.next(ALL, () => 'one');
    const ids = batch?.parts.map(({ id }) => id) ?? [];
    expect(ids).toEqual(Array.from({ length: ids.length }, (_, one) => sessionId(one + 1)));
    const bytes = ids.length * FRAMES * BODY.length;
    expect([bytes > 7 * 2 ** 20, bytes < 9 * 2 ** 20]).toEqual([true, true]);
    const there = new There();
    there.drain();
    addsUp(there, 300);
  });
});

describe('below the caps', () => {
  it('nothing is given up, and all of it comes', async () => {
    await record(1, 5);
    const { lost, backlog } = await spool.bound(
      { ...ALL, caps: { bytes: 2 ** 30, ageUs: DAY_US } },
      START_US,
    );
    expect([lostCounts(lost), backlog.sessions, backlog.frames]).toEqual([[], 5, 5 * FRAMES]);
    const there = new There();
    there.drain();
    addsUp(there, 5);
    expect(there.rows('gap')).toEqual([]);
    expect((await spool.backlog(ALL, START_US)).oldestUs).toBe(undefined);
  });

  it('retention deletes nothing that waits, and everything that is there', async () => {
    await record(1, 5);
    const there = new There();
    const clean = async () =>
      (
        await tidy({
          ...{ dataDir, holder: 'test', nowUs: () => START_US + 30 * DAY_US },
          rules: { ageUs: DAY_US, failedAgeUs: DAY_US, bytes: undefined, sessions: undefined },
          spool: { remote: 'fleet', rules: { ...ALL, caps: NONE } },
          pause: () => Promise.resolve(true),
        })
      )?.pruned;
    expect(await clean()).toEqual({});
    there.drain();
    expect(await clean()).toEqual({ age: 5 });
    addsUp(there, 5);
  });
});

describe('above the cap of bytes', () => {
  it('the oldest payloads go first, and rows stay', async () => {
    await record(1, 10);
    const rows = 10 * (1024 + FRAMES * 100 + (FRAMES / 2) * 420);
    const caps = { bytes: rows + 6 * FRAMES * 1000, ageUs: undefined };
    const { lost, backlog } = await spool.bound({ ...ALL, caps }, START_US);
    expect(lost).toEqual({
      spool_size: expect.objectContaining({ payloads: 4 * FRAMES, frames: 0 }) as Counts,
    });
    expect(backlog.bytes).toBeLessThanOrEqual(caps.bytes);
    const there = new There();
    there.drain();
    addsUp(there, 10);
    const without = there.rows('frame').filter(({ payload }) => payload === '');
    expect(new Set(without.map(({ session_id: id }) => id))).toEqual(new Set([1, 2, 3, 4].map(sessionId)));
    for (const { session_id: id, row } of there.rows('session')) {
      const { bodies } = JSON.parse(String(row)) as { bodies: string };
      expect([id, bodies]).toEqual([id, Number(String(id).slice(-12)) <= 4 ? 'none' : 'all']);
    }
  });

  it('rows go when payloads are not enough, and the sessions say how many are missing', async () => {
    await record(1, 10);
    const caps = { bytes: 10 * 1024 + 3 * (FRAMES * 100 + (FRAMES / 2) * 420), ageUs: undefined };
    const { backlog } = await spool.bound({ ...ALL, caps }, START_US);
    expect(backlog.bytes).toBeLessThanOrEqual(caps.bytes);
    const there = new There();
    there.drain();
    addsUp(there, 10);
    expect(there.counts()).toMatchObject({ sessions: 10, frames: 3 * FRAMES, payloads: 0 });
    const dropped = there
      .rows('session')
      .map(({ row }) => (JSON.parse(String(row)) as { dropped_events: number }).dropped_events);
    expect(dropped.filter((count) => count === FRAMES + FRAMES / 2 + 1)).toHaveLength(7);
  });

  it('what is on its way is not given up, however often it is tried', async () => {
    await record(1, 10);
    const frozen = outbox.next(ALL, () => 'frozen');
    const before = JSON.stringify(sendableOf(frozen ?? { id: '', parts: [] }, outbox, 'default'));
    await record(11, 20);
    await spool.bound({ ...ALL, caps: { bytes: 1, ageUs: undefined } }, START_US);
    expect(outbox.next(ALL, () => 'other')).toEqual(frozen);
    expect(JSON.stringify(sendableOf(frozen ?? { id: '', parts: [] }, outbox, 'default'))).toBe(before);
    const there = new There();
    there.drain();
    addsUp(there, 20);
    expect(there.counts()).toMatchObject({ sessions: 20, frames: 10 * FRAMES });
  });

  it('a session that goes on afterwards comes on with its later frames', async () => {
    const id = sessionId(1);
    const sink = new StoreSink({ dataDir, record: 'full' }, new Stats(), new Trouble(console.error));
    await sink.write([
      started(id),
      ...Array.from({ length: 20 }, (_, seq) => frame(id, seq, { bytes: BODY })),
    ]);
    const there = new There();
    there.drain();
    await sink.write(Array.from({ length: 20 }, (_, seq) => frame(id, 20 + seq, { bytes: BODY })));
    await spool.bound({ ...ALL, caps: { bytes: 1, ageUs: undefined } }, START_US);
    await sink.write([
      ...Array.from({ length: 20 }, (_, seq) => frame(id, 40 + seq, { bytes: BODY })),
      ended(id),
    ]);
    await sink.close(1000);
    there.drain();
    expect(there.rows('frame').map(({ seq }) => seq)).toEqual(
      [...Array(20).keys()].concat([...Array(20).keys()].map((seq) => seq + 40)),
    );
    expect(there.rows('gap')).toEqual([
      expect.objectContaining({ session_id: id, reason: 'spool_size', payloads: 20, frames: 0 }),
      expect.objectContaining({ session_id: id, frames: 20, payloads: 0, first_seq: 20, last_seq: 39 }),
    ]);
  });

  it('markers are bounded: what is beyond them is summed up, and still adds up', async () => {
    await record(1, 3);
    const fill = db.prepare(
      "INSERT INTO shipping_gap (id, remote, session_id, at, reason, sessions, frames, operations, findings, payloads, is_new, version) VALUES (?, 'fleet', 's', 0, 'deleted', 0, 0, 0, 0, 0, 0, 0)",
    );
    db.transaction(() => {
      for (let number = 0; number < 10_000; number += 1) fill.run(String(number));
    })();
    await spool.bound({ ...ALL, caps: { bytes: 1, ageUs: undefined } }, START_US);
    expect(doomSession(db, sessionId(1))).toBe(true);
    const there = new There();
    there.drain();
    addsUp(there, 3);
    const sums = there.rows('gap').filter(({ session_id: id }) => id === '');
    expect(sums).toEqual([
      expect.objectContaining({ reason: 'spool_size', frames: 3 * FRAMES, sessions: 0 }),
      expect.objectContaining({ reason: 'deleted', frames: 0, sessions: 1 }),
    ]);
  });
});

describe('above the cap of age', () => {
  it('payloads go first and rows after twice that, by the time that they have waited', async () => {
    // Recorded a year ago, and imported: neither has waited.
    await record(1, 3, START_US - 365 * DAY_US);
    const rules = { ...ALL, caps: { bytes: undefined, ageUs: 4 * DAY_US } };
    const at = async (day: number) => spool.bound(rules, START_US + day * DAY_US);
    const first = await at(0);
    expect([lostCounts(first.lost), first.backlog.oldestUs]).toEqual([[], START_US]);
    for (const day of [1, 2, 3, 4]) expect(lostCounts((await at(day)).lost)).toEqual([]);
    await record(4, 5, START_US + 4 * DAY_US);
    expect(lostCounts((await at(6)).lost)).toEqual([
      { reason: 'spool_age', kind: 'payloads', count: 3 * FRAMES },
    ]);
    expect(lostCounts((await at(10)).lost)).toMatchObject([
      { reason: 'spool_age', kind: 'frames', count: 3 * FRAMES },
      { kind: 'operations' },
      { kind: 'findings' },
      { kind: 'payloads', count: 2 * FRAMES },
    ]);
    const there = new There();
    there.drain();
    addsUp(there, 5);
  });
});

describe('what is deleted before it was brought there', () => {
  it('leaves its row and a marker, and is counted', async () => {
    await record(1, 4);
    const there = new There();
    await spool.bound({ ...ALL, caps: NONE }, START_US);
    expect(doomSession(db, sessionId(2))).toBe(true);
    there.drain();
    addsUp(there, 4);
    // What is there is no loss.
    expect(doomSession(db, sessionId(3))).toBe(true);
    there.drain();
    addsUp(there, 4);
    expect(there.rows('gap')).toEqual([
      expect.objectContaining({ session_id: sessionId(2), reason: 'deleted', frames: FRAMES }),
    ]);
  });

  it('for want of room loses its payloads here, and its rows when they are there', async () => {
    await record(1, 4);
    const caps = { bytes: 4 * (1024 + FRAMES * 100 + (FRAMES / 2) * 420), ageUs: undefined };
    const clean = () =>
      tidy({
        ...{ dataDir, holder: 'test', nowUs: () => START_US + 30 * DAY_US },
        rules: { ageUs: DAY_US, failedAgeUs: DAY_US, bytes: undefined, sessions: undefined },
        spool: { remote: 'fleet', rules: { ...ALL, caps } },
        pause: () => Promise.resolve(true),
      });
    expect(await clean()).toMatchObject({ pruned: {}, lost: { spool_size: { payloads: 4 * FRAMES } } });
    const reader = await openStore(dataDir);
    expect([...reader.frames(sessionId(1))].every(({ bytes }) => bytes.length === 0)).toBe(true);
    reader.close();
    const there = new There();
    there.drain();
    addsUp(there, 4);
    expect(await clean()).toMatchObject({ pruned: { age: 4 } });
  });
});

describe('two that ship at once', () => {
  it('count what they brought once', async () => {
    await record(1, 4);
    const batch = outbox.next(ALL, () => 'one');
    const other = new Outbox(db, 'fleet');
    expect(other.next(ALL, () => 'two')).toEqual(batch);
    const outcome = { there: { sessions: 4 }, rejected: {}, letters: [] };
    expect([outbox, other].map((one) => one.arrived(batch ?? { id: '', parts: [] }, outcome, 0))).toEqual([
      true,
      false,
    ]);
    expect(outbox.totals()).toEqual({ there: { sessions: 4 } });
  });
});
