/**
 * The engine killed, hung, slow, refusing, full and out of memory, at random, while ten sidecars record and ship: what was
 * recorded is there, once. And above the caps of the spool: what is there and what is said to be missing are all of it.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { uuidV7 } from '../../src/self/uuid.ts';
import { SHIPPED_KINDS } from '../../src/store/shipment.ts';
import { connect, type Peer } from '../e2e/peers.ts';
import { server, SIDELIGHT, until } from '../e2e/sidelight.ts';
import { sessionId } from '../unit/storeEvents.ts';
import { type Fault, FleetEngine } from './engine.ts';
import {
  countsThere,
  drawing,
  framesHere,
  framesThere,
  gapsThere,
  machine,
  session,
  shipping,
  sum,
  totalsOf,
} from './machines.ts';

/** Sidecars that are recorders and shippers in this process, and real ones between a client and its server. */
const RECORDERS = 8;
const RELAYS = 2;
const OUTAGES = 100;
/** On a machine that is busy with something else there are fewer in this time, and never fewer than so many. */
const OUTAGES_MS = 40_000;
const FEWEST = 20;
/** Of these, so many times the engine is killed and started on its data again. */
const KILLS = 8;

const engine = new FleetEngine();
beforeAll(() => engine.start(), 60_000);
afterAll(() => engine.remove());

/** What a client and its server say to each other while somebody ships. */
async function conversation(peer: Peer, rounds: AsyncIterable<number>): Promise<number> {
  let said = 0;
  for await (const round of rounds) {
    await peer.call({ name: 'echo', arguments: { text: `round ${round}` } });
    await peer.call({ name: 'fail', arguments: {} });
    await peer.call({ name: 'large', arguments: { bytes: 1600 } });
    said += 1;
  }
  return said;
}

async function* numbers(count: number): AsyncGenerator<number> {
  for (let number = 0; number < count; number += 1) yield await Promise.resolve(number);
}

describe('a hundred outages at random', () => {
  it('lose nothing of what ten sidecars record meanwhile, double nothing, and change nothing that is said', async () => {
    const draw = drawing('outages');
    const database = 'outages';
    const url = engine.url(database);
    const machines = Array.from({ length: RECORDERS }, () => machine(url));
    const [first] = machines;
    expect(await first?.store('migrate')).toMatchObject({ code: 0 });
    // Thousands of small parts are merged here, and would else lie on the disk for eight minutes.
    for (const table of ['session', 'operation', 'finding', 'frame'])
      await engine.query(`ALTER TABLE ${database}.${table} MODIFY SETTING old_parts_lifetime = 1`);
    const shippers = machines.map((one) => shipping(one, url));

    const command = [process.execPath, server('dual-era.mjs')];
    const over = new AbortController();
    async function* rounds(): AsyncGenerator<number> {
      for (let number = 0; !over.signal.aborted; number += 1) {
        yield number;
        await delay(100);
      }
    }
    const relays = await Promise.all(
      Array.from({ length: RELAYS }, async () => {
        const { dataDir, store } = machine(url);
        const flags = ['--data-dir', dataDir, '--store', url, '--ship-every', '1s', '--ship-payloads', 'all'];
        const peer = await connect('v1', [process.execPath, SIDELIGHT, ...flags, '--', ...command]);
        return { dataDir, store, peer, said: conversation(peer, rounds()) };
      }),
    );
    const recording = (async () => {
      for (let number = 0; !over.signal.aborted; number += 1) {
        const one = machines[number % machines.length];
        await one?.record(session(uuidV7(), { frames: 1 + draw(60), failed: draw(2), findings: draw(3) }));
        await delay(60);
      }
    })();

    const kinds: readonly (() => Fault)[] = [
      () => ({ count: 1 + draw(4), status: 503 }),
      () => ({ count: 1 + draw(4), status: 429 }),
      () => ({ count: 1 + draw(4), code: 243 }),
      () => ({ count: 1 + draw(4), code: 241 }),
      () => ({ count: 1 + draw(3), after: true }),
      () => ({ count: 1 + draw(3), slowMs: 50 + draw(200) }),
    ];
    const beganMs = performance.now();
    let outage = 0;
    for (; outage < OUTAGES; outage += 1) {
      if (outage >= FEWEST && performance.now() - beganMs > OUTAGES_MS) break;
      if (outage % Math.floor(OUTAGES / KILLS) === 0) {
        // Hung, then killed in the middle of it, and there again with its data.
        await engine.fault({ count: 2, hang: true });
        await delay(draw(100));
        await engine.kill();
        await engine.start();
        continue;
      }
      await engine.fault(kinds[draw(kinds.length)]?.() ?? { count: 0 });
      await until(async () => (await engine.faultsLeft()) === 0, 'the requests that fail');
    }
    await engine.fault({ count: 0 });
    over.abort();
    await recording;
    const said = await Promise.all(relays.map((relay) => relay.said));
    await Promise.all(relays.map(({ peer }) => peer.close()));
    for (const one of shippers) await one.close();
    // What came last is brought by whoever is next.
    const dataDirs = [...machines.map(({ dataDir }) => dataDir), ...relays.map(({ dataDir }) => dataDir)];
    for (const { store } of [...machines, ...relays])
      expect(await store('ship', '--ship-payloads', 'all', '--ship-max-rate', 'none')).toMatchObject({
        code: 0,
      });

    const here = await framesHere(dataDirs);
    expect(here.length).toBeGreaterThan(1000);
    expect(await framesThere(engine, database)).toEqual(here);
    const totals = await Promise.all([...machines].map((one) => totalsOf(one, url)));
    const of = (kind: (typeof SHIPPED_KINDS)[number]): number =>
      totals.reduce((sum, { there }) => sum + (there?.[kind] ?? 0), 0);
    expect(totals.every((one) => Object.keys(one).join() === 'there')).toBe(true);
    const ours = await framesHere(machines.map(({ dataDir }) => dataDir));
    expect([of('frames'), of('payloads')]).toEqual([ours.length, ours.length]);
    console.log(
      `outages: ${outage} of ${dataDirs.length} sidecars, ${here.length} frames, ${said.join(' and ')} rounds relayed, ` +
        `${shippers.reduce((sum, { stats }) => sum + stats.failures().reduce((all, { count }) => all + count, 0), 0)} failed tries`,
    );

    // The same said without Sidelight.
    for (const [number, { peer }] of relays.entries()) {
      const direct = await connect('v1', command);
      await conversation(direct, numbers(said[number] ?? 0));
      await direct.close();
      expect(peer.received).toEqual(direct.received);
      expect(peer.sent).toEqual(direct.sent);
    }
  }, 240_000);
});

describe('after an outage', () => {
  it('the oldest is there first, and what waited comes at the rate that is set', async () => {
    const database = 'paced';
    const one = machine(engine.url(database));
    expect(await one.store('migrate')).toMatchObject({ code: 0 });
    const ids = [1, 2, 3].map(sessionId);
    for (const id of ids) await one.record(session(id, { frames: 6000 }));
    const beganMs = performance.now();
    const shipped = await one.store('ship', '--ship-max-rate', '20000', '--json');
    // However slow the machine is, it takes no less: 27,003 rows in batches of 10,000 frames, of which the last one waits for nobody.
    expect(performance.now() - beganMs).toBeGreaterThan(900);
    expect(JSON.parse(shipped.out)).toMatchObject({ rows: 27_003 + 1, batches: 2 });
    const order = await engine.query<{ session_id: string }>(
      `SELECT session_id FROM ${database}.frame WHERE seq = 0 ORDER BY _part, session_id`,
    );
    expect(order.map(({ session_id: id }) => id)).toEqual(ids);
  }, 60_000);
});

describe('above the caps', () => {
  it('what is there and what is said to be missing are all that was recorded, of each kind', async () => {
    const database = 'caps';
    const url = engine.url(database);
    const one = machine(url);
    expect(await one.store('migrate')).toMatchObject({ code: 0 });
    const shapes = Array.from({ length: 40 }, (_, number) => ({ frames: 60 + number, findings: number % 3 }));
    const recorded = {
      sessions: shapes.length,
      frames: sum(shapes.map(({ frames }) => frames)),
      operations: sum(shapes.map(({ frames }) => Math.floor(frames / 2))),
      findings: sum(shapes.map(({ findings }) => findings)),
      payloads: sum(shapes.map(({ frames }) => frames)),
    };
    await engine.fault({ count: 1_000_000, code: 243 });
    const caps = { maxSpoolBytes: 400_000 };
    const shipper = shipping(one, url, caps);
    for (const shape of shapes) await one.record(session(uuidV7(), shape));
    await until(
      () => (shipper.stats.counts().get('fleet_lost_frames_spool_size') ?? 0) > 0,
      'rows to be given up',
      60_000,
    );
    expect(shipper.stats.gaugeOf('fleet_waiting_bytes')).toBeLessThanOrEqual(caps.maxSpoolBytes);
    await engine.fault({ count: 0 });
    await until(() => shipper.stats.gaugeOf('fleet_waiting_sessions') === 0, 'all to be there', 60_000);
    await shipper.close();

    const there = await countsThere(engine, database);
    const totals = await totalsOf(one, url);
    const markers = await gapsThere(engine, database);
    for (const kind of SHIPPED_KINDS) {
      const lost = totals.spool_size?.[kind] ?? 0;
      expect([kind, (there[kind] ?? 0) + lost]).toEqual([kind, recorded[kind]]);
      expect([kind, there[kind]]).toEqual([kind, totals.there?.[kind] ?? 0]);
      expect([kind, shipper.stats.counts().get(`fleet_rows_${kind}`) ?? 0]).toEqual([kind, there[kind]]);
      expect([kind, shipper.stats.counts().get(`fleet_lost_${kind}_spool_size`) ?? 0]).toEqual([kind, lost]);
      expect([kind, markers[kind]]).toEqual([kind, lost]);
    }
    // Payloads were given up before rows.
    expect(totals.spool_size?.payloads).toBeGreaterThan(totals.spool_size?.frames ?? Infinity);
    // And the sessions say so themselves.
    const rows = await engine.query<{ row: string }>(`SELECT row FROM ${database}.session FINAL`);
    const said = rows.map(({ row }) => JSON.parse(row) as { dropped_events: number; bodies: string });
    const { frames = 0, operations = 0, findings = 0 } = totals.spool_size ?? {};
    expect(sum(said.map(({ dropped_events: dropped }) => dropped))).toBe(frames + operations + findings);
    const without = said.filter(({ bodies }) => bodies !== 'all').length;
    expect(without).toBeGreaterThanOrEqual((totals.spool_size?.payloads ?? 0) / 100);
    expect((await one.store('status')).out).toMatch(
      /\d+ rows and \d+ payloads will never be there: above ship.maxSpoolSize/,
    );
  }, 90_000);
});
