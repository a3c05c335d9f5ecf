/** A page of a list, and where the next one begins: a cursor names a place, whatever is recorded meanwhile. Pure. */
import type { Filter } from '../filter/ast.ts';

/** Rows in memory at once. */
export const MAX_PAGE = 1000;

export interface PageQuery {
  readonly filter: Filter;
  /** Microseconds since the Unix epoch: what times in the filter count from. */
  readonly nowUs: number;
  readonly limit: number;
  /** Where a page before ended: only what is older. */
  readonly after?: string;
}

export interface Page<T> {
  readonly rows: readonly T[];
  /** Where the next page goes on; undefined at the end. */
  readonly next: string | undefined;
  /** Payloads that were read for it, where texts are looked for. */
  readonly scannedBytes: number;
  /** The bound of payloads was reached before the page was full. */
  readonly stopped: boolean;
}

/** What a list is in the order of. */
export interface Placed {
  readonly number: number;
  readonly started_at: number;
}
const CURSOR = /^(\d{1,16})[.](\d{1,16})$/;
const NEWEST: Placed = { started_at: Number.MAX_SAFE_INTEGER, number: Number.MAX_SAFE_INTEGER };

/** Whether a page may have ended there. */
export function isCursor(text: string): boolean {
  return CURSOR.test(text);
}

export function cursorOf({ started_at, number }: Placed): string {
  return `${started_at}.${number}`;
}

/** Before the newest, where there is no cursor. */
export function positionOf(cursor = ''): Placed {
  const [, started, number] = CURSOR.exec(cursor) ?? [];
  return started === undefined ? NEWEST : { started_at: Number(started), number: Number(number) };
}
