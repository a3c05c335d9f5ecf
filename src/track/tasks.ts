/**
 * Tasks: calls whose answer is a handle, with what is asked and told about them until they end. Of 2025-11-25, where the
 * result has a request of its own, and of the extension of 2026 (SEP-2663), where the last state holds it.
 */
import type { OperationError, TaskCourse } from '../event/event.ts';
import type { Direction } from '../wire/chunk.ts';
import { isObject } from '../mcp/canonical.ts';
import type { OpenOperation, Task, TaskEnd } from './operation.ts';
import type { Places } from './shared.ts';

/** Requests about a task, which its operation counts. */
const POLLS: ReadonlySet<string> = new Set(['tasks/get', 'tasks/result', 'tasks/update', 'tasks/cancel']);
/** States kept of one task; a server that flips more often is cut short. */
const MAX_STATES = 64;
/** A longer id is kept by nobody. */
const MAX_ID_CHARS = 1024;

/** A message about a task, as far as it tells. */
export interface TaskFacts {
  readonly taskId: string;
  readonly status: string;
  readonly message: string | undefined;
  /** `inputRequests` of an `input_required`. */
  readonly inputRequests: unknown;
  /** The last state's, in the extension of 2026. */
  readonly result: unknown;
  readonly error: unknown;
}

export class Tasks {
  readonly #max: number;
  readonly #places: Places;
  /** By whoever asked for it, who is the one that polls. The longest unheard of first. */
  readonly #byId: Readonly<Record<Direction, Map<string, Task>>> = {
    client_to_server: new Map(),
    server_to_client: new Map(),
  };

  /** `places`: of all sessions. */
  constructor(max: number, places: Places) {
    this.#max = max;
    this.#places = places;
  }

  get size(): number {
    return this.#byId.client_to_server.size + this.#byId.server_to_client.size;
  }

  get isFull(): boolean {
    return this.size >= this.#max || this.#places.isFull;
  }

  /** The operation's answer was a handle. Undefined when there is no room, or the id is that of another task. */
  open(operation: OpenOperation, facts: TaskFacts, atUs: number, seq: number): Task | undefined {
    const tasks = this.#byId[operation.initiator];
    const { taskId } = facts;
    if (this.isFull || taskId.length > MAX_ID_CHARS || tasks.has(taskId)) return undefined;
    const task: Task = {
      taskId,
      operation,
      states: [{ atUs, status: facts.status }],
      polls: 0,
      heardAtUs: atUs,
      seq,
      ended: undefined,
    };
    tasks.set(taskId, task);
    this.#places.take();
    return task;
  }

  /** The task that a request of this side is about. */
  polled(method: string, taskId: string | undefined, by: Direction): Task | undefined {
    return taskId !== undefined && POLLS.has(method) ? this.#byId[by].get(taskId) : undefined;
  }

  get(taskId: string, askedBy: Direction): Task | undefined {
    return this.#byId[askedBy].get(taskId);
  }

  /** Undefined when there is none, or more than one. */
  withToken(token: string | number, askedBy: Direction): OpenOperation | undefined {
    const found = [...this.#byId[askedBy].values()].filter(
      ({ operation }) => operation.progressToken === token,
    );
    return found.length === 1 ? found[0]?.operation : undefined;
  }

  heard(task: Task, atUs: number, seq: number): void {
    task.heardAtUs = atUs;
    task.seq = seq;
    const tasks = this.#byId[task.operation.initiator];
    if (tasks.delete(task.taskId)) tasks.set(task.taskId, task);
  }

  close(task: Task): boolean {
    const isOpen = this.#byId[task.operation.initiator].delete(task.taskId);
    if (isOpen) this.#places.leave();
    return isOpen;
  }

  /** Those that nothing was heard of since. */
  idleSince(atUs: number): readonly Task[] {
    return this.all().filter(({ heardAtUs }) => heardAtUs < atUs);
  }

  all(): readonly Task[] {
    return Object.values(this.#byId).flatMap((tasks) => [...tasks.values()]);
  }
}

export function courseOf({ states, polls }: Task): TaskCourse {
  return { states, polls };
}

/** True for a state that is not the last one seen. */
export function noteState(task: Task, status: string, atUs: number): boolean {
  if (task.states.at(-1)?.status === status) return false;
  if (task.states.length < MAX_STATES) task.states = [...task.states, { atUs, status }];
  return true;
}

/** A task's state as it stands in a handle, in the answer to tasks/get, or in a notification. */
export function taskFacts(value: unknown): TaskFacts | undefined {
  if (!isObject(value)) return undefined;
  const { taskId, status, statusMessage, inputRequests, result, error } = value;
  if (typeof taskId !== 'string' || typeof status !== 'string') return undefined;
  const message = typeof statusMessage === 'string' ? statusMessage : undefined;
  return { taskId, status, message, inputRequests, result, error };
}

/** Undefined while it goes on. */
export function endOf({ status, message, result, error }: TaskFacts): TaskEnd | undefined {
  if (status === 'cancelled') return { outcome: 'cancelled' };
  if (status === 'completed') return isObject(result) ? endOfResult(result) : { outcome: 'ok' };
  if (status !== 'failed') return undefined;
  if (!isObject(error)) return { outcome: 'protocol_error', type: '_OTHER', message };
  const { code, message: said } = error;
  const isCode = typeof code === 'number' && Number.isInteger(code);
  return {
    outcome: 'protocol_error',
    ...(isCode && { code }),
    type: isCode ? String(code) : '_OTHER',
    message: typeof said === 'string' ? said : message,
  };
}

export function endOfResult(result: Readonly<Record<string, unknown>>): TaskEnd {
  return result.isError === true ? { outcome: 'tool_error', type: 'tool_error', result } : { outcome: 'ok' };
}

export function errorOf({ code, type, message }: TaskEnd): OperationError | undefined {
  return type === undefined ? undefined : { code, type, message };
}
