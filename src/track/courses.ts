/**
 * Operations that go on after an answer: calls that ask for input and are sent again, and tasks. What they have in common is
 * that requests which come later are no operations of their own. A link that cannot be proved is not made.
 */
import type { ErrorResponse, Request, Result } from '../mcp/message.ts';
import { Cycles, type Retry } from './cycles.ts';
import { isObject } from '../mcp/canonical.ts';
import { fingerprintOf } from './fingerprint.ts';
import { at } from './identity.ts';
import { type At, type Links, OTHER } from './links.ts';
import { type Ending, legOf, NO_NOTES, type OpenOperation, type Task, type TaskEnd } from './operation.ts';
import type { Requests } from './pending.ts';
import type { Session } from './session.ts';
import {
  courseOf,
  endOf,
  endOfResult,
  errorOf,
  noteState,
  type TaskFacts,
  taskFacts,
  Tasks,
} from './tasks.ts';
import { idText, tellableId, toolText } from './text.ts';
import { otherContext } from './traceContext.ts';

/** What only the owner of the operations can do. */
export interface CoursesHost {
  end(operation: OpenOperation, ending: Ending): void;
  endingOf(
    operation: OpenOperation,
    outcome: Ending['outcome'],
    where: { readonly atUs: number; readonly seq: number },
    error?: Ending['error'],
    answer?: Result,
  ): Ending;
}

/** The requests that may be answered by asking for input: 2026-07-28, multi round-trip requests. */
const MAY_ASK: ReadonlySet<string> = new Set(['tools/call', 'prompts/get', 'resources/read']);
/** The server does not know the task (any more). */
const INVALID_PARAMS = -32_602;
/** A longer state is not kept: its retry links to nothing. */
const MAX_STATE_CHARS = 64 * 1024;

export class Courses {
  readonly #session: Session;
  readonly #links: Links;
  readonly #host: CoursesHost;
  /** As the tasks: made when there is one. Most sessions have none, and there are thousands. */
  #cycles: Cycles | undefined;
  #tasks: Tasks | undefined;
  /** Until then a retry may belong to a call of which messages were lost. */
  #doubtfulUntilUs = 0;
  #overflowed = false;

  constructor(session: Session, links: Links, host: CoursesHost) {
    this.#session = session;
    this.#links = links;
    this.#host = host;
  }

  /** `crash`: how the server died, when that is why. */
  closeAll(atUs: number, crash: string | undefined): void {
    for (const { operation, ending } of this.#cycles?.takeAll() ?? []) this.#host.end(operation, ending);
    for (const task of this.#tasks?.all() ?? []) this.#forgetTask(task, atUs, crash);
  }

  /** Ends what nobody comes back to: calls that were asked for input long ago, tasks that nobody asks about. */
  sweep(atUs: number): void {
    for (const { operation, ending } of this.#cycles?.overdue(atUs) ?? []) this.#host.end(operation, ending);
    const { maxTaskIdleUs } = this.#session.limits;
    for (const task of this.#tasks?.idleSince(atUs - maxTaskIdleUs) ?? [])
      this.#forgetTask(task, atUs, undefined);
  }

  /** Messages passed unseen. */
  lost(atUs: number): void {
    this.#doubtfulUntilUs = atUs + this.#session.limits.maxInputWaitUs;
  }

  /** A result that is not the end: it asks for input, or is the handle of a task. False where it is the end. */
  goesOn(operation: OpenOperation, answer: Result, where: At): boolean {
    if (operation.pollOf !== undefined) {
      this.#told(operation.pollOf, operation.method, answer, where);
      return true;
    }
    if (answer.result.resultType === 'input_required') return this.#asked(operation, answer, where);
    const mayBeTask = answer.result.resultType === 'task' || operation.wantsTask;
    return mayBeTask && this.#handed(operation, answer, where);
  }

  /** A poll was answered with an error. */
  pollFailed(
    { pollOf: task }: OpenOperation,
    { code, message }: ErrorResponse,
    where: At,
    method: string,
  ): void {
    if (task === undefined) return;
    const isResult = method === 'tasks/result';
    // Of other errors the next poll may know more.
    if (!isResult && code !== INVALID_PARAMS) return;
    const outcome = isResult ? 'protocol_error' : 'abandoned';
    const said = this.#session.cleanOptional(message);
    this.#endTask(
      task,
      {
        outcome,
        ...(code !== undefined && { code }),
        type: code === undefined ? '_OTHER' : String(code),
        message: said,
      },
      where,
    );
  }

  /** A notification that tells the state of a task; gives back its operation's number. */
  taskNoted(facts: TaskFacts, where: At): number | undefined {
    const task = this.#tasks?.get(facts.taskId, OTHER[where.channel]);
    if (task === undefined) return undefined;
    this.#stateSeen(task, facts, where);
    return task.operation.operationId;
  }

  /** The call in the task that a progress token stands for. */
  taskWithToken(token: string | number, { channel }: At): OpenOperation | undefined {
    return this.#tasks?.withToken(token, OTHER[channel]);
  }

  #handed(operation: OpenOperation, answer: Result, where: At): boolean {
    const result = at(answer, 'result');
    const facts = taskFacts(result) ?? taskFacts(at(answer, 'result', 'task'));
    if (facts === undefined) return false;
    this.#tasks ??= new Tasks(this.#session.limits.maxWaiting, this.#session.shared.waiting);
    const task = this.#tasks.open(operation, facts, where.atUs, where.seq);
    if (task === undefined) {
      if (this.#tasks.isFull) this.#overflow(where);
      return false;
    }
    this.letGo(operation);
    this.#stateSeen(task, facts, where);
    return true;
  }

  #told(task: Task, method: string, answer: Result, where: At): void {
    this.#tasks?.heard(task, where.atUs, where.seq);
    const result = at(answer, 'result');
    if (method === 'tasks/result') {
      if (isObject(result)) this.#endTask(task, endOfResult(result), where, answer.sizeBytes);
      return;
    }
    const facts = taskFacts(result);
    if (facts?.taskId === task.taskId) this.#stateSeen(task, facts, where, answer.sizeBytes);
  }

  #stateSeen(task: Task, facts: TaskFacts, where: At, sizeBytes = 0): void {
    const before = task.states.at(-1)?.status;
    const { operation } = task;
    const isFirst = task.states.length === 1 && before === facts.status;
    const { status } = facts;
    const isNew = noteState(task, this.#session.clean(status), where.atUs);
    this.#tasks?.heard(task, where.atUs, where.seq);
    if (status === 'input_required' && (isNew || isFirst))
      this.#tellAsked(operation, askedMethods(facts.inputRequests, this.#session.clean), where.atUs);
    else if (before === 'input_required' && isNew) this.#tellGiven(operation, where.atUs);
    const end = endOf(facts);
    if (end === undefined) return;
    // Its result, of which the state says nothing, comes with tasks/result.
    const hasResult = operation.modern || end.outcome === 'cancelled';
    if (hasResult) this.#endTask(task, end, where, sizeBytes);
    else task.ended ??= { end, atUs: where.atUs, seq: where.seq };
  }

  #endTask(
    task: Task,
    end: TaskEnd,
    { atUs, seq }: { readonly atUs: number; readonly seq: number },
    resultBytes = 0,
  ): void {
    if (this.#tasks?.close(task) !== true) return;
    const { operation } = task;
    const said = end.result === undefined ? end.message : toolText(end.result);
    const error = errorOf({ ...end, message: this.#session.cleanOptional(said) });
    this.#host.end(operation, {
      atUs,
      seq,
      outcome: end.outcome,
      error,
      resultBytes,
      result: undefined,
      task: courseOf(task),
    });
  }

  /** Nothing more is heard of it: it ends with what was heard last. */
  #forgetTask(task: Task, atUs: number, crash: string | undefined): void {
    const { ended, heardAtUs, seq } = task;
    if (ended !== undefined) {
      this.#endTask(task, ended.end, ended);
      return;
    }
    const status = task.states.at(-1)?.status ?? '';
    const outcome = crash === undefined ? 'abandoned' : 'server_crashed';
    const message = crash ?? `the task was ${status} when it was heard of last`;
    this.#endTask(
      task,
      { outcome, type: '_OTHER', message },
      { atUs: crash === undefined ? heardAtUs : atUs, seq },
    );
  }

  #asked(operation: OpenOperation, answer: Result, where: At): boolean {
    const requests = at(answer, 'result', 'inputRequests');
    const asked = askedMethods(requests, this.#session.clean);
    const ending = { ...this.#host.endingOf(operation, 'input_required', where, undefined, answer), asked };
    const state = stateOf(at(answer, 'result', 'requestState'));
    this.#cycles ??= new Cycles(this.#session.limits, this.#session.shared.waiting);
    const waits = this.#cycles.add({
      operation,
      ending,
      state,
      keys: new Set(isObject(requests) ? Object.keys(requests) : []),
      call: operation.copy && fingerprintOf(parsed(operation.copy)),
    });
    if (!waits) {
      this.#overflow(where);
      this.#host.end(operation, ending);
      return true;
    }
    this.letGo(operation);
    this.#tellAsked(operation, asked, where.atUs);
    return true;
  }

  #overflow(where: At): void {
    const detail = `${this.#session.limits.maxWaiting} calls wait for input, or for their tasks`;
    if (!this.#overflowed) this.#session.raise('tracking_overflow', where, detail);
    this.#overflowed = true;
  }

  #tellAsked({ operationId, initiator }: OpenOperation, asked: readonly string[], atUs: number): void {
    this.#session.emit({
      type: 'input_asked',
      sessionId: this.#session.id,
      atUs,
      operationId,
      initiator,
      asked,
    });
  }

  #tellGiven({ operationId, initiator }: OpenOperation, atUs: number): void {
    this.#session.emit({ type: 'input_given', sessionId: this.#session.id, atUs, operationId, initiator });
  }

  /** The operation that the request goes on with, instead of opening one: a poll of a task, or a retry with input. */
  continued(
    request: Request,
    method: string,
    where: At,
    pending: Requests,
    nextId: number,
  ): OpenOperation | undefined {
    const { params } = request;
    const task = this.#tasks?.polled(method, params.taskId, where.channel);
    if (task !== undefined) {
      task.polls += 1;
      this.#tasks?.heard(task, where.atUs, where.seq);
      return this.#reopen(task.operation, request, where, pending, { pollOf: task, method, notes: NO_NOTES });
    }
    const isRetry = params.hasInputResponses === true || params.requestState !== undefined;
    if (!isRetry || where.channel !== 'client_to_server' || method === 'tasks/update') return undefined;
    const isDoubtful = where.atUs < this.#doubtfulUntilUs;
    const asked = this.#cycles?.take(retryOf(request), isDoubtful);
    if (asked === undefined) {
      // What was lost may explain it.
      if (!isDoubtful) this.#session.raise('unlinked_retry', where, idText(request.id), nextId);
      return undefined;
    }
    const { operation, ending } = asked;
    const legs = [
      ...operation.legs,
      legOf(operation, ending, tellableId(operation.requestId, this.#session.clean)),
    ];
    this.#tellGiven(operation, where.atUs);
    return this.#reopen(operation, request, where, pending, {
      legs,
      legStartedAtUs: where.atUs,
      requestBytes: operation.requestBytes + request.sizeBytes,
      copy: this.copyOf(request, method, where),
      spanLinks: this.#retryLinks(operation, request, where),
    });
  }

  #reopen(
    operation: OpenOperation,
    request: Request,
    where: At,
    pending: Requests,
    differs: Partial<OpenOperation>,
  ): OpenOperation {
    const { progressToken } = request.params;
    const carrier = this.#links.exchange(where.exchange);
    const reopened = {
      ...operation,
      ...differs,
      requestId: request.id,
      progressToken,
      exchange: where.exchange,
      carrier,
      heardAtUs: where.atUs,
      older: undefined,
      newer: undefined,
    };
    if (!pending.open(reopened))
      this.#session.raise('request_id_reused', where, idText(request.id), operation.operationId);
    return reopened;
  }

  /** A retry may come with another context than the call: the span stays where it is, and links to that. */
  #retryLinks(operation: OpenOperation, { params }: Request, where: At): OpenOperation['spanLinks'] {
    const header = this.#links.exchange(where.exchange)?.facts;
    const { traceparent = header?.traceparent } = params;
    const link = traceparent === undefined ? undefined : otherContext({ traceparent }, operation.span);
    return link === undefined ? operation.spanLinks : [...(operation.spanLinks ?? []), link];
  }

  /** Only a request of 2026-07-28 is sent again with input, and only what is short is compared. */
  copyOf({ params, bytes, sizeBytes }: Request, method: string, { channel }: At): Uint8Array | undefined {
    const { limits, shared } = this.#session;
    const mayAsk = params.modern === true && channel === 'client_to_server' && MAY_ASK.has(method);
    if (!mayAsk || sizeBytes > limits.maxComparedBytes || shared.copies.isFull) return undefined;
    const copy = bytes?.slice();
    if (copy !== undefined) shared.copies.take();
    return copy;
  }

  letGo(operation: OpenOperation): void {
    if (operation.copy === undefined) return;
    operation.copy = undefined;
    this.#session.shared.copies.leave();
  }
}

function retryOf(request: Request): Retry {
  const { method, params } = request;
  const message = request.json();
  const responses = at(request, 'params', 'inputResponses');
  return {
    method,
    name: params.name ?? params.uri,
    state: stateOf(at(request, 'params', 'requestState')),
    keys: isObject(responses) ? Object.keys(responses) : [],
    call: fingerprintOf(message),
  };
}

function stateOf(value: unknown): string | undefined {
  return typeof value === 'string' && value.length <= MAX_STATE_CHARS ? value : undefined;
}

/** The methods of `inputRequests`, each once. */
function askedMethods(requests: unknown, clean: (text: string) => string): readonly string[] {
  const methods = Object.values(isObject(requests) ? requests : {}).flatMap((request) =>
    isObject(request) && typeof request.method === 'string' ? [clean(request.method)] : [],
  );
  return [...new Set(methods)].sort();
}

function parsed(bytes: Uint8Array): unknown {
  return JSON.parse(new TextDecoder().decode(bytes));
}
