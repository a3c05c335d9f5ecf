/**
 * Plays a script to one client: finds what a live request is answered from, and has it played. What the recording does not have is
 * answered with an error that says so. It never calls anything.
 */
import { isObject } from '../../mcp/canonical.ts';
import type { Json } from '../scenario.ts';
import { answerWith, unable } from './answers.ts';
import type { Channel } from './channel.ts';
import type { Fate, Faults } from './fault.ts';
import { ownAnswer } from './handshake.ts';
import { Live, type Request } from './live.ts';
import type { Matcher, Miss } from './match.ts';
import { missError, missLine, told } from './miss.ts';
import { Scene, type Stage } from './scene.ts';
import { type Cue, cueName, type Happening, HANDSHAKE, targetOf } from './script.ts';

export interface PlayerOptions extends Omit<Stage, 'live'> {
  readonly matcher: Matcher;
  readonly faults: Faults;
}

/** Requests at the same time; a further one is answered with an error. */
const MAX_OPEN = 10_000;

export class Player {
  readonly #options: PlayerOptions;
  readonly #stage: Stage;
  /** Several of one id are of several HTTP exchanges. */
  readonly #open = new Set<Request>();
  readonly #playing = new Set<Promise<void>>();

  constructor(options: PlayerOptions) {
    this.#options = options;
    this.#stage = { ...options, live: new Live() };
    const { opening } = options.script;
    const [first] = opening;
    if (first !== undefined) this.#begin(opening, 'before any request', first.atUs);
  }

  /** One message of the client; `channel` is where an answer to it goes. */
  heard(message: Json, channel: Channel): void {
    const { id, method, params } = message;
    if (typeof method !== 'string') this.#stage.live.heard(message);
    else if (id === undefined) this.#notified(method, params);
    else
      this.#asked(method, params, { id, token: tokenOf(params), channel, cancelled: new AbortController() });
  }

  /** Nobody speaks any more: resolves when what is under way has been said. */
  async finish(): Promise<void> {
    while (this.#playing.size > 0) {
      this.#stage.live.end();
      await Promise.race(this.#playing);
    }
  }

  #notified(method: string, params: unknown): void {
    if (method === 'notifications/cancelled' && isObject(params))
      for (const request of this.#open) if (request.id === params.requestId) request.cancelled.abort();
    const cue = this.#options.matcher.notification(method);
    if (cue !== undefined) this.#begin(cue.happenings, cueName(cue), cue.atUs);
  }

  #begin(happenings: readonly Happening[], name: string, atUs: number): void {
    this.#track(new Scene(this.#stage, undefined, name, atUs).play(happenings));
  }

  #asked(method: string, params: unknown, request: Request): void {
    const { script, matcher, faults, report } = this.#options;
    if (this.#open.size >= MAX_OPEN) {
      answerWith(script, request, unable(`more than ${MAX_OPEN} requests at the same time`));
      return;
    }
    const greeting = HANDSHAKE.has(method) ? matcher.handshake(method) : undefined;
    const own = greeting === undefined ? ownAnswer(script, method, params) : undefined;
    if (greeting !== undefined) this.#track(this.#serve(greeting, request));
    if (own !== undefined) answerWith(script, request, own);
    if (greeting !== undefined || own !== undefined) return;
    const match = matcher.request(method, params);
    if (match.is === 'missed') {
      this.#missed(method, params, match.miss, request);
      return;
    }
    const { cue, differences } = match;
    if (differences.length > 0) {
      if (cue.isRetry) this.#options.coverage.answeredOtherwise();
      const what = cue.isRetry ? 'the input differs from the recorded one' : 'answered from the closest';
      report(`${cueName(cue)}: ${what}: ${told(differences)}`);
    }
    const { delayMs, ruin } = faults.next(method, targetOf(method, params), cue.key ?? method);
    this.#track(this.#serve(cue, request, ruin, delayMs));
  }

  #missed(method: string, params: unknown, miss: Miss, request: Request): void {
    const { script, coverage, report } = this.#options;
    const target = targetOf(method, params);
    coverage.unknown(method, target, miss);
    report(missLine(method, target, miss));
    answerWith(script, request, { error: missError(method, miss) });
  }

  async #serve(cue: Cue, request: Request, ruin?: Fate['ruin'], delayMs = 0): Promise<void> {
    const { script, matcher, coverage } = this.#options;
    coverage.used(cue);
    this.#stage.live.remember(cue.index, request);
    for (const kind of [ruin, delayMs > 0 ? 'delay' : undefined])
      if (kind !== undefined) coverage.fault(kind);
    // Whoever is not answered may ask again.
    if (ruin !== undefined) matcher.release(cue);
    this.#open.add(request);
    const scene = new Scene(this.#stage, { cue, request, ruin }, cueName(cue), cue.atUs);
    if (ruin === 'error') answerWith(script, request, unable('put in by --fault error'));
    else if (cue.key === undefined) answerWith(script, request, unable(cue.problem ?? 'not recorded'));
    else await scene.play(cue.happenings, delayMs);
    this.#open.delete(request);
  }

  #track(played: Promise<void>): void {
    const tracked = played.finally(() => this.#playing.delete(tracked));
    this.#playing.add(tracked);
  }
}

function tokenOf(params: unknown): unknown {
  return isObject(params) && isObject(params._meta) ? params._meta.progressToken : undefined;
}
