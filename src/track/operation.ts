/** One operation from its request to its end: what is known while it is open, and the event it becomes. It decides nothing. */
import type {
  Leg,
  OperationError,
  OperationFinished,
  OperationNote,
  SpanIdentity,
  Subscription,
  Target,
  TaskCourse,
} from '../event/event.ts';
import type { Outcome } from '../event/outcome.ts';
import type { Id } from '../mcp/message.ts';
import type { MethodInfo } from '../mcp/methods.ts';
import type { Direction } from '../wire/chunk.ts';
import { httpOf, type OpenExchange } from './exchanges.ts';

/** Shared by all that have none, which are nearly all. */
export const NO_NOTES: readonly OperationNote[] = Object.freeze([]);

/** An operation that is not finished. */
export interface OpenOperation {
  readonly operationId: number;
  readonly initiator: Direction;
  /** As on the wire: what its answer is found by. */
  readonly requestId: Id;
  readonly method: string;
  readonly listOf: MethodInfo['listOf'];
  readonly stream: boolean;
  readonly target: Target | undefined;
  /** The target's name or URI as on the wire. */
  readonly wireName: string | undefined;
  readonly progressToken: string | number | undefined;
  readonly startedAtUs: number;
  /** Of a call that asked for input: the legs before this one. */
  readonly legs: readonly Leg[];
  readonly legStartedAtUs: number;
  /** The request's own text, kept where its answer may ask for input. */
  copy: Uint8Array | undefined;
  /** A request about a task is no operation of its own: the number, the span and the method are the task's. */
  readonly pollOf: Task | undefined;
  /** Its requester wants a task for an answer (2025-11-25). */
  readonly wantsTask: boolean;
  readonly firstSeq: number;
  readonly requestBytes: number;
  readonly span: SpanIdentity;
  readonly spanLinks: OperationFinished['spanLinks'];
  readonly parentOperationId: number | undefined;
  readonly jsonrpc: string | undefined;
  /** Of a tool call, when content was asked for. */
  readonly arguments: string | undefined;
  /** It has the metadata of 2026-07-28. */
  readonly modern: boolean;
  /** HTTP: the exchange on which it came, and what is known of that. */
  readonly exchange: number | undefined;
  readonly carrier: OpenExchange | undefined;
  /** When its requester last heard of it: its request, progress, a log message. */
  heardAtUs: number;
  notes: readonly OperationNote[];
  notesDropped: number;
  progressCount: number;
  /** Of a stream. */
  acknowledgedAtUs: number | undefined;
  notifications: number;
  closedBy: Subscription['closedBy'];
  /** Neighbours in the list of those in flight. */
  older: OpenOperation | undefined;
  newer: OpenOperation | undefined;
}

/** How a task, or the call in it, came to its end. */
export interface TaskEnd {
  readonly outcome: Outcome;
  readonly code?: number;
  readonly type?: string;
  readonly message?: string | undefined;
  /** For `message`, where the result says it. */
  readonly result?: unknown;
}

export interface Task {
  readonly taskId: string;
  readonly operation: OpenOperation;
  states: TaskCourse['states'];
  polls: number;
  /** Of the last message about it. */
  heardAtUs: number;
  seq: number;
  /** 2025-11-25: it ended, and its result has not been fetched. */
  ended: { readonly end: TaskEnd; readonly atUs: number; readonly seq: number } | undefined;
}

/** How an operation ended. */
export interface Ending {
  readonly atUs: number;
  readonly seq: number;
  readonly outcome: Outcome;
  readonly error: OperationError | undefined;
  readonly resultBytes: number;
  /** As `arguments` of the operation. */
  readonly result: string | undefined;
  /** Of an `input_required`. */
  readonly asked?: readonly string[];
  readonly task?: TaskCourse;
}

/** What an operation's event tells of its session. */
export interface OperationContext {
  readonly sessionId: string;
  readonly transport: OperationFinished['transport'];
  readonly server: string;
  readonly protocolVersion: string | undefined;
  readonly sessionSpan: OperationFinished['sessionSpan'];
  readonly targetListed: boolean;
  /** As it may be told. */
  readonly requestId: Id;
  readonly sessionIdHash: string | undefined;
}

export function addNote(operation: OpenOperation, note: OperationNote, maxNotes: number): void {
  const { notes } = operation;
  operation.heardAtUs = note.atUs;
  if (notes.length >= maxNotes) operation.notesDropped += 1;
  else operation.notes = [...notes, note];
}

export function finished(
  operation: OpenOperation,
  ending: Ending,
  context: OperationContext,
): OperationFinished {
  const { startedAtUs } = operation;
  const { outcome, task } = ending;
  const { requestId } = context;
  // What a server left unanswered ends with its death, also when it was asked after that.
  const endedAtUs = Math.max(startedAtUs, ending.atUs);
  return {
    type: 'operation_finished',
    sessionId: context.sessionId,
    atUs: endedAtUs,
    transport: context.transport,
    operationId: operation.operationId,
    initiator: operation.initiator,
    method: operation.method,
    target: operation.target,
    targetListed: context.targetListed,
    requestId,
    startedAtUs,
    endedAtUs,
    outcome,
    error: ending.error,
    legs: [...operation.legs, legOf(operation, ending, requestId)],
    span: operation.span,
    sessionSpan: context.sessionSpan,
    parentOperationId: operation.parentOperationId,
    stream: operation.stream,
    jsonrpc: operation.jsonrpc,
    protocolVersion: context.protocolVersion,
    server: context.server,
    requestBytes: operation.requestBytes,
    resultBytes: ending.resultBytes,
    progressCount: operation.progressCount,
    ...(task !== undefined && { task }),
    ...(operation.stream && { subscription: subscriptionOf(operation) }),
    ...contentOf(operation.arguments, ending.result),
    ...(operation.spanLinks !== undefined && { spanLinks: operation.spanLinks }),
    ...(operation.carrier !== undefined && facts(operation, operation.carrier, context)),
    notes: operation.notes,
    notesDropped: operation.notesDropped,
    firstSeq: operation.firstSeq,
    lastSeq: ending.seq,
  };
}

/** `requestId`: as it may be told. */
export function legOf({ legStartedAtUs }: OpenOperation, ending: Ending, requestId: Id): Leg {
  const { outcome, asked } = ending;
  const endedAtUs = Math.max(legStartedAtUs, ending.atUs);
  return {
    requestId,
    startedAtUs: legStartedAtUs,
    endedAtUs,
    outcome,
    ...(asked !== undefined && { asked }),
  };
}

function subscriptionOf({ acknowledgedAtUs, notifications, closedBy }: OpenOperation): Subscription {
  return { acknowledgedAtUs, notifications, closedBy };
}

function contentOf(
  args: string | undefined,
  result: string | undefined,
): Pick<OperationFinished, 'content'> | undefined {
  if (args === undefined && result === undefined) return undefined;
  return {
    content: { ...(args !== undefined && { arguments: args }), ...(result !== undefined && { result }) },
  };
}

function facts(
  { modern }: OpenOperation,
  carrier: OpenExchange,
  { sessionIdHash }: OperationContext,
): Pick<OperationFinished, 'http'> {
  const hasSessionId = sessionIdHash !== undefined && !modern;
  return { http: { ...httpOf(carrier), ...(hasSessionId && { sessionIdHash }) } };
}
