/**
 * Brings what the local store holds to the fleet's, oldest first, a frozen batch at a time: each arrives at least once, and is
 * read once. An engine that is away costs nothing but the wait; a row that it does not take is set aside, and the rest goes on.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { uuidV7 } from '../self/uuid.ts';
import type { Batch, DeadLetter, Outbox, Outcome } from '../store/outbox.ts';
import type { ShippedKind, ShippingRules } from '../store/shipment.ts';
import { type Engine, FleetError } from './engine.ts';
import { type Sendable, sendableOf } from './batch.ts';

export interface ShipOptions {
  readonly outbox: Outbox;
  readonly engine: Engine;
  readonly org: string;
  readonly rules: ShippingRules;
  /** Rows for each second, over batches; undefined: as fast as they are taken. */
  readonly maxRate?: number | undefined;
  /** Between two tries, at most. */
  readonly longestWaitMs?: number;
  readonly nowUs: () => number;
  /** Asked before each try: whether it is still ours to send. */
  readonly goesOn?: () => boolean;
  /** Gives up waiting, and what is under way. */
  readonly signal: AbortSignal;
  /** The engine is away, and so many milliseconds are waited; undefined: it is there again. */
  readonly told: (away: string | undefined, waitMs: number) => void;
  /** Something to be done between batches and tries. */
  readonly between?: () => Promise<void>;
  /** Of each batch, when it has arrived. */
  readonly arrived?: (outcome: Outcome & { readonly bytes: number }) => void;
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
/** The lease is renewed so often. */
const KEPT_MS = 15_000;
/** An insert that was too much for the engine is halved down to so many rows. */
const SMALLEST_INSERT = 500;
/** MEMORY_LIMIT_EXCEEDED, TIMEOUT_EXCEEDED, SOCKET_TIMEOUT: less at once may be taken. */
const TOO_MUCH: ReadonlySet<string> = new Set(['241', '159', '209']);

/** Until everything is there or the signal says so. Rejects with a FleetError that is not `away`. */
export async function ship(options: ShipOptions): Promise<Shipped> {
  const { outbox, rules, signal, nowUs, maxRate } = options;
  let [batches, sessions, rows, buried] = [0, 0, 0, 0];
  // How many rows are sent at once: as many as the engine takes.
  const size = { rows: Infinity };
  while (!signal.aborted && (options.goesOn?.() ?? true)) {
    const batch = outbox.next(rules, uuidV7);
    if (batch === undefined) break;
    const beganMs = performance.now();
    const sent = await untilThere(() => send(batch, size, options), options);
    if (sent === undefined || !outbox.arrived(batch, sent, nowUs())) break;
    options.arrived?.(sent);
    outbox.settle(rules, nowUs());
    batches += 1;
    sessions += batch.parts.length;
    rows += sent.rows;
    buried += sent.letters.length;
    await options.between?.();
    const paceMs = maxRate === undefined ? 0 : (sent.rows / maxRate) * 1000;
    if (!(await rested(paceMs - (performance.now() - beganMs), options))) break;
  }
  outbox.settle(rules, nowUs());
  return { batches, sessions, rows, buried };
}

/**
 * Asks until the engine is there; full jitter, so that a fleet does not come back all at once. Undefined: it is enough, or not
 * ours any more. Rejects with what is no outage.
 */
export async function untilThere<Answer>(
  ask: () => Promise<Answer>,
  options: Pick<ShipOptions, 'signal' | 'told' | 'goesOn' | 'between' | 'longestWaitMs'>,
): Promise<Answer | undefined> {
  const { signal, told, longestWaitMs = LONGEST_WAIT_MS } = options;
  for (let failures = 0; ; failures += 1) {
    try {
      const answer = await ask();
      if (failures > 0) told(undefined, 0);
      return answer;
    } catch (error) {
      if (!(error instanceof FleetError) || error.kind !== 'away') throw error;
      if (signal.aborted) return undefined;
      const waitMs = Math.random() * Math.min(longestWaitMs, FIRST_WAIT_MS * 2 ** failures);
      told(error.message, waitMs);
      await options.between?.();
      if (!(await rested(waitMs, options))) return undefined;
    }
  }
}

/** A wait in which the lease is kept. False: it is enough, or somebody else goes on. */
async function rested(
  ms: number,
  { signal, goesOn }: Pick<ShipOptions, 'signal' | 'goesOn'>,
): Promise<boolean> {
  for (let left = ms; left > 0; left -= KEPT_MS) {
    await delay(Math.min(left, KEPT_MS), undefined, { signal }).catch(() => undefined);
    if (signal.aborted || !(goesOn?.() ?? true)) return false;
  }
  return !signal.aborted;
}

interface Sent extends Outcome {
  readonly rows: number;
  /** Of payloads. */
  readonly bytes: number;
}

async function send(batch: Batch, size: { rows: number }, options: ShipOptions): Promise<Sent> {
  const { tables, bytes } = sendableOf(batch, options.outbox, options.org);
  const letters: DeadLetter[] = [];
  const there: Partial<Record<ShippedKind, number>> = {};
  const rejected: Partial<Record<ShippedKind, number>> = {};
  let count = 0;
  for (const [table, rows] of tables) {
    const taken = new Set(rows);
    for (let from = 0; from < rows.length;) {
      const some = rows.slice(from, from + size.rows);
      const token = `${batch.id}:${table}${some.length === rows.length ? '' : `:${from}-${some.length}`}`;
      try {
        for (const { row, why } of await insert(table, some, token, options.engine)) {
          taken.delete(row);
          letters.push({ target: table, why, content: JSON.stringify(row.content) });
          for (const kind of row.counts) rejected[kind] = (rejected[kind] ?? 0) + 1;
        }
      } catch (error) {
        if (isTooMuch(error)) size.rows = Math.max(SMALLEST_INSERT, Math.min(size.rows, some.length) >> 1);
        throw error;
      }
      from += some.length;
    }
    for (const { counts } of taken) for (const kind of counts) there[kind] = (there[kind] ?? 0) + 1;
    count += rows.length;
  }
  return { there, rejected, letters, rows: count, bytes };
}

function isTooMuch(error: unknown): boolean {
  if (!(error instanceof FleetError) || error.kind !== 'away') return false;
  const { code } = (error.cause ?? {}) as { code?: string };
  return (code !== undefined && TOO_MUCH.has(code)) || /^timeout/i.test(error.message);
}

/** Gives the rows that were not taken: those that are wrong are found by halves. */
async function insert(
  table: string,
  rows: readonly Sendable[],
  token: string,
  engine: Engine,
): Promise<readonly { readonly row: Sendable; readonly why: string }[]> {
  try {
    await engine.insert(
      table,
      rows.map(({ content }) => content),
      token,
    );
    return [];
  } catch (error) {
    if (!(error instanceof FleetError) || error.kind !== 'rejected') throw error;
    const [only] = rows;
    if (only !== undefined && rows.length === 1) return [{ row: only, why: error.message }];
    const half = rows.length >> 1;
    const first = await insert(table, rows.slice(0, half), `${token}:0`, engine);
    return [...first, ...(await insert(table, rows.slice(half), `${token}:1`, engine))];
  }
}
