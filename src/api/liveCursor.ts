/** A position in the store as a text that clients keep: `session.operation`. Pure. */
import type { Position } from '../store/read.ts';

const CURSOR = /^(\d{1,15})[.](\d{1,15})$/;

export function isLiveCursor(text: string): boolean {
  return CURSOR.test(text);
}

export function liveCursor({ session, operation }: Position): string {
  return `${session}.${operation}`;
}

/** The store's beginning for a text that is no cursor. */
export function livePosition(cursor: string): Position {
  const [, session = '0', operation = '0'] = CURSOR.exec(cursor) ?? [];
  return { session: Number(session), operation: Number(operation) };
}
