/**
 * Gives up what waits for a fleet's store: the oldest payloads of a session, or all that waits of it, each with a gap marker and
 * counted, in a transaction. Never what is on its way; and nothing of the recording is deleted here.
 */
import { onTheWay } from './backlog.ts';
import { decodeBlock } from './block.ts';
import { unpacked } from './coding.ts';
import { Gaps } from './gaps.ts';
import type { Counts, LostReason, NumberedRow, Shipments, ShippingRules, Waits } from './shipment.ts';

export class GivingUp {
  readonly #shipments: Shipments;
  readonly #gaps: Gaps;

  constructor(shipments: Shipments) {
    this.#shipments = shipments;
    this.#gaps = new Gaps(shipments);
  }

  /** The oldest payloads of a session: those before a time, or until so many bytes are free. */
  payloads(
    { number }: NumberedRow,
    rules: ShippingRules,
    until: { reason: LostReason; nowUs: number; beforeUs?: number; bytes?: number },
  ): (Counts & { readonly bytes: number }) | undefined {
    return this.#shipments.db
      .transaction(() => {
        const again = this.#again(number, rules);
        if (again?.waits.wantsPayload !== true) return undefined;
        const { row, waits } = again;
        const { payloadSeq: firstSeq } = waits;
        let [lastSeq, bytes] = [-1, 0];
        const blocks = this.#shipments.sql<unknown[], { last_seq: number; last_at: number; bytes: number }>(
          'SELECT last_seq, last_at, length(data) AS bytes FROM block ' +
            'WHERE session_id = ? AND last_seq >= ? ORDER BY first_seq',
        );
        for (const block of blocks.iterate(row.id, firstSeq)) {
          if (until.beforeUs !== undefined && block.last_at >= until.beforeUs) break;
          if (until.bytes !== undefined && bytes >= until.bytes) break;
          lastSeq = block.last_seq;
          bytes += block.bytes;
        }
        if (lastSeq < firstSeq) return undefined;
        const payloads = this.#count(row.id, firstSeq, lastSeq);
        const counts = { payloads };
        const reached = { ...waits, payloadSeq: lastSeq + 1, lostPayloads: waits.lostPayloads + payloads };
        this.#keep(number, { payloadSeq: lastSeq + 1, lostPayloads: payloads });
        this.#gaps.add({ row, reached, reason: until.reason, counts, firstSeq, lastSeq }, until.nowUs);
        return { ...counts, bytes };
      })
      .immediate();
  }

  /** All rows of a session that wait, but for its own. */
  rows({ number }: NumberedRow, rules: ShippingRules, reason: LostReason, nowUs: number): Counts | undefined {
    return this.#shipments.db
      .transaction(() => {
        const again = this.#again(number, rules);
        if (again === undefined || !rowsWait(again.waits)) return undefined;
        return this.all(again.row, again.waits, { reason, nowUs, goes: false });
      })
      .immediate();
  }

  all(
    row: NumberedRow,
    waits: Waits,
    { reason, nowUs, goes }: { reason: LostReason; nowUs: number; goes: boolean },
  ): Counts {
    const { number, id } = row;
    const { nextSeq, payloadSeq, operation, finding, lastSeq, toOperation, toFinding, wantsPayload } = waits;
    const one = (sql: string, ...values: unknown[]): number => this.#shipments.one(sql, ...values);
    const counts = {
      frames: this.#count(id, nextSeq, lastSeq),
      operations: one(
        'SELECT count(*) FROM operation WHERE session = ? AND number > ? AND number <= ?',
        ...[number, operation, toOperation],
      ),
      findings: one(
        'SELECT count(*) FROM finding WHERE session_id = ? AND number > ? AND number <= ?',
        ...[id, finding, toFinding],
      ),
      // While it goes on, nobody knows whether they will be wanted.
      payloads: wantsPayload || (row.ended_at === null && !goes) ? this.#count(id, payloadSeq, lastSeq) : 0,
    };
    const lostEvents = counts.frames + counts.operations + counts.findings;
    const gained = {
      ...{ nextSeq: lastSeq + 1, payloadSeq: lastSeq + 1, operation: toOperation, finding: toFinding },
      ...{ lostEvents, lostPayloads: counts.payloads },
    };
    const reached = {
      ...waits,
      ...gained,
      ...{ lostEvents: waits.lostEvents + lostEvents, lostPayloads: waits.lostPayloads + counts.payloads },
    };
    this.#keep(number, gained);
    const span = lastSeq >= nextSeq ? { firstSeq: nextSeq, lastSeq } : {};
    this.#gaps.add({ row, reached, reason, counts, ...span, goes }, nowUs);
    return counts;
  }

  /** Adds to what was reached, as it stands without what is on its way. */
  #keep(
    number: number,
    gained: {
      nextSeq?: number;
      payloadSeq?: number;
      operation?: number;
      finding?: number;
      lostEvents?: number;
      lostPayloads?: number;
    },
  ): void {
    const reached = this.#shipments.reached(number);
    this.#shipments.reach(number, {
      nextSeq: Math.max(reached.nextSeq, gained.nextSeq ?? 0),
      payloadSeq: Math.max(reached.payloadSeq, gained.payloadSeq ?? 0),
      operation: Math.max(reached.operation, gained.operation ?? 0),
      finding: Math.max(reached.finding, gained.finding ?? 0),
      version: reached.version,
      lostEvents: reached.lostEvents + (gained.lostEvents ?? 0),
      lostPayloads: reached.lostPayloads + (gained.lostPayloads ?? 0),
    });
  }

  /** As it is now, within a transaction. */
  #again(number: number, rules: ShippingRules): { row: NumberedRow; waits: Waits } | undefined {
    const row = this.#shipments.row(number);
    const waits =
      row === undefined
        ? undefined
        : this.#shipments.waits(row, rules, onTheWay(this.#shipments).get(number));
    return row === undefined || waits === undefined ? undefined : { row, waits };
  }

  /** Frames from a number to another, both included; only a block that is in part of it is read. */
  #count(id: string, from: number, to: number): number {
    let count = 0;
    const ranges = this.#shipments.sql<
      unknown[],
      { number: number; first_seq: number; last_seq: number; count: number }
    >(
      'SELECT number, first_seq, last_seq, count FROM block ' +
        'WHERE session_id = ? AND last_seq >= ? AND first_seq <= ? ORDER BY first_seq',
    );
    for (const { number, first_seq: first, last_seq: last, count: all } of ranges.all(id, from, to)) {
      if (first >= from && last <= to) count += all;
      else count += this.#seqsOf(number).filter((seq) => seq >= from && seq <= to).length;
    }
    return count;
  }

  #seqsOf(number: number): readonly number[] {
    const block = this.#shipments
      .sql<[number], { first_at: number; coding: number; entries: string; data: Buffer }>(
        'SELECT first_at, coding, entries, data FROM block WHERE number = ?',
      )
      .get(number);
    if (block === undefined) return [];
    const { entries, data } = unpacked(block);
    return decodeBlock(block.first_at, entries, data).map(({ seq }) => seq);
  }
}

export function rowsWait({ nextSeq, lastSeq, operation, toOperation, finding, toFinding }: Waits): boolean {
  return nextSeq <= lastSeq || operation < toOperation || finding < toFinding;
}
