/** Machines with a recording of their own that ship to one engine, and what of them is there. */
import { hostname } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { McpEvent } from '../../src/event/event.ts';
import { parseRemote, type Remote, remoteName } from '../../src/config/remote.ts';
import { Stats } from '../../src/self/stats.ts';
import { Trouble } from '../../src/self/trouble.ts';
import { uuidV7 } from '../../src/self/uuid.ts';
import { Shipping } from '../../src/shipping.ts';
import { StoreSink } from '../../src/sink/store.ts';
import { openForWriting } from '../../src/store/open.ts';
import { Outbox } from '../../src/store/outbox.ts';
import { SHIPPED_KINDS } from '../../src/store/shipment.ts';
import { run } from '../unit/commandRun.ts';
import { folder, reading } from '../unit/recordings.ts';
import { described, ended, finding, frame, operation, started } from '../unit/storeEvents.ts';
import type { FleetEngine } from './engine.ts';

export interface Machine {
  readonly dir: string;
  readonly dataDir: string;
  readonly record: (events: readonly McpEvent[]) => Promise<void>;
  /** `sidelight store <command>`. */
  readonly store: (command: string, ...flags: string[]) => ReturnType<typeof run>;
}

/** A data folder, a recorder and the commands. `nowUs`: of its clock. */
export function machine(url: string, dir = folder()): Machine {
  const dataDir = join(dir, 'data');
  // One process records, however often more comes.
  const sink = new StoreSink({ dataDir, record: 'full' }, new Stats(), new Trouble(console.error));
  onTestFinished(() => sink.close(1000));
  return {
    ...{ dir, dataDir },
    record: async (events) => sink.write(events),
    store: (command, ...flags) => run(dir, 'store', command, '--store', url, ...flags),
  };
}

export interface SessionShape {
  readonly frames: number;
  readonly failed?: number;
  readonly findings?: number;
  readonly atUs?: number;
  readonly host?: string;
}

/** A whole session: each third frame is no UTF-8, two frames are an operation. */
export function session(id: string, shape: SessionShape): McpEvent[] {
  const { frames, failed = 0, findings = 0, atUs, host = hostname() } = shape;
  const operations = Math.floor(frames / 2);
  const at = (afterUs: number) => (atUs === undefined ? {} : { atUs: atUs + afterUs });
  const span = (one: number) =>
    atUs === undefined ? {} : { startedAtUs: atUs + one * 2000, endedAtUs: atUs + one * 2000 + 1000 };
  return [
    started(id, { hostname: host, ...at(0) }),
    described(id, at(10)),
    ...Array.from({ length: frames }, (_, seq) => frame(id, seq, { ...bodyOf(seq), ...at(seq * 1000) })),
    ...Array.from({ length: operations }, (_, one) =>
      operation(id, one, { ...(one < failed ? { outcome: 'tool_error' } : {}), ...span(one) }),
    ),
    ...Array.from({ length: findings }, (_, one) => finding(id, one, at(one * 1000))),
    ended(id, { operations, failedOperations: failed, findings, ...at(5_000_000) }),
  ];
}

function bodyOf(seq: number): { bytes?: Buffer } {
  return seq % 3 === 2 ? { bytes: Buffer.from([0xff, 0x00, seq & 0xff, 0x22, 0x0a]) } : {};
}

/** As long as a minute in a real outage. */
const LONGEST_WAIT_MS = 150;

interface Skewed {
  readonly maxSpoolBytes?: number;
  readonly holder?: string;
  /** Of the clock. */
  readonly skewUs?: number;
}

/** Ships as a sidecar does, with its own counters. */
export function shipping(
  { dataDir }: Pick<Machine, 'dataDir'>,
  url: string,
  { maxSpoolBytes, holder = uuidV7(), skewUs = 0 }: Skewed = {},
) {
  const stats = new Stats();
  const fleet = {
    ...{ store: remote(url), password: undefined, everyMs: 200, maxRate: undefined },
    ...({ payloads: 'all', payloadsByServer: {}, slowMs: 1000, sample: 0 } as const),
    ...{ maxSpoolBytes, maxSpoolAgeMs: undefined },
  };
  const nowUs = (): number => Date.now() * 1000 + skewUs;
  const lines: string[] = [];
  const options = { dataDir, fleet, holder, nowUs, longestWaitMs: LONGEST_WAIT_MS };
  const one = new Shipping(options, stats, new Trouble((line) => lines.push(line)));
  onTestFinished(() => one.close());
  return { stats, lines, close: () => one.close() };
}

function remote(url: string): Remote {
  const parsed = parseRemote(url);
  if (!parsed.ok) throw new Error(parsed.message);
  return parsed.remote;
}

export async function totalsOf({ dataDir }: Pick<Machine, 'dataDir'>, url: string) {
  const db = await openForWriting(dataDir);
  try {
    return new Outbox(db, remoteName(remote(url))).totals();
  } finally {
    db.close();
  }
}

/** Frames as the fleet has them, each once, by session and number. */
export async function framesThere(engine: FleetEngine, database: string): Promise<[string, string][]> {
  const rows = await engine.query<{
    session_id: string;
    seq: string;
    payload: string;
    base64: number;
    kind: string;
  }>(`SELECT session_id, seq, payload, base64, kind FROM ${database}.frame FINAL`);
  return rows
    .map(({ session_id: id, seq, payload, base64, kind }): [string, string] => [
      `${id}/${seq}`,
      `${kind} ${Buffer.from(payload, base64 === 1 ? 'base64' : 'utf8').toString('hex')}`,
    ])
    .sort(byKey);
}

/** The union of recordings, in the same form; a session of two machines, which is one, once. */
export async function framesHere(dataDirs: readonly string[]): Promise<[string, string][]> {
  const all = await Promise.all(
    dataDirs.map((dataDir) =>
      reading(dataDir, (reader) =>
        reader
          .listSessions({ limit: 100_000 })
          .flatMap(({ id }) =>
            [...reader.frames(id)].map(({ seq, kind, bytes }): [string, string] => [
              `${id}/${seq}`,
              `${kind} ${Buffer.from(bytes).toString('hex')}`,
            ]),
          ),
      ),
    ),
  );
  return [...new Map(all.flat())].sort(byKey);
}

/** Rows as they are read. */
export async function countsThere(engine: FleetEngine, database: string): Promise<Record<string, number>> {
  const count = async (table: string): Promise<number> => {
    const [row] = await engine.query<{ n: string }>(`SELECT count() AS n FROM ${database}.${table} FINAL`);
    return Number(row?.n);
  };
  return {
    sessions: await count('session'),
    frames: await count('frame'),
    operations: await count('operation'),
    findings: await count('finding'),
    payloads: Number(
      (await engine.query<{ n: string }>(`SELECT countIf(version = 1) AS n FROM ${database}.frame FINAL`))[0]
        ?.n,
    ),
  };
}

/** What gap markers say is missing, by kind. */
export async function gapsThere(engine: FleetEngine, database: string): Promise<Record<string, number>> {
  const sums = SHIPPED_KINDS.map((kind) => `sum(${kind}) AS ${kind}`).join(', ');
  const [row = {}] = await engine.query<Record<string, string>>(`SELECT ${sums} FROM ${database}.gap FINAL`);
  return Object.fromEntries(Object.entries(row).map(([kind, count]) => [kind, Number(count)]));
}

export function sum(counts: readonly number[]): number {
  return counts.reduce((all, count) => all + count, 0);
}

function byKey([a]: [string, string], [b]: [string, string]): number {
  return a < b ? -1 : 1;
}

/** The same numbers for the same seed, which is printed. */
export function drawing(name: string): (below: number) => number {
  const seed = Number(process.env.SIDELIGHT_FUZZ_SEED ?? Date.now() % 2 ** 31);
  console.log(`${name}: SIDELIGHT_FUZZ_SEED=${seed}`);
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % below;
  };
}
