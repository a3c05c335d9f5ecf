/**
 * Faults that are put into answers on purpose. What is hit depends on the seed and on what is asked, never on time or on the order
 * of what overlaps, so that a run can be repeated. Pure.
 */

export const FAULT_KINDS = ['delay', 'drop', 'error', 'truncate', 'malformed', 'disconnect'] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

export interface FaultRule {
  readonly kind: FaultKind;
  /** Only calls of this tool; undefined: every request after the handshake. */
  readonly tool: string | undefined;
  /** Of 0 to 1. */
  readonly probability: number;
  /** So many requests that it could hit are left alone first. */
  readonly after: number;
  /** Of a delay: 95 of 100 are shorter. */
  readonly p95Ms: number;
}

/** What becomes of one answer. */
export interface Fate {
  readonly delayMs: number;
  readonly ruin: Exclude<FaultKind, 'delay'> | undefined;
}

const DURATION = /^(\d{1,6}(?:\.\d{1,3})?)(ms|s|m)$/;
const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000 };
/** A delay is drawn from an exponential distribution: its 95th percentile is so many times its mean. */
const P95_OF_MEAN = Math.log(20);
/** No delay is longer than so many times the percentile. */
const MAX_OF_P95 = 3;
/** Different requests that are told apart; those beyond share one count. */
const MAX_COUNTED = 100_000;

/** `kind[:tool=NAME][,p=0.1][,after=N][,p95=2s]`. A text: what is wrong with it, and what would be right. */
export function parseFault(written: string): FaultRule | string {
  const [, word = '', rest = ''] = /^(\w+)(?:[:,](.*))?$/.exec(written) ?? [];
  const kind = FAULT_KINDS.find((one) => one === word);
  if (kind === undefined) return `expected one of ${FAULT_KINDS.join(', ')}`;
  const rule = { kind, tool: undefined as string | undefined, probability: 1, after: 0, p95Ms: 0 };
  for (const pair of rest === '' ? [] : rest.split(',')) {
    const [name = '', value = ''] = pair.split(/=(.*)/s);
    const [, amount, unit = ''] = DURATION.exec(value) ?? [];
    const number = /^\d{1,9}(?:\.\d{1,9})?$/.test(value) ? Number(value) : NaN;
    if (name === 'tool' && value !== '') rule.tool = value;
    else if (name === 'p' && number <= 1) rule.probability = number;
    else if (name === 'after' && Number.isInteger(number)) rule.after = number;
    else if (name === 'p95' && kind === 'delay' && amount !== undefined)
      rule.p95Ms = Number(amount) * (UNITS[unit] ?? 1);
    else return `${pair}: expected tool=NAME, p=0.1, after=3${kind === 'delay' ? ' or p95=2s' : ''}`;
  }
  return kind === 'delay' && rule.p95Ms === 0 ? 'expected how long, such as delay:p95=2s' : rule;
}

export class Faults {
  readonly #rules: readonly FaultRule[];
  readonly #seed: number;
  readonly #hits: number[];
  readonly #asked = new Map<string, number>();

  constructor(rules: readonly FaultRule[], seed: number) {
    this.#rules = rules;
    this.#seed = seed;
    this.#hits = rules.map(() => 0);
  }

  /** `key`: what is asked. The same request again has a fate of its own. */
  next(method: string, target: string | undefined, key: string): Fate {
    const counted = this.#asked.size < MAX_COUNTED || this.#asked.has(key) ? key : '';
    const times = (this.#asked.get(counted) ?? 0) + 1;
    this.#asked.set(counted, times);
    let delayMs = 0;
    let ruin: Fate['ruin'];
    for (const [index, rule] of this.#rules.entries()) {
      if (rule.tool !== undefined && !(method === 'tools/call' && rule.tool === target)) continue;
      const hits = (this.#hits[index] ?? 0) + 1;
      this.#hits[index] = hits;
      const random = randomOf(`${this.#seed} ${index} ${times} ${key}`);
      if (hits <= rule.after || random() >= rule.probability) continue;
      if (rule.kind !== 'delay') ruin ??= rule.kind;
      else {
        const drawn = (-Math.log(1 - random()) * rule.p95Ms) / P95_OF_MEAN;
        delayMs += Math.min(drawn, rule.p95Ms * MAX_OF_P95);
      }
    }
    return { delayMs, ruin };
  }
}

/** Numbers of 0 up to 1 that follow from a text: FNV-1a, then mulberry32. */
function randomOf(text: string): () => number {
  let state = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) state = Math.imul(state ^ text.charCodeAt(at), 0x01000193);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
