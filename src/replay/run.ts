/**
 * Does a plan's steps against a connection, in the order in which they happened: what was sent after an answer waits for that
 * answer, what overlapped overlaps. It sends nothing that the plan does not allow, and judges nothing.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { canonical, isObject } from '../mcp/canonical.ts';
import { bound } from './bindings.ts';
import { CannotRun, type Connection, type ConnectionEnd, type ConnectionEvents } from './connection.ts';
import { type Plan, type PlannedStep, waitsOf } from './plan.ts';
import {
  type Answer,
  answerOf,
  type Ask,
  finalAnswer,
  type Json,
  REPLAY_OF,
  REPLAY_OF_SPAN,
} from './scenario.ts';

/** What becomes of a request of the server for which nothing fits in the recording; `ask`: somebody answers it. */
export type AskPolicy = 'decline' | 'last' | 'fail' | 'ask';

/** Send it, with other params, or not, or nothing any more. */
export type Decision = 'go' | 'skip' | 'stop' | { readonly params: Json };

export interface RunOptions {
  readonly plan: Plan;
  readonly connect: (events: ConnectionEvents) => Promise<Connection>;
  /** Recorded gaps are divided by this; Infinity: no gaps. */
  readonly speed: number;
  readonly maxGapMs: number;
  /** Of one step; what took longer when it was recorded gets three times as long. */
  readonly deadlineMs: number;
  readonly askPolicy: AskPolicy;
  /** For the policy `ask`: the result that the server is given; undefined declines. */
  readonly answering?: (method: string, params: unknown) => Promise<Json | undefined>;
  readonly signal: AbortSignal;
  /** Called before each step is sent, and when it is over: a stepper holds it. */
  readonly before?: (step: PlannedStep) => Promise<Decision>;
  readonly after?: (live: LiveStep) => void | Promise<void>;
  /** One step at a time, also where they overlapped. */
  readonly oneByOne?: boolean;
}

export type LiveOutcome =
  | 'answered'
  /** No answer before the deadline. */
  | 'unanswered'
  /** The client did not wait for it, now as then. */
  | 'cancelled'
  /** The server ended before it answered. */
  | 'server_ended'
  /** The plan does not allow it, or somebody skipped it. */
  | 'not_sent';

export interface LiveStep {
  readonly planned: PlannedStep;
  readonly outcome: LiveOutcome;
  readonly answer: Answer | undefined;
  readonly durationUs: number;
  readonly notifications: ReadonlyMap<string, number>;
  /** Asked by the server during this step, and answered by policy since nothing in the recording fits. */
  readonly unmatchedAsks: readonly string[];
  /** Bindings whose value the live answers did not have: the recorded one was sent. */
  readonly missingBindings: readonly string[];
}

export interface Run {
  readonly steps: readonly LiveStep[];
  readonly end: ConnectionEnd | undefined;
}

const MAX_ROUNDS = 32;
const MAX_POLLS = 10_000;
const POLL_MS = { least: 10, most: 1000 } as const;
const DECLINED = { code: -1, message: 'not answered: nothing in the recording fits' };

export async function run(options: RunOptions): Promise<Run> {
  return new Runner(options).run();
}

interface Waiting {
  /** Undefined: the handshake. */
  readonly step: Open | undefined;
  readonly done: (answer: Answer | undefined) => void;
}

interface Open {
  readonly planned: PlannedStep;
  readonly notifications: Map<string, number>;
  readonly unmatchedAsks: string[];
  readonly token: number;
  cancelled: boolean;
}

class Runner {
  readonly #options: RunOptions;
  readonly #live = new Map<number, LiveStep>();
  readonly #done = new Map<number, Promise<void>>();
  readonly #waiting = new Map<number, Waiting>();
  readonly #open = new Map<number, Open>();
  /** How often each recorded ask was used. */
  readonly #asked = new Map<Ask, number>();
  #connection: Connection | undefined;
  #ids = 0;
  #end: ConnectionEnd | undefined;
  #stopped = false;

  constructor(options: RunOptions) {
    this.#options = options;
  }

  async run(): Promise<Run> {
    const { plan, connect, signal } = this.#options;
    this.#connection = await connect({
      message: (message) => {
        this.#heard(message);
      },
      end: (end) => {
        this.#end ??= end;
        for (const { done } of this.#waiting.values()) done(undefined);
      },
    });
    const abort = (): void => {
      this.#stopped = true;
      for (const { done } of this.#waiting.values()) done(undefined);
    };
    signal.addEventListener('abort', abort, { once: true });
    try {
      await this.#handshake();
      const waits = waitsOf(plan.scenario, plan.steps);
      let sentAtUs: number | undefined;
      for (const planned of plan.steps) {
        const { step } = planned;
        for (const index of waits.get(step.index) ?? []) await this.#done.get(index);
        if (sentAtUs !== undefined) await this.#gap(step.atUs - sentAtUs);
        sentAtUs = step.atUs;
        const decision = this.#stopped ? 'stop' : ((await this.#options.before?.(planned)) ?? 'go');
        if (decision === 'stop') this.#stopped = true;
        if (this.#stopped || decision === 'skip' || planned.blocked.length > 0) await this.#leaveOut(planned);
        else {
          const sent =
            typeof decision === 'object' ? { ...planned, params: decision.params, bindings: [] } : planned;
          this.#done.set(step.index, this.#begin(sent));
          if (this.#options.oneByOne === true) await this.#done.get(step.index);
        }
      }
      await Promise.all([...this.#done.values()]);
    } finally {
      signal.removeEventListener('abort', abort);
      await this.#connection.close();
    }
    const steps = plan.steps.flatMap(({ step }) => this.#live.get(step.index) ?? []);
    return { steps, end: this.#end };
  }

  /** Of up to 2025-11-25; later revisions say with each request who asks. */
  async #handshake(): Promise<void> {
    const { era, protocolVersion, clientInfo, capabilities } = this.#options.plan.scenario;
    if (era === 'modern') {
      this.#connection?.opened(protocolVersion);
      return;
    }
    const answer = await this.#request(undefined, 'initialize', {
      protocolVersion,
      capabilities,
      clientInfo,
    });
    if (answer === undefined || !('result' in answer) || !isObject(answer.result)) {
      const why = this.#end?.reason ?? (answer === undefined ? 'no answer in time' : JSON.stringify(answer));
      throw new CannotRun(`initialize failed: ${why.slice(0, 300)}`);
    }
    const { protocolVersion: agreed } = answer.result;
    this.#connection?.opened(typeof agreed === 'string' ? agreed : protocolVersion);
    await this.#say({ method: 'notifications/initialized' });
  }

  async #begin(planned: PlannedStep): Promise<void> {
    const { step } = planned;
    const { params, missing } = bound(step, planned.params, planned.bindings, (index) => {
      const answer = this.#live.get(index)?.answer;
      return answer !== undefined && 'result' in answer ? answer.result : undefined;
    });
    const open: Open = {
      planned,
      notifications: new Map(),
      unmatchedAsks: [],
      token: step.index + 1,
      cancelled: false,
    };
    const startedAt = performance.now();
    let outcome: LiveOutcome = 'answered';
    let answer: Answer | undefined;
    if (step.is === 'request') {
      this.#open.set(step.index, open);
      answer = await this.#operation(open, params ?? {});
      this.#open.delete(step.index);
      if (answer === undefined)
        outcome = open.cancelled ? 'cancelled' : this.#end === undefined ? 'unanswered' : 'server_ended';
    } else if (step.is === 'cancel') await this.#cancel(step.cancels, params);
    else await this.#say({ method: step.method, ...(params !== undefined && { params }) });
    await this.#over({
      planned,
      outcome,
      answer,
      durationUs: Math.round((performance.now() - startedAt) * 1000),
      notifications: open.notifications,
      unmatchedAsks: open.unmatchedAsks,
      missingBindings: missing.map(({ into, from }) => `${into.join('.')} of step ${from}`),
    });
  }

  async #leaveOut(planned: PlannedStep): Promise<void> {
    await this.#over({
      planned,
      outcome: 'not_sent',
      answer: undefined,
      durationUs: 0,
      notifications: new Map(),
      unmatchedAsks: [],
      missingBindings: [],
    });
  }

  async #over(live: LiveStep): Promise<void> {
    this.#live.set(live.planned.step.index, live);
    await this.#options.after?.(live);
  }

  /** The whole of it: legs with the recorded input and the live state, polls of a task up to its end. */
  async #operation(open: Open, params: Json): Promise<Answer | undefined> {
    const { step } = open.planned;
    let answer = await this.#request(open, step.method, params);
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      const result = resultOf(answer);
      if (result?.resultType !== 'input_required') break;
      const inputs = await this.#inputsFor(open, result.inputRequests);
      if (inputs === undefined) return answer;
      answer = await this.#request(open, step.method, {
        ...params,
        ...(Object.keys(inputs).length > 0 && { inputResponses: inputs }),
        ...(result.requestState !== undefined && { requestState: result.requestState }),
      });
    }
    const handle = taskOf(answer);
    return handle === undefined ? answer : this.#task(open, handle, params);
  }

  async #task(open: Open, { taskId, isLegacy }: Task, params: Json): Promise<Answer | undefined> {
    const meta = isObject(params._meta) ? { _meta: params._meta } : {};
    const about = { taskId, ...meta };
    for (let polls = 0; polls < MAX_POLLS && !open.cancelled && !this.#stopped; polls += 1) {
      const state = await this.#request(open, 'tasks/get', about);
      const result = resultOf(state);
      if (state === undefined || result === undefined) return state;
      const { status } = result;
      if (status === 'input_required' && !isLegacy) {
        const inputs = await this.#inputsFor(open, result.inputRequests);
        if (inputs === undefined) return state;
        await this.#request(open, 'tasks/update', { ...about, inputResponses: inputs });
      } else if (
        status === 'input_required' ||
        status === 'completed' ||
        status === 'failed' ||
        status === 'cancelled'
      )
        return isLegacy ? this.#request(open, 'tasks/result', about) : finalAnswer(state);
      const wait = Number(result.pollIntervalMs ?? result.pollInterval);
      await delay(Math.min(POLL_MS.most, Math.max(POLL_MS.least, Number.isFinite(wait) ? wait : 0)));
    }
    return undefined;
  }

  /** By key, from the recording; undefined: something is asked that nothing fits, and the policy is to leave it there. */
  async #inputsFor(
    { planned, unmatchedAsks }: Open,
    requests: unknown,
  ): Promise<Record<string, unknown> | undefined> {
    const { inputs } = planned.step;
    const answers: Record<string, unknown> = {};
    for (const [key, request] of Object.entries(isObject(requests) ? requests : {})) {
      const method = isObject(request) ? String(request.method) : 'unknown';
      const recorded = inputs.get(key);
      if (recorded !== undefined) answers[key] = recorded;
      else {
        unmatchedAsks.push(`${method} (${key})`);
        const last = this.#options.askPolicy === 'last' ? [...inputs.values()].at(-1) : undefined;
        const answer = last ?? (await this.#byPolicy(method, isObject(request) ? request.params : undefined));
        if (answer === undefined) return undefined;
        answers[key] = answer;
      }
    }
    return answers;
  }

  async #request(open: Open | undefined, method: string, params: Json): Promise<Answer | undefined> {
    const id = (this.#ids += 1);
    const step = open?.planned.step;
    const recordedMs = (step?.durationUs ?? 0) / 1000;
    const deadlineMs = step?.stream
      ? Math.min(recordedMs, this.#options.deadlineMs)
      : Math.max(this.#options.deadlineMs, recordedMs * 3);
    if (this.#end !== undefined || this.#stopped) return undefined;
    const answered = new Promise<Answer | undefined>((resolve) => {
      const timer = setTimeout(() => {
        resolve(undefined);
      }, deadlineMs);
      const done = (answer: Answer | undefined): void => {
        clearTimeout(timer);
        resolve(answer);
      };
      this.#waiting.set(id, { step: open, done });
    });
    const meta = isObject(params._meta) ? params._meta : {};
    const told = {
      ...meta,
      ...(step !== undefined && { [REPLAY_OF]: this.#options.plan.scenario.id }),
      ...(step?.span !== undefined && { [REPLAY_OF_SPAN]: step.span }),
      ...(step?.notifications.has('notifications/progress') && { progressToken: open?.token }),
    };
    await this.#connection?.send({
      jsonrpc: '2.0',
      id,
      method,
      params: Object.keys(told).length > 0 ? { ...params, _meta: told } : params,
    });
    const answer = await answered;
    this.#waiting.delete(id);
    if (answer === undefined) this.#connection?.drop(id);
    return answer;
  }

  async #cancel(index: number | undefined, params: Json | undefined): Promise<void> {
    const open = index === undefined ? undefined : this.#open.get(index);
    if (open === undefined) return;
    open.cancelled = true;
    for (const [id, waiting] of this.#waiting) {
      if (waiting.step !== open) continue;
      const reason = params?.reason === undefined ? {} : { reason: params.reason };
      if (this.#connection?.cancelsByClosing !== true)
        await this.#say({ method: 'notifications/cancelled', params: { requestId: id, ...reason } });
      waiting.done(undefined);
    }
  }

  async #say(message: Json): Promise<void> {
    await this.#connection?.send({ jsonrpc: '2.0', ...message });
  }

  #heard(message: Json): void {
    const { id, method } = message;
    if (typeof method !== 'string') {
      if (typeof id === 'number') this.#waiting.get(id)?.done(answerOf(message));
      return;
    }
    if (id === undefined) this.#notified(method, message.params);
    else void this.#asks(message, method);
  }

  #notified(method: string, params: unknown): void {
    const token = isObject(params) ? params.progressToken : undefined;
    const open = [...this.#open.values()].find((one) => one.token === token) ?? this.#onlyOpen();
    open?.notifications.set(method, (open.notifications.get(method) ?? 0) + 1);
  }

  #onlyOpen(): Open | undefined {
    const [first, ...others] = this.#open.values();
    return others.length === 0 ? first : undefined;
  }

  /** A request of the server: answered as the client did then, where the recording has the like. */
  async #asks({ id, params }: Json, method: string): Promise<void> {
    if (method === 'ping') {
      await this.#say({ id, result: {} });
      return;
    }
    const { scenario } = this.#options.plan;
    const open = [...this.#open.values()];
    const recorded = [
      ...open.flatMap(({ planned }) => planned.step.asks),
      ...scenario.asks,
      ...scenario.steps.flatMap(({ asks }) => asks),
    ];
    const ofMethod = recorded.filter((ask) => ask.method === method && ask.answer !== undefined);
    const unused = ofMethod.filter((ask) => !this.#asked.has(ask));
    const same = (ask: Ask): boolean => askKey(ask.params) === askKey(params);
    const found = unused.find(same) ?? unused[0] ?? (method === 'roots/list' ? ofMethod.at(-1) : undefined);
    const chosen = found ?? (this.#options.askPolicy === 'last' ? ofMethod.at(-1) : undefined);
    if (found === undefined) (this.#onlyOpen() ?? open[0])?.unmatchedAsks.push(method);
    if (chosen?.answer !== undefined) {
      this.#asked.set(chosen, (this.#asked.get(chosen) ?? 0) + 1);
      await this.#say({ id, ...chosen.answer });
      return;
    }
    const result = await this.#byPolicy(method, params);
    await this.#say({ id, ...(result === undefined ? { error: DECLINED } : { result }) });
  }

  /** The result for what nothing in the recording fits; undefined: none. */
  async #byPolicy(method: string, params: unknown): Promise<Json | undefined> {
    const { askPolicy, answering } = this.#options;
    const said = askPolicy === 'ask' ? await answering?.(method, params) : undefined;
    const declines = askPolicy !== 'fail' && method === 'elicitation/create';
    return said ?? (declines ? { action: 'decline' } : undefined);
  }

  async #gap(recordedUs: number): Promise<void> {
    const ms = Math.min(recordedUs / 1000 / this.#options.speed, this.#options.maxGapMs);
    if (ms >= 1) await delay(ms, undefined, { signal: this.#options.signal }).catch(() => undefined);
  }
}

interface Task {
  readonly taskId: string;
  readonly isLegacy: boolean;
}

function taskOf(answer: Answer | undefined): Task | undefined {
  const result = resultOf(answer);
  if (result === undefined) return undefined;
  if (result.resultType === 'task' && typeof result.taskId === 'string')
    return { taskId: result.taskId, isLegacy: false };
  const { task } = result;
  return isObject(task) && typeof task.taskId === 'string'
    ? { taskId: task.taskId, isLegacy: true }
    : undefined;
}

function resultOf(answer: Answer | undefined): Json | undefined {
  return answer !== undefined && 'result' in answer && isObject(answer.result) ? answer.result : undefined;
}

function askKey(params: unknown): string {
  if (!isObject(params)) return '';
  const { _meta, ...rest } = params;
  return _meta === undefined ? canonical(params) : canonical(rest);
}
