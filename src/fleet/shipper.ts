/**
 * Brings what the local store holds to the fleet's, oldest first, a frozen batch at a time: each arrives at least once, and is
 * read once. An engine that is away costs nothing but the wait; a row that it does not take is set aside, and the rest goes on.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Batch, Outbox, Part, ShippingRules } from '../store/outbox.ts';
import { uuidV7 } from '../self/uuid.ts';
import { type Engine, FleetError } from './engine.ts';
import { findingRow, frameRow, operationRow, sessionRow } from './rows.ts';

export interface ShipOptions {
  readonly outbox: Outbox;
  readonly engine: Engine;
  readonly org: string;
  readonly rules: ShippingRules;
  readonly nowUs: () => number;
  /** Asked before each batch: whether it is still ours to send. */
  readonly goesOn?: () => boolean;
  /** Gives up waiting, and what is under way. */
  readonly signal: AbortSignal;
  /** The engine is away, and so many milliseconds are waited; undefined: it is there again. */
  readonly told: (away: string | undefined, waitMs: number) => void;
}

export interface Shipped {
  readonly batches: number;
  readonly sessions: number;
  readonly rows: number;
  /** Rows that were not taken. */
  readonly buried: number;
}

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 60_000;

/** Until everything is there or the signal says so. Rejects with a FleetError that is not `away`. */
export async function ship(options: ShipOptions): Promise<Shipped> {
  const { outbox, rules, signal } = options;
  let [batches, sessions, rows, buried] = [0, 0, 0, 0];
  while (!signal.aborted && (options.goesOn?.() ?? true)) {
    const batch = outbox.next(rules, uuidV7);
    if (batch === undefined) break;
    const sent = await untilThere(() => send(batch, options), options);
    if (sent === undefined) break;
    outbox.arrived(batch);
    outbox.settle(rules, options.nowUs());
    batches += 1;
    sessions += batch.parts.length;
    rows += sent.rows;
    buried += sent.buried;
  }
  outbox.settle(rules, options.nowUs());
  return { batches, sessions, rows, buried };
}

/**
 * Asks until the engine is there; full jitter, so that a fleet does not come back all at once. Undefined: the signal says that it
 * is enough. Rejects with what is no outage.
 */
export async function untilThere<Answer>(
  ask: () => Promise<Answer>,
  { signal, told }: Pick<ShipOptions, 'signal' | 'told'>,
): Promise<Answer | undefined> {
  for (let failures = 0; ; failures += 1) {
    try {
      const answer = await ask();
      if (failures > 0) told(undefined, 0);
      return answer;
    } catch (error) {
      if (!(error instanceof FleetError) || error.kind !== 'away') throw error;
      if (signal.aborted) return undefined;
      const waitMs = Math.random() * Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** failures);
      told(error.message, waitMs);
      await delay(waitMs, undefined, { signal }).catch(() => undefined);
    }
  }
}

async function send(batch: Batch, options: ShipOptions): Promise<{ rows: number; buried: number }> {
  let [rows, buried] = [0, 0];
  const tables = rowsOf(batch, options);
  // The session last: who lists it finds what it says.
  for (const table of ['frame', 'operation', 'finding', 'session'] as const) {
    if (tables[table].length === 0) continue;
    buried += await insert(table, tables[table], `${batch.id}:${table}`, options);
    rows += tables[table].length;
  }
  return { rows, buried };
}

type Tables = Record<'frame' | 'operation' | 'finding' | 'session', object[]>;

function rowsOf({ parts }: Batch, { outbox, org }: ShipOptions): Tables {
  const tables: Tables = { frame: [], operation: [], finding: [], session: [] };
  for (const part of parts) {
    const session = outbox.session(part);
    // It was deleted meanwhile; what went before stays there.
    if (session === undefined) continue;
    tables.session.push(sessionRow(org, part.version, session));
    for (const row of outbox.operations(part)) tables.operation.push(operationRow(org, session, row));
    for (const row of outbox.findings(part)) tables.finding.push(findingRow(org, row));
    addFrames(tables.frame, part, outbox, org);
  }
  return tables;
}

function addFrames(frames: object[], part: Part, outbox: Outbox, org: string): void {
  if (part.toSeq < part.fromSeq) return;
  for (const frame of outbox.frames(part)) frames.push(frameRow(org, part.id, frame, part.payload));
}

/** Gives how many rows were set aside: those that are wrong are found by halves. */
async function insert(
  table: string,
  rows: readonly object[],
  token: string,
  options: ShipOptions,
): Promise<number> {
  try {
    await options.engine.insert(table, rows, token);
    return 0;
  } catch (error) {
    if (!(error instanceof FleetError) || error.kind !== 'rejected') throw error;
    if (rows.length === 1) {
      options.outbox.bury(table, error.message, JSON.stringify(rows[0]), options.nowUs());
      return 1;
    }
    const half = rows.length >> 1;
    const first = await insert(table, rows.slice(0, half), `${token}:0`, options);
    return first + (await insert(table, rows.slice(half), `${token}:1`, options));
  }
}
