/** Operations in the order of a picture: each under the one that caused it, and on which scale of time. Pure. */
import type { Operation } from './data.ts';
import type { InFlight } from './inFlight.ts';

export interface Placed {
  readonly operation: Operation;
  readonly depth: number;
}

/** Deeper ones stand under the deepest that is indented. */
const MAX_DEPTH = 8;

export function ordered(operations: readonly Operation[]): readonly Placed[] {
  const ids = new Set(operations.map(({ operationId }) => operationId));
  const below = new Map<number | undefined, Operation[]>();
  for (const operation of operations) {
    const { parentOperationId: parent, operationId } = operation;
    const under = parent !== undefined && parent !== operationId && ids.has(parent) ? parent : undefined;
    const list = below.get(under);
    if (list === undefined) below.set(under, [operation]);
    else list.push(operation);
  }
  for (const list of below.values())
    list.sort((a, b) => a.startedAtUs - b.startedAtUs || a.operationId - b.operationId);
  const placed: Placed[] = [];
  const waiting = (below.get(undefined) ?? []).map((operation) => ({ operation, depth: 0 })).reverse();
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    placed.push(next);
    const depth = Math.min(next.depth + 1, MAX_DEPTH);
    const children = below.get(next.operation.operationId) ?? [];
    for (const operation of children.toReversed()) waiting.push({ operation, depth });
  }
  return placed;
}

export type Line = Placed | { readonly open: InFlight };

/** Those without an end where they began, beside what nothing caused. */
export function withOpen(placed: readonly Placed[], inFlight: readonly InFlight[]): readonly Line[] {
  if (inFlight.length === 0) return placed;
  const waiting = [...inFlight].sort((a, b) => a.startedAtUs - b.startedAtUs);
  const lines: Line[] = [];
  let next = 0;
  const until = (us: number): void => {
    for (let open = waiting[next]; open !== undefined && open.startedAtUs < us; open = waiting[next]) {
      lines.push({ open });
      next += 1;
    }
  };
  for (const one of placed) {
    if (one.depth === 0) until(one.operation.startedAtUs);
    lines.push(one);
  }
  until(Infinity);
  return lines;
}

export interface Span {
  readonly fromUs: number;
  readonly toUs: number;
}

/** Everything, a little wider, so that what happened last is not on the edge. */
export function spanOf(startUs: number, endUs: number): Span {
  const width = Math.max(1000, endUs - startUs);
  return { fromUs: startUs, toUs: startUs + width * 1.02 };
}

/** In percent of the span; not cut. */
export function percent(us: number, { fromUs, toUs }: Span): number {
  return ((us - fromUs) / (toUs - fromUs)) * 100;
}

export function bounded(value: number): number {
  return Math.max(0, Math.min(100, value));
}

/** Round times within a span, at most so many, as offsets from `zeroUs`. */
export function ticks({ fromUs, toUs }: Span, zeroUs: number, most: number): readonly number[] {
  const step = roundUp((toUs - fromUs) / most);
  const found: number[] = [];
  for (let at = Math.ceil((fromUs - zeroUs) / step) * step; at <= toUs - zeroUs; at += step) found.push(at);
  return found;
}

function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  const factor = [1, 2, 5, 10].find((one) => one * power >= value) ?? 10;
  return factor * power;
}

export function zoomed({ fromUs, toUs }: Span, factor: number, all: Span): Span | undefined {
  const middle = (fromUs + toUs) / 2;
  const half = Math.max(50, ((toUs - fromUs) / 2) * factor);
  const span = { fromUs: Math.max(all.fromUs, middle - half), toUs: Math.min(all.toUs, middle + half) };
  return span.fromUs <= all.fromUs && span.toUs >= all.toUs ? undefined : span;
}
