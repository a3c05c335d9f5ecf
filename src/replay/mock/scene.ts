/**
 * One list of happenings as it is played: to a request until that is answered, then to its session. It waits for its times and
 * for the client, and knows nothing of how requests are matched.
 */
import { compareValues, NO_RULES } from '../compare.ts';
import { answerOf, type Json } from '../scenario.ts';
import { answerWith, unable } from './answers.ts';
import type { Channel } from './channel.ts';
import type { Coverage } from './coverage.ts';
import type { Fate } from './fault.ts';
import { statusOf } from './handshake.ts';
import type { Live, Request } from './live.ts';
import { told } from './miss.ts';
import { Pace, pause } from './pace.ts';
import type { Cue, Happening, Script } from './script.ts';

/** What a server does as a process; what is undefined is left out. */
export interface ProcessPart {
  readonly stderr: ((text: string) => void) | undefined;
  readonly stray: ((text: string) => void) | undefined;
  readonly exit: ((code: number | null, signal: string | null) => void) | undefined;
}

/** What all scenes of a session share. */
export interface Stage {
  readonly script: Script;
  readonly coverage: Coverage;
  readonly live: Live;
  /** Recorded times are divided by it; Infinity: at once. */
  readonly speed: number;
  /** What belongs to no open request. */
  readonly session: Channel;
  /** Takes one line about something that is not as recorded. */
  readonly report: (line: string) => void;
  readonly process: ProcessPart;
}

/** The request that a scene is played to. */
export interface Asked {
  readonly cue: Cue;
  readonly request: Request;
  readonly ruin: Fate['ruin'];
}

type Of<Kind extends Happening['is']> = Extract<Happening, { is: Kind }>;

const RULES = { level: 'semantic', ...NO_RULES } as const;

export class Scene {
  readonly #stage: Stage;
  readonly #asked: Asked | undefined;
  readonly #pace: Pace;
  /** What is said about in reports. */
  readonly #name: string;
  #channel: Channel;
  #signal: AbortSignal;

  /** `asked` undefined: nobody waits for an answer. */
  constructor(stage: Stage, asked: Asked | undefined, name: string, atUs: number) {
    this.#stage = stage;
    this.#asked = asked;
    this.#name = name;
    this.#pace = new Pace(atUs, stage.speed);
    this.#channel = asked?.request.channel ?? stage.session;
    this.#signal = asked === undefined ? stage.session.gone : untilWhen(asked);
  }

  /** After so long; it ends early when nobody listens any more. */
  async play(happenings: readonly Happening[], afterMs = 0): Promise<void> {
    const [first] = happenings;
    if (afterMs > 0) await pause(afterMs, this.#signal);
    if (afterMs > 0 && first !== undefined) this.#pace.from(this.#asked?.cue.atUs ?? first.atUs);
    for (const happening of happenings) {
      if (happening.is === 'cancelled') await this.#cancelled(happening.atUs);
      else await this.#pace.until(happening.atUs, this.#signal);
      if (this.#signal.aborted) return;
      if (happening.is === 'heard') await this.#hears(happening);
      else this.#happens(happening);
    }
  }

  #happens(happening: Exclude<Happening, Of<'heard'>>): void {
    const { live, process } = this.#stage;
    switch (happening.is) {
      case 'message':
        this.#message(happening);
        break;
      case 'ask':
        this.#say(this.#channel, live.ask(happening.ask, happening.message));
        break;
      case 'answer':
        this.#answer(happening);
        break;
      case 'http':
      case 'broken':
      case 'problem':
        this.#fails(happening);
        break;
      case 'stderr':
        process.stderr?.(happening.text);
        break;
      case 'stray':
        process.stray?.(happening.text);
        break;
      case 'exit':
        process.exit?.(happening.code, happening.signal);
        break;
      case 'cancelled':
        break;
    }
  }

  #message({ message, fill }: Of<'message'>): void {
    const { live } = this.#stage;
    const filled = live.filled(message, fill);
    const stream = fill?.is === 'subscription' ? live.requestOf(fill.cue)?.channel : undefined;
    if (filled !== undefined) this.#say(stream ?? this.#channel, filled);
  }

  #say(channel: Channel, message: Json): void {
    channel.say(JSON.stringify(message));
    this.#pace.spoke();
  }

  #answer({ message, of }: Of<'answer'>): void {
    const { script, coverage, live } = this.#stage;
    const asked = this.#asked?.cue.index === of ? this.#asked : undefined;
    const request = asked?.request ?? live.requestOf(of);
    if (request === undefined) return;
    const answer = live.answer(message, request);
    const text = JSON.stringify(answer);
    const ruin = asked?.ruin;
    const { http } = asked?.cue ?? {};
    if (ruin === 'disconnect') request.channel.hangUp();
    else if (ruin !== 'drop')
      request.channel.answer(ruin === 'malformed' ? malformed(text) : text, {
        status: http?.status ?? statusOf(script, answer),
        stream: http?.stream === true,
        cut: ruin === 'truncate',
      });
    if (ruin === undefined) coverage.answered();
    if (asked !== undefined) this.#over();
  }

  /** Where no answer was, or none that is whole. */
  #fails(happening: Of<'http' | 'broken' | 'problem'>): void {
    const { script, process } = this.#stage;
    const request = this.#asked?.request;
    // A process that ends says nothing any more.
    const isSilent = happening.is === 'problem' && happening.ended && process.exit !== undefined;
    if (request?.channel !== this.#channel || isSilent) return;
    const { channel } = request;
    this.#over();
    if (happening.is === 'problem') answerWith(script, request, unable(happening.reason));
    else if (happening.is === 'broken') {
      if (channel.http !== undefined) channel.hangUp();
      else answerWith(script, request, unable('the connection to the recorded server broke here'));
    } else if (channel.http !== undefined) channel.http(happening.status, happening.type, happening.body);
    else
      answerWith(script, request, unable(`the recorded answer is HTTP ${happening.status} without JSON-RPC`));
  }

  /** Until the client cancels, or as long as the recorded one waited with it. */
  async #cancelled(atUs: number): Promise<void> {
    if (this.#asked === undefined) return;
    const { cue, request } = this.#asked;
    const { speed } = this.#stage;
    const { signal } = request.cancelled;
    const ms = (atUs - cue.atUs) / 1000 / (Number.isFinite(speed) ? speed : 1);
    if (!signal.aborted) await pause(ms, AbortSignal.any([this.#signal, signal]));
    this.#pace.from(atUs);
  }

  async #hears({ ask, answer, atUs }: Of<'heard'>): Promise<void> {
    const { live, coverage, report } = this.#stage;
    const heard = await live.answerTo(ask, this.#signal);
    this.#pace.from(atUs);
    if (heard === undefined) return;
    const differences = compareValues(answerOf(answer), answerOf(heard), RULES);
    if (differences.length === 0) return;
    coverage.answeredOtherwise();
    report(`${this.#name}: the client's answer differs from the recorded one: ${told(differences)}`);
  }

  #over(): void {
    const { session } = this.#stage;
    this.#channel = session;
    this.#signal = session.gone;
  }
}

/** A cancel that was recorded is waited for, and what came after it comes then; another one ends the scene. */
function untilWhen({ cue, request: { channel, cancelled } }: Asked): AbortSignal {
  const isRecorded = cue.happenings.some(({ is }) => is === 'cancelled');
  return isRecorded ? channel.gone : AbortSignal.any([channel.gone, cancelled.signal]);
}

/** No JSON any more, and as long. */
function malformed(text: string): string {
  return `(${text.slice(1)}`;
}
