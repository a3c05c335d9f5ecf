/** What a mock was asked of what was recorded, and what besides. It only counts. */
import type { Miss } from './match.ts';
import { pathText } from '../paths.ts';
import { type Cue, cueName, isCounted, type Script } from './script.ts';

/** Requests that nothing fits are named up to here, and counted beyond. */
const MAX_NAMED = 1000;

export interface Unknown {
  readonly method: string;
  readonly target: string | undefined;
  readonly reason: string;
  /** Frame of the closest recorded request. */
  readonly closest: number | undefined;
  /** Paths in params. */
  readonly differences: readonly string[];
}

interface Named {
  readonly frame: number;
  readonly method: string;
  readonly target: string | undefined;
}

export interface Report {
  readonly session: string;
  /** Requests after the handshake, and how many of them were asked at least once. */
  readonly recorded: number;
  readonly used: number;
  readonly unused: readonly Named[];
  readonly answered: number;
  readonly unknownCount: number;
  readonly unknown: readonly Unknown[];
  /** Answers of the client to the server's requests, and inputs, that differ from the recorded ones. */
  readonly otherAnswers: number;
  /** Messages of the server that no client listened for. */
  readonly unheard: number;
  /** By kind. */
  readonly faults: Readonly<Record<string, number>>;
  readonly seed: number | undefined;
}

export class Coverage {
  readonly #script: Script;
  readonly #used = new Set<number>();
  readonly #unknown: Unknown[] = [];
  readonly #faults = new Map<string, number>();
  #unknownCount = 0;
  #answered = 0;
  #otherAnswers = 0;
  #unheard = 0;

  constructor(script: Script) {
    this.#script = script;
  }

  used({ index }: Cue): void {
    this.#used.add(index);
  }

  answered(): void {
    this.#answered += 1;
  }

  answeredOtherwise(): void {
    this.#otherAnswers += 1;
  }

  unheard(): void {
    this.#unheard += 1;
  }

  fault(kind: string): void {
    this.#faults.set(kind, (this.#faults.get(kind) ?? 0) + 1);
  }

  unknown(method: string, target: string | undefined, { reason, closest, differences }: Miss): void {
    this.#unknownCount += 1;
    if (this.#unknown.length >= MAX_NAMED) return;
    const paths = differences.map(({ path }) => pathText(path));
    this.#unknown.push({ method, target, reason, closest: closest?.seq, differences: paths });
  }

  report(seed: number | undefined): Report {
    const counted = this.#script.cues.filter(isCounted);
    const unused = counted.filter(({ index }) => !this.#used.has(index));
    return {
      session: this.#script.id,
      recorded: counted.length,
      used: counted.length - unused.length,
      unused: unused.map(({ seq, method, target }) => ({ frame: seq, method, target })),
      answered: this.#answered,
      unknownCount: this.#unknownCount,
      unknown: this.#unknown,
      otherAnswers: this.#otherAnswers,
      unheard: this.#unheard,
      faults: Object.fromEntries(this.#faults),
      seed,
    };
  }
}

/** What cannot be answered as it was, a line each. */
export function problemsOf({ cues, lostMessages }: Script): string[] {
  const redacted = cues.filter((cue) => cue.redactedAnswer && cue.problem === undefined && isCounted(cue));
  return [
    ...cues
      .filter((cue) => cue.problem !== undefined && isCounted(cue))
      .map((cue) => `${cueName(cue)} is answered with an error: ${cue.problem ?? ''}`),
    ...(redacted.length === 0
      ? []
      : [`placeholders stand where something was redacted in: ${redacted.map(cueName).join(', ')}`]),
    ...(lostMessages === 0 ? [] : [`${lostMessages} messages that were not recorded whole are left out`]),
  ];
}
