/**
 * Calls that asked for input, between the question and the retry that answers it. It knows which recorded retry a live one stands
 * for, and matches nothing else. Pure.
 */
import { canonical, isObject } from '../../mcp/canonical.ts';
import type { Json } from '../scenario.ts';
import type { Cue } from './script.ts';

/** A question that a client was given. */
interface Round {
  /** Of what was asked for. */
  readonly key: string;
  readonly state: string;
  /** Undefined: the recording ends with the question. */
  readonly next: Cue | undefined;
}

/** Questions that clients never come back to are forgotten, the oldest first. */
const MAX_ROUNDS = 10_000;

export class Rounds {
  readonly #open: Round[] = [];

  /** `next`: the recorded retry. Where the answer asks nothing, nothing happens. */
  answered(key: string, cue: Cue, next: Cue | undefined): void {
    const state = questionOf(cue);
    if (state === undefined) return;
    this.#open.push({ key, state, next });
    if (this.#open.length > MAX_ROUNDS) this.#open.shift();
  }

  /** The recorded retry that a live one is answered as; a text: why there is none. */
  next(key: string, params: Json, isFree: (cue: Cue) => boolean, repeatLast: boolean): Cue | string {
    const open = this.#open.filter((round) => round.key === key);
    if (open.length === 0) return 'it answers a question that was not asked';
    const state = canonical(params.requestState ?? null);
    const given = open.filter((round) => round.state === state).map(({ next }) => next);
    if (given.length === 0) return 'its requestState is not the one that was given';
    const recorded = given.filter((next) => next !== undefined);
    if (recorded.length === 0) return 'the recording ends with the question';
    const free = recorded.filter(isFree);
    return (
      free.find((next) => sameInputs(next, params)) ??
      free[0] ??
      (repeatLast ? recorded.at(-1) : undefined) ??
      'its recorded answers are used up'
    );
  }
}

/** The state that an answer gave with its questions; undefined: it asked none. */
function questionOf({ happenings }: Cue): string | undefined {
  const answer = happenings.find((one) => one.is === 'answer');
  const result = answer?.message.result;
  if (!isObject(result) || result.resultType !== 'input_required') return undefined;
  return canonical(result.requestState ?? null);
}

function sameInputs({ params }: Cue, { inputResponses }: Json): boolean {
  const recorded = isObject(params) ? params.inputResponses : undefined;
  return canonical(recorded ?? null) === canonical(inputResponses ?? null);
}
