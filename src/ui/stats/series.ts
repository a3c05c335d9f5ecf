/** Operations over time in equal parts: how many, how many failed, how long they took. Pure. */
import type { Answer } from '../../api/client.ts';
import { isFailure } from '../../event/outcome.ts';

type Operation = Answer<'operation'>;

export interface Part {
  readonly fromUs: number;
  readonly toUs: number;
  readonly calls: number;
  readonly failed: number;
  /** Undefined where nothing was called. Streams last as long as somebody listens: they do not count. */
  readonly p50Us: number | undefined;
  readonly p95Us: number | undefined;
}

export function partsOf(operations: readonly Operation[], most: number): readonly Part[] {
  const starts = operations.map(({ startedAtUs }) => startedAtUs);
  if (starts.length === 0) return [];
  const firstUs = starts.reduce((a, b) => Math.min(a, b));
  const lastUs = starts.reduce((a, b) => Math.max(a, b));
  const width = Math.max(1, (lastUs - firstUs + 1) / most);
  const within: Operation[][] = Array.from({ length: most }, () => []);
  for (const operation of operations)
    within[Math.min(most - 1, Math.floor((operation.startedAtUs - firstUs) / width))]?.push(operation);
  return within.map((some, index) => {
    const took = some
      .filter(({ stream }) => !stream)
      .map(({ startedAtUs, endedAtUs }) => endedAtUs - startedAtUs)
      .sort((a, b) => a - b);
    return {
      fromUs: firstUs + index * width,
      toUs: firstUs + (index + 1) * width,
      calls: some.length,
      failed: some.filter(({ outcome }) => isFailure(outcome)).length,
      p50Us: quantile(took, 0.5),
      p95Us: quantile(took, 0.95),
    };
  });
}

/** Nearest rank, as the command line counts. */
function quantile(sorted: readonly number[], share: number): number | undefined {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)];
}
