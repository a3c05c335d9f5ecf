/** One operation from its request to its end: what is known while it is open, and the event it becomes. It decides nothing. */
import type {
  OperationError,
  OperationFinished,
  OperationNote,
  SpanIdentity,
  Target,
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
  readonly progressToken: string | number | undefined;
  readonly startedAtUs: number;
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
  notes: readonly OperationNote[];
  notesDropped: number;
  progressCount: number;
  /** Neighbours in the list of those in flight. */
  older: OpenOperation | undefined;
  newer: OpenOperation | undefined;
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
  if (notes.length >= maxNotes) operation.notesDropped += 1;
  else operation.notes = [...notes, note];
}

export function finished(
  operation: OpenOperation,
  ending: Ending,
  context: OperationContext,
): OperationFinished {
  const { startedAtUs } = operation;
  const { outcome } = ending;
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
    legs: [{ requestId, startedAtUs, endedAtUs, outcome }],
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
    ...contentOf(operation.arguments, ending.result),
    ...(operation.carrier !== undefined && facts(operation, operation.carrier, context)),
    notes: operation.notes,
    notesDropped: operation.notesDropped,
    firstSeq: operation.firstSeq,
    lastSeq: ending.seq,
  };
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
  { modern, spanLinks }: OpenOperation,
  carrier: OpenExchange,
  { sessionIdHash }: OperationContext,
): Pick<OperationFinished, 'http' | 'spanLinks'> {
  const hasSessionId = sessionIdHash !== undefined && !modern;
  return {
    http: { ...httpOf(carrier), ...(hasSessionId && { sessionIdHash }) },
    ...(spanLinks !== undefined && { spanLinks }),
  };
}
