/**
 * The mocks of this process: recordings that are played as servers, on loopback alone and at an address that nobody can guess. They
 * call nothing. Those that were stopped leave their coverage.
 */
import { randomBytes } from 'node:crypto';
import type * as z from 'zod/mini';
import { Coverage, problemsOf, type Report } from '../replay/mock/coverage.ts';
import { Faults, type FaultRule, parseFault } from '../replay/mock/fault.ts';
import { type HttpMock, type HttpMockOptions, startHttpMock } from '../replay/mock/httpMock.ts';
import { Matcher } from '../replay/mock/match.ts';
import { Player } from '../replay/mock/player.ts';
import type { Script } from '../replay/mock/script.ts';
import { uuidV7 } from '../self/uuid.ts';
import type { Mock, MockWishes } from './mockContract.ts';
import { ApiError } from './problem.ts';

type Wishes = z.output<typeof MockWishes>;
type Shown = z.output<typeof Mock>;

/** Each holds a session in memory and a port; a person plays one or two. */
export const MAX_MOCKS = 4;
/** Those that are over, beside them: their coverage. */
export const MAX_STOPPED = 10;
/** A session is read into memory whole; `sidelight mock` has a process for it. */
export const MAX_FRAMES = 20_000;
export const MAX_BYTES = 64 * 1024 * 1024;
/** What is named of a mock; beyond it is counted. */
const MAX_NAMED = 100;
const MAX_SEED = 2 ** 32;
const LOOPBACK = '127.0.0.1';
/** In a path: 128 bits. */
const SECRET_BYTES = 16;

type Head = Pick<Shown, 'id' | 'session' | 'server' | 'protocolVersion' | 'startedAtUs' | 'url'> &
  Pick<Shown, 'problems' | 'problemCount'>;

interface Playing {
  readonly head: Head;
  readonly served: HttpMock;
  readonly report: () => Report;
}

export class Mocks {
  readonly #nowUs: () => number;
  readonly #playing = new Map<string, Playing>();
  /** The oldest first. */
  readonly #stopped = new Map<string, Shown>();
  /** Those that begin to listen hold a place, too. */
  #starting = 0;
  #isClosed = false;

  /** Microseconds since the Unix epoch. */
  constructor(nowUs: () => number) {
    this.#nowUs = nowUs;
  }

  get isListening(): boolean {
    return this.#playing.size + this.#starting > 0;
  }

  /** Throws an ApiError when there are too many. */
  checkRoom(): void {
    if (this.#isClosed || this.#playing.size + this.#starting >= MAX_MOCKS)
      throw new ApiError(409, `${MAX_MOCKS} mocks listen already; stop one`);
  }

  /** Rejects with an ApiError: a fault that is none, or too many at once. */
  async start(script: Script, server: string, wishes: Wishes): Promise<Shown> {
    const rules = (wishes.faults ?? []).map(ruleFrom);
    this.checkRoom();
    this.#starting += 1;
    try {
      const playing = await this.#begin(script, server, wishes, rules);
      this.#playing.set(playing.head.id, playing);
      if (this.#isClosed) await this.close();
      return shownOf(playing);
    } finally {
      this.#starting -= 1;
    }
  }

  /** Throws an ApiError where there is none, or none any more. */
  find(id: string): Shown {
    const playing = this.#playing.get(id);
    const found = playing === undefined ? this.#stopped.get(id) : shownOf(playing);
    if (found !== undefined) return found;
    throw new ApiError(404, `there is no such mock; the last ${MAX_STOPPED} that were stopped are kept`, {
      parameter: 'mock',
    });
  }

  /** Those that listen, and those that did, the newest first. */
  list(): readonly Shown[] {
    const playing = [...this.#playing.values()].map(shownOf);
    return [...this.#stopped.values(), ...playing].reverse();
  }

  /** One that was stopped stays so. Rejects with an ApiError where there is none. */
  async stop(id: string): Promise<Shown> {
    const playing = this.#playing.get(id);
    if (playing === undefined) return this.find(id);
    this.#playing.delete(id);
    await playing.served.close();
    const stopped: Shown = { ...shownOf(playing), state: 'stopped', endedAtUs: this.#nowUs() };
    this.#stopped.set(id, stopped);
    const [oldest] = this.#stopped.keys();
    if (this.#stopped.size > MAX_STOPPED && oldest !== undefined) this.#stopped.delete(oldest);
    return stopped;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#playing.keys()].map((id) => this.stop(id)));
  }

  async #begin(
    script: Script,
    server: string,
    { match: strategy = 'queue', repeatLast = false, speed = Infinity, seed: wanted }: Wishes,
    rules: readonly FaultRule[],
  ): Promise<Playing> {
    const seed = wanted ?? randomBytes(4).readUInt32BE() % MAX_SEED;
    const coverage = new Coverage(script);
    const faults = new Faults(rules, seed);
    const path = `/${randomBytes(SECRET_BYTES).toString('hex')}/mcp`;
    const player: HttpMockOptions['player'] = (session, process) =>
      new Player({
        ...{ script, faults, coverage, speed, session, process },
        matcher: new Matcher(script.cues, { strategy, repeatLast }),
        // Its coverage says the same.
        report: () => undefined,
      });
    const served = await startHttpMock({
      ...{ host: LOOPBACK, port: 0, remote: false, path, script, player, stderr: undefined },
      lost: () => {
        coverage.unheard();
      },
    });
    const problems = problemsOf(script);
    const head: Head = {
      id: uuidV7(),
      session: script.id,
      server,
      protocolVersion: script.protocolVersion,
      url: `http://${LOOPBACK}:${served.port}${path}`,
      startedAtUs: this.#nowUs(),
      problems: problems.slice(0, MAX_NAMED),
      problemCount: problems.length,
    };
    return { head, served, report: () => coverage.report(rules.length === 0 ? undefined : seed) };
  }
}

function shownOf({ head, report }: Playing): Shown {
  const { recorded, used, unused, answered, unknownCount, unknown, otherAnswers, unheard, faults, seed } =
    report();
  return {
    ...head,
    state: 'listening',
    coverage: {
      ...{ recorded, used, answered, unknownCount, otherAnswers, unheard, faults, seed },
      unused: unused.slice(0, MAX_NAMED),
      unknown: unknown.slice(0, MAX_NAMED),
    },
  };
}

function ruleFrom(text: string): FaultRule {
  const rule = parseFault(text);
  if (typeof rule !== 'string') return rule;
  throw new ApiError(400, `faults: ${JSON.stringify(text)}: ${rule}`, { parameter: 'faults' });
}
