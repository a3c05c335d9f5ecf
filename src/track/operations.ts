/**
 * The operations of a session: opened by a request, closed by its answer, its cancel or the session's end. What cannot
 * be linked for sure stays unlinked and becomes a finding; what a gap in the copies may explain is not blamed on a peer.
 */
import type { OperationError, Target } from '../event/event.ts';
import { isFailure, type Outcome } from '../event/outcome.ts';
import type { ErrorResponse, Id, Request, Result } from '../mcp/message.ts';
import { type MethodInfo, methodInfo } from '../mcp/methods.ts';
import type { Direction } from '../wire/chunk.ts';
import { at, type Identity } from './identity.ts';
import type { TrackerLimits } from './limits.ts';
import type { ListedNames } from './listed.ts';
import { type OpenOperation, Pending } from './pending.ts';
import type { Spans } from './spans.ts';
import type { At, Teller } from './teller.ts';

export const OTHER: Readonly<Record<Direction, Direction>> = {
  client_to_server: 'server_to_client',
  server_to_client: 'client_to_server',
};
/** How SDKs say in notifications/cancelled that their time ran out: the one trace a timeout leaves on the wire. */
const TIMED_OUT = /timed?[ -]?out/i;

export interface OperationsOptions {
  readonly teller: Teller;
  readonly identity: Identity;
  readonly listed: ListedNames;
  readonly spans: Spans;
  readonly limits: TrackerLimits;
  readonly captureContent: boolean;
}

/** What the record of a message's frame says of it. */
export interface Tracked {
  readonly method: string | undefined;
  readonly operationId: number | undefined;
}

/** How the operations end that nobody answered. */
export interface Unanswered {
  readonly outcome: 'server_crashed' | 'abandoned';
  readonly message: string;
}

export class Operations {
  readonly #options: OperationsOptions;
  readonly #teller: Teller;
  readonly #pending: Readonly<Record<Direction, Pending>>;
  /** When copies of a direction were last lost; what was open then may have been answered unseen. */
  readonly #lostAtUs: Partial<Record<Direction, number>> = {};
  #overflowed = false;
  #started = 0;
  #failed = 0;

  constructor(options: OperationsOptions) {
    this.#options = options;
    this.#teller = options.teller;
    const { maxClosed } = options.limits;
    this.#pending = { client_to_server: new Pending(maxClosed), server_to_client: new Pending(maxClosed) };
  }

  get started(): number {
    return this.#started;
  }

  get failed(): number {
    return this.#failed;
  }

  requested(request: Request, where: At): Tracked {
    const { channel, seq, atUs } = where;
    const { params } = request;
    const info = methodInfo(request.method);
    const method = info?.method ?? this.#teller.clean(request.method);
    const pending = this.#pending[channel];
    if (pending.size >= this.#options.limits.maxPending) {
      if (!this.#overflowed)
        this.#teller.finding('tracking_overflow', where, `${pending.size} requests are in flight`);
      this.#overflowed = true;
      return { method, operationId: undefined };
    }
    const parent = channel === 'server_to_client' ? this.#pending.client_to_server.only() : undefined;
    const operationId = this.#started;
    this.#started += 1;
    const operation: OpenOperation = {
      operationId,
      initiator: channel,
      requestId: request.id,
      method,
      info,
      target: this.#target(request, info),
      progressToken: params.progressToken,
      startedAtUs: atUs,
      firstSeq: seq,
      requestBytes: request.sizeBytes,
      span: this.#options.spans.of(params, parent, where),
      parentOperationId: parent?.operationId,
      jsonrpc: this.#teller.cleanOptional(request.jsonrpc ?? undefined),
      stream: info?.stream === true,
      arguments: this.#content(method, request, 'params', 'arguments'),
      notes: [],
      notesDropped: 0,
      progressCount: 0,
    };
    const { sessionId } = this.#teller;
    const { target } = operation;
    this.#teller.tell({
      type: 'operation_started',
      sessionId,
      atUs,
      operationId,
      initiator: channel,
      method,
      target,
    });
    if (!pending.open(operation))
      this.#teller.finding('request_id_reused', where, idText(request.id), operationId);
    return { method, operationId };
  }

  /** Closes what the answer answers. `learn` is called before that with what was asked, so that the end tells it too. */
  answered(
    answer: Result | ErrorResponse,
    where: At,
    learn: (asked: Pick<OpenOperation, 'method' | 'info'>) => void,
  ): Tracked {
    const pending = this.#pending[OTHER[where.channel]];
    const operation = answer.id === undefined ? undefined : pending.close(answer.id, 'answered');
    if (operation === undefined) return this.#strayAnswer(answer, pending, where);
    const { method, operationId } = operation;
    learn(operation);
    const { outcome, error } =
      answer.kind === 'error' ? this.#protocolError(answer) : this.#outcomeOf(method, answer);
    const result = answer.kind === 'error' ? undefined : this.#content(method, answer, 'result');
    this.#finish(operation, outcome, where, answer.sizeBytes, error, result);
    return { method, operationId };
  }

  cancelled(id: Id | undefined, reason: string | undefined, where: At): number | undefined {
    const own = this.#pending[where.channel];
    // The server ends a subscription by cancelling the client's request (2026-07-28, basic/cancellation).
    const theirs = this.#pending[OTHER[where.channel]];
    const pending =
      id !== undefined && own.get(id) === undefined && theirs.get(id)?.stream === true ? theirs : own;
    const open = id === undefined ? undefined : pending.get(id);
    if (id === undefined || open === undefined) {
      const closed = id === undefined ? undefined : own.closed(id);
      if (closed === undefined && this.#lostAtUs[where.channel] === undefined) {
        this.#teller.finding('unknown_cancel', where, idText(id));
      }
      return closed?.operationId;
    }
    // The specification forbids to cancel initialize; its answer still comes and still counts.
    if (open.method === 'initialize') return open.operationId;
    pending.close(id, 'cancelled');
    const timedOut = reason !== undefined && TIMED_OUT.test(reason);
    const outcome = open.stream ? 'ok' : timedOut ? 'timeout' : 'cancelled';
    const message = this.#teller.cleanOptional(reason);
    this.#finish(
      open,
      outcome,
      where,
      0,
      timedOut ? { code: undefined, type: 'timeout', message } : undefined,
    );
    return open.operationId;
  }

  /** The operation with the progress token that a side gave; the side is the one that asked. */
  withToken(asker: Direction, token: string | number | undefined): OpenOperation | undefined {
    return token === undefined ? undefined : this.#pending[asker].withToken(token);
  }

  /** The one operation that this side asked for and waits for. */
  only(asker: Direction): OpenOperation | undefined {
    return this.#pending[asker].only();
  }

  /** Copies were lost: from here on a missing answer, or an answer to nothing, may be ours and not a peer's. */
  lost(channel: Direction, atUs: number): void {
    this.#lostAtUs[channel] = atUs;
  }

  closeAll({ outcome, message }: Unanswered, atUs: number): void {
    for (const pending of Object.values(this.#pending)) {
      for (const operation of pending.all()) {
        pending.close(operation.requestId, 'answered');
        const ended = this.#unanswered(operation, outcome);
        const error = isFailure(ended) ? { code: undefined, type: '_OTHER', message } : undefined;
        this.#finish(operation, ended, { seq: operation.firstSeq, atUs }, 0, error);
      }
    }
  }

  #unanswered(operation: OpenOperation, outcome: Unanswered['outcome']): Outcome {
    // A stream has no answer to wait for: it ends with its session.
    if (operation.stream && outcome === 'abandoned') return 'ok';
    const lostAtUs = this.#lostAtUs[OTHER[operation.initiator]];
    return lostAtUs !== undefined && lostAtUs >= operation.startedAtUs ? 'unknown' : outcome;
  }

  /** An answer to nothing that is open: late, a second one, or to a request that never was. */
  #strayAnswer(answer: Result | ErrorResponse, pending: Pending, where: At): Tracked {
    const closed = answer.id === undefined ? undefined : pending.closed(answer.id);
    const said = answer.kind === 'error' && answer.message !== undefined ? `: ${answer.message}` : '';
    const rule = closed === undefined ? 'response_without_request' : LATE[closed.by];
    if (closed !== undefined || this.#lostAtUs[OTHER[where.channel]] === undefined) {
      this.#teller.finding(rule, where, `${idText(answer.id)}${said}`, closed?.operationId);
    }
    return { method: closed?.method, operationId: closed?.operationId };
  }

  #protocolError({ code, message }: ErrorResponse): {
    readonly outcome: Outcome;
    readonly error: OperationError;
  } {
    const type = code === undefined ? '_OTHER' : String(code);
    return { outcome: 'protocol_error', error: { code, type, message: this.#teller.cleanOptional(message) } };
  }

  #outcomeOf(
    method: string,
    answer: Result,
  ): { readonly outcome: Outcome; readonly error: OperationError | undefined } {
    const { isError, resultType } = answer.result;
    if (isError === true && method === 'tools/call') {
      const message = this.#teller.cleanOptional(firstText(answer));
      return { outcome: 'tool_error', error: { code: undefined, type: 'tool_error', message } };
    }
    return { outcome: resultType === 'input_required' ? 'input_required' : 'ok', error: undefined };
  }

  #finish(
    operation: OpenOperation,
    outcome: Outcome,
    { seq, atUs }: { readonly seq: number; readonly atUs: number },
    resultBytes: number,
    error: OperationError | undefined,
    result?: string,
  ): void {
    if (isFailure(outcome)) this.#failed += 1;
    const { identity, listed, spans } = this.#options;
    const { startedAtUs, target, requestId: id } = operation;
    // A string id is the peer's text like any other; inside, ids are compared as they came.
    const requestId = typeof id === 'string' ? this.#teller.clean(id) : id;
    this.#teller.tell({
      type: 'operation_finished',
      sessionId: this.#teller.sessionId,
      atUs,
      operationId: operation.operationId,
      initiator: operation.initiator,
      method: operation.method,
      target,
      targetListed: listed.has(target),
      requestId,
      startedAtUs,
      endedAtUs: atUs,
      outcome,
      error,
      legs: [{ requestId, startedAtUs, endedAtUs: atUs, outcome }],
      span: operation.span,
      sessionSpan: spans.session,
      parentOperationId: operation.parentOperationId,
      stream: operation.stream,
      jsonrpc: operation.jsonrpc,
      protocolVersion: identity.protocolVersion,
      server: identity.server,
      requestBytes: operation.requestBytes,
      resultBytes,
      progressCount: operation.progressCount,
      ...(operation.arguments !== undefined && {
        content: { arguments: operation.arguments, ...(result !== undefined && { result }) },
      }),
      notes: operation.notes,
      notesDropped: operation.notesDropped,
      firstSeq: operation.firstSeq,
      lastSeq: seq,
    });
  }

  #target({ params }: Request, info: MethodInfo | undefined): Target | undefined {
    const kind = info?.targetKind;
    const name = kind === 'resource' ? params.uri : params.name;
    if (kind === undefined || name === undefined) return undefined;
    return { kind, name: this.#teller.clean(kind === 'resource' ? withoutSecretParts(name) : name) };
  }

  /** A part of a tool call's message as JSON, when content was asked for. */
  #content(method: string, message: Request | Result, ...path: readonly string[]): string | undefined {
    if (!this.#options.captureContent || method !== 'tools/call') return undefined;
    const json = JSON.stringify(at(message, ...path)) as string | undefined;
    return json === undefined
      ? undefined
      : this.#teller.cut(this.#teller.redact(json), this.#options.limits.maxContentChars);
  }
}

const LATE = { cancelled: 'late_result', answered: 'duplicate_response' } as const;

/** The first text of a failed tool result, which is where tools say what went wrong. */
function firstText(result: Result): string | undefined {
  const content = at(result, 'result', 'content');
  const first: unknown = Array.isArray(content) ? content[0] : undefined;
  if (typeof first !== 'object' || first === null || !('text' in first)) return undefined;
  return typeof first.text === 'string' ? first.text : undefined;
}

function idText(id: Id | undefined): string {
  return `id ${id === undefined ? 'missing' : JSON.stringify(id)}`;
}

/** A URI without userinfo, query and fragment, which may hold credentials or content. */
function withoutSecretParts(uri: string): string {
  return uri.replace(/[?#][\s\S]*$/, '').replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/@]*@/i, '$1');
}
