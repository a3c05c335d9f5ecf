/** Counts operations by server and call: outcomes, bytes, and durations exactly. Pure; what is beyond its bounds is counted as such. */
import { isFailure, OUTCOMES, type Outcome } from '../event/outcome.ts';
import type { CountedOperation } from './find.ts';

/** Durations are kept, eight bytes each, since exact percentiles need them all. */
export const MAX_COUNTED = 10_000_000;
/** Names of tools come from a peer that may make them up: what is beyond is one group, `(others)`. */
export const MAX_GROUPS = 2000;
const OTHERS = '(others)';

/** Microseconds; undefined where no operation has a duration that says how long somebody waited. */
export interface Durations {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

export interface Statistic {
  readonly server: string;
  readonly method: string;
  readonly tool: string | undefined;
  readonly calls: number;
  readonly failed: number;
  /** Of outcomes other than `ok`, those that there were. */
  readonly outcomes: Partial<Readonly<Record<Outcome, number>>>;
  /** Without streams, whose time is not latency. */
  readonly durationUs: Durations | undefined;
  /** Of requests and answers. */
  readonly bytes: number;
}

interface Group {
  readonly server: string;
  readonly method: string;
  readonly tool: string | undefined;
  calls: number;
  bytes: number;
  readonly outcomes: Map<Outcome, number>;
  readonly durations: number[];
}

export class Tally {
  readonly #groups = new Map<string, Group>();
  #counted = 0;

  /** False: no more is counted. */
  add({ server, method, tool, outcome, durationUs, stream, bytes }: CountedOperation): boolean {
    if (this.#counted === MAX_COUNTED) return false;
    this.#counted += 1;
    const group = this.#group(server, method, tool);
    group.calls += 1;
    group.bytes += bytes;
    group.outcomes.set(outcome, (group.outcomes.get(outcome) ?? 0) + 1);
    if (!stream) group.durations.push(durationUs);
    return true;
  }

  /** Those with the most calls first. */
  statistics(): Statistic[] {
    return [...this.#groups.values()]
      .map(statisticOf)
      .sort((a, b) => b.calls - a.calls || keyOf(a).localeCompare(keyOf(b)));
  }

  #group(server: string, method: string, tool: string | undefined): Group {
    const key = keyOf({ server, method, tool });
    const known = this.#groups.get(key);
    if (known !== undefined) return known;
    if (this.#groups.size >= MAX_GROUPS && method !== OTHERS) return this.#group(OTHERS, OTHERS, undefined);
    const group: Group = { server, method, tool, calls: 0, bytes: 0, outcomes: new Map(), durations: [] };
    this.#groups.set(key, group);
    return group;
  }
}

function statisticOf({ outcomes, durations, ...group }: Group): Statistic {
  const sorted = Float64Array.from(durations).sort();
  // Nearest rank: a duration that there was.
  const at = (share: number): number => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
  const counts = OUTCOMES.filter((outcome) => outcomes.has(outcome)).map(
    (outcome) => [outcome, outcomes.get(outcome) ?? 0] as const,
  );
  return {
    ...group,
    failed: counts.reduce((sum, [outcome, count]) => sum + (isFailure(outcome) ? count : 0), 0),
    outcomes: Object.fromEntries(counts.filter(([outcome]) => outcome !== 'ok')),
    durationUs: sorted.length === 0 ? undefined : { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) },
  };
}

function keyOf({ server, method, tool }: Pick<Statistic, 'server' | 'method' | 'tool'>): string {
  return JSON.stringify([server, method, tool ?? null]);
}
