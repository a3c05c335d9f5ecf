/**
 * Which recorded request a live one is answered from: by method, target and params without `_meta`, in one of three ways. It
 * answers nothing itself, and what nothing fits it explains. Pure.
 */
import { isObject } from '../../mcp/canonical.ts';
import type { Json } from '../scenario.ts';
import { compareValues, type Difference, NO_RULES } from '../compare.ts';
import { fits } from './placeholders.ts';
import { Rounds } from './rounds.ts';
import { askedBy, type Cue, cueName, HANDSHAKE, keyOf, POLL, targetOf } from './script.ts';

/**
 * `strict`: in the recorded order, but for what overlapped. `queue`: for each request its recorded answers in their order.
 * `best`: as queue, and where there is none the closest of the same method and target.
 */
export const STRATEGIES = ['strict', 'queue', 'best'] as const;
export type Strategy = (typeof STRATEGIES)[number];

export interface Miss {
  /** One line without the method. */
  readonly reason: string;
  readonly closest: Cue | undefined;
  readonly differences: readonly Difference[];
}

export type Match =
  | {
      readonly is: 'found';
      readonly cue: Cue;
      /** What the client asked or answered otherwise than recorded. */
      readonly differences: readonly Difference[];
    }
  | { readonly is: 'missed'; readonly miss: Miss };

/** So many recorded requests are looked at for the closest. */
const MAX_COMPARED = 1000;
const RULES = { level: 'semantic', ...NO_RULES } as const;

export class Matcher {
  readonly #cues: readonly Cue[];
  readonly #strategy: Strategy;
  readonly #repeatLast: boolean;
  readonly #byKey = new Map<string, Cue[]>();
  readonly #unasked = new Map<string, Cue[]>();
  readonly #byMethod = new Map<string, Cue[]>();
  readonly #used = new Set<number>();
  readonly #rounds = new Rounds();
  /** Everything that has to come in order up to here was used. */
  #first = 0;

  constructor(cues: readonly Cue[], options: { readonly strategy: Strategy; readonly repeatLast: boolean }) {
    this.#cues = cues;
    this.#strategy = options.strategy;
    this.#repeatLast = options.repeatLast;
    for (const cue of cues) {
      if (cue.is === 'notification') push(this.#byMethod, `notification ${cue.method}`, cue);
      else if (!cue.isRetry) {
        push(this.#byMethod, cue.method, cue);
        // Inputs without a question: a client may try.
        if (cue.key !== undefined)
          push(isRetry(cue.method, cue.params) ? this.#unasked : this.#byKey, cue.key, cue);
      }
    }
  }

  /** Notifications are taken one after the other; undefined: no more of them were recorded. */
  notification(method: string): Cue | undefined {
    return this.#byMethod.get(`notification ${method}`)?.shift();
  }

  /** Undefined: of the handshake, nothing was recorded. */
  handshake(method: string): Cue | undefined {
    const cues = this.#byMethod.get(method)?.filter(({ problem }) => problem === undefined) ?? [];
    return this.#use(cues.find((cue) => !this.#used.has(cue.index)) ?? cues.at(-1));
  }

  request(method: string, params: unknown): Match {
    const key = keyOf(method, params);
    const retry = this.#retry(method, key, params);
    if (retry !== undefined) return retry;
    const cues = this.#byKey.get(key) ?? [];
    const fitting = method === POLL ? this.#poll(cues) : this.#fitting(cues, method, params);
    const cue = fitting ?? this.#unreadable(method, targetOf(method, params));
    if (cue !== undefined) return this.#found(cue, key, []);
    const closest = this.#closest(method, params);
    if (this.#strategy === 'best' && closest?.cue !== undefined && closest.mayStandIn)
      return this.#found(closest.cue, key, closest.differences);
    const reason = this.#reason(cues, closest?.cue);
    return {
      is: 'missed',
      miss: { reason, closest: closest?.cue, differences: closest?.differences ?? [] },
    };
  }

  /** The client did not get what it was answered: it may ask again. */
  release({ index }: Cue): void {
    this.#used.delete(index);
    this.#first = Math.min(this.#first, index);
  }

  #found(cue: Cue, key: string, differences: readonly Difference[]): Match {
    this.#use(cue);
    this.#rounds.answered(key, cue, cue.next === undefined ? undefined : this.#cues[cue.next]);
    return { is: 'found', cue, differences };
  }

  /** A request that answers the questions of an earlier one, with the state that it was given. */
  #retry(method: string, key: string, params: unknown): Match | undefined {
    if (!isRetry(method, params)) return undefined;
    const isFree = ({ index }: Cue): boolean => !this.#used.has(index);
    const unasked = this.#unasked.get(key)?.find((cue) => isFree(cue) && this.#isInOrder(cue));
    const found = this.#rounds.next(key, params, isFree, this.#repeatLast);
    const next = typeof found === 'string' ? (unasked ?? found) : found;
    if (typeof next === 'string' || !this.#isInOrder(next)) {
      const reason =
        typeof next === 'string' ? next : `out of order: the recording goes on with ${this.#expected()}`;
      const closest = this.#cues.find((cue) => cue.isRetry && cue.method === method && cue.key === key);
      return { is: 'missed', miss: { reason, closest, differences: [] } };
    }
    const recorded = isObject(next.params) ? next.params.inputResponses : undefined;
    return this.#found(next, key, compareValues(recorded ?? {}, params.inputResponses ?? {}, RULES));
  }

  #fitting(cues: readonly Cue[], method: string, params: unknown): Cue | undefined {
    const isFree = (cue: Cue): boolean => !this.#used.has(cue.index) && this.#isInOrder(cue);
    const marked = (this.#byMethod.get(method) ?? []).filter(
      (cue) => cue.hasPlaceholder && fits(askedBy(cue.params), askedBy(params)),
    );
    const last = this.#repeatLast ? (cues.at(-1) ?? marked.at(-1)) : undefined;
    return cues.find(isFree) ?? marked.find(isFree) ?? last;
  }

  /** The next state of a task; the last one for as long as nothing else is known, or an answer of the client is due. */
  #poll(cues: readonly Cue[]): Cue | undefined {
    const next = cues.find(({ index }) => !this.#used.has(index));
    const last = cues.findLast(({ index }) => this.#used.has(index));
    if (next === undefined || last === undefined) return next ?? last;
    const task = isObject(next.params) ? next.params.taskId : undefined;
    const isDue = this.#byMethod
      .get('tasks/update')
      ?.some(
        ({ seq, index, params }) =>
          seq < next.seq && !this.#used.has(index) && isObject(params) && params.taskId === task,
      );
    return isDue === true ? last : next;
  }

  /** A request that may have been this one: only its envelope was recorded. */
  #unreadable(method: string, target: string | undefined): Cue | undefined {
    return this.#byMethod
      .get(method)
      ?.find(
        (cue) =>
          cue.key === undefined &&
          !this.#used.has(cue.index) &&
          (cue.target === undefined || cue.target === target) &&
          this.#isInOrder(cue),
      );
  }

  /** Unused ones first, those of the same target alone if there are any. */
  #closest(method: string, params: unknown) {
    const target = targetOf(method, params);
    const all = (this.#byMethod.get(method) ?? []).filter(({ key }) => key !== undefined);
    const same = all.filter((cue) => cue.target === target);
    const asked = askedBy(params);
    let best: { cue: Cue; differences: Difference[]; mayStandIn: boolean; rank: number } | undefined;
    for (const cue of (same.length > 0 ? same : all).slice(0, MAX_COMPARED)) {
      const differences = compareValues(askedBy(cue.params), asked, RULES);
      const isUsed = this.#used.has(cue.index);
      const rank = differences.length + (isUsed ? 1000 : 0);
      if (best === undefined || rank < best.rank)
        best = { cue, differences, mayStandIn: same.length > 0 && (!isUsed || this.#repeatLast), rank };
    }
    return best;
  }

  #reason(cues: readonly Cue[], closest: Cue | undefined): string {
    if (cues.some(({ index }) => !this.#used.has(index)))
      return `out of order: the recording goes on with ${this.#expected()}`;
    if (cues.length > 0)
      return cues.length === 1
        ? 'its one recorded answer is used up'
        : `its ${cues.length} recorded answers are used up`;
    return closest === undefined
      ? 'nothing of this method is recorded'
      : 'it is not recorded with these params';
  }

  /** Whether nothing that has to be asked before is still to be asked. */
  #isInOrder({ seq }: Cue): boolean {
    if (this.#strategy !== 'strict') return true;
    const first = this.#next();
    return first === undefined || seq <= (first.answerSeq ?? first.seq);
  }

  #expected(): string {
    const next = this.#next();
    return next === undefined ? 'nothing' : cueName(next);
  }

  #next(): Cue | undefined {
    for (; this.#first < this.#cues.length; this.#first += 1) {
      const cue = this.#cues[this.#first];
      if (cue !== undefined && isOrdered(cue) && !this.#used.has(cue.index)) return cue;
    }
    return undefined;
  }

  #use<Used extends Cue | undefined>(cue: Used): Used {
    if (cue !== undefined) this.#used.add(cue.index);
    return cue;
  }
}

/** Whether it brings what was asked for; an update of a task does so, too, and is none. */
function isRetry(method: string, params: unknown): params is Json {
  if (!isObject(params) || targetOf(method, params) === undefined) return false;
  return 'inputResponses' in params || 'requestState' in params;
}

/** Polls and the handshake have no place in the order. */
function isOrdered({ is, method }: Cue): boolean {
  return is === 'request' && method !== POLL && !HANDSHAKE.has(method);
}

function push<Key>(map: Map<Key, Cue[]>, key: Key, cue: Cue): void {
  const cues = map.get(key);
  if (cues === undefined) map.set(key, [cue]);
  else cues.push(cue);
}
