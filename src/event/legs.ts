/** What the legs of an operation say of the time between them, in which somebody outside was asked. */
import type { Leg } from './event.ts';

export interface InputWait {
  readonly asked: readonly string[];
  readonly fromUs: number;
  readonly toUs: number;
}

/** One for each leg but the last. */
export function inputWaits(legs: readonly Leg[]): readonly InputWait[] {
  return legs.slice(1).map(({ startedAtUs: toUs }, index) => {
    const { endedAtUs: fromUs = toUs, asked = [] } = legs[index] ?? {};
    return { asked, fromUs, toUs };
  });
}

/** Microseconds: the part of the operation's duration that is not the server's. */
export function inputWaitUs(legs: readonly Leg[]): number {
  return inputWaits(legs).reduce((sum, { fromUs, toUs }) => sum + Math.max(0, toUs - fromUs), 0);
}
