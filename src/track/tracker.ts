/**
 * Messages in, events out: pairs requests with their answers, decides how each operation ended, and learns who speaks.
 * It never decides from a guess: what cannot be linked for sure stays unlinked and becomes a finding.
 */
import type {
  EndCause,
  FindingRule,
  McpEvent,
  OperationError,
  SpanIdentity,
  Target,
} from '../event/event.ts';
import { isFailure, type Outcome } from '../event/outcome.ts';
import type { ErrorResponse, Id, Message, Notification, Request, Result } from '../mcp/message.ts';
import { methodInfo } from '../mcp/methods.ts';
import type { Channel, Direction } from '../wire/chunk.ts';
import { at, Identity } from './identity.ts';
import { DEFAULT_LIMITS, type TrackerLimits } from './limits.ts';
import { ListedNames } from './listed.ts';
import { type OpenOperation, Pending } from './pending.ts';
import { parseTraceparent } from './traceContext.ts';

export interface TrackerOptions {
  readonly sessionId: string;
  readonly transport: 'stdio' | 'http';
  readonly configuredName: string | undefined;
  /** What the server is called until it says its name. */
  readonly fallbackName: string;
  readonly startedAtUs: number;
  /** Hex, 32 and 16 digits. */
  readonly newTraceId: () => string;
  readonly newSpanId: () => string;
  readonly redact: (text: string) => string;
  /** Whether arguments and results of tool calls go into their events. */
  readonly captureContent?: boolean;
  readonly emit: (event: McpEvent) => void;
  readonly limits?: Partial<TrackerLimits>;
}

/** Where a message stands: its channel, the number of its frame, and when it passed. */
export interface At {
  readonly channel: Direction;
  readonly seq: number;
  readonly atUs: number;
}

/** What the record of a message's frame says of it. */
export interface Tracked {
  readonly method: string | undefined;
  readonly operationId: number | undefined;
}

const OTHER: Readonly<Record<Direction, Direction>> = {
  client_to_server: 'server_to_client',
  server_to_client: 'client_to_server',
};
/** How SDKs say in notifications/cancelled that their time ran out: the one trace a timeout leaves on the wire. */
const TIMED_OUT = /timed?[ -]?out/i;
const NO_LINK: Tracked = { method: undefined, operationId: undefined };

export class Tracker {
  readonly #options: TrackerOptions;
  readonly #sessionId: string;
  readonly #limits: TrackerLimits;
  readonly #pending: Readonly<Record<Direction, Pending>>;
  readonly #identity: Identity;
  readonly #listed: ListedNames;
  readonly #span: SpanIdentity;
  readonly #sessionSpan: { readonly traceId: string; readonly spanId: string };
  #operations = 0;
  #failed = 0;
  #findings = 0;
  #clientMessages = 0;
  #probes = 0;
  #clientClosed = false;
  #overflowed = false;
  #exit: { readonly code: number | null; readonly signal: string | null } | undefined;
  #lastStderr: string[] = [];
  #ended = false;

  constructor(options: TrackerOptions) {
    this.#options = options;
    this.#sessionId = options.sessionId;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#pending = {
      client_to_server: new Pending(this.#limits.maxClosed),
      server_to_client: new Pending(this.#limits.maxClosed),
    };
    this.#identity = new Identity(options.configuredName, options.fallbackName, (text) => this.#clean(text));
    this.#listed = new ListedNames(this.#limits.maxListed);
    this.#span = this.#root();
    this.#sessionSpan = { traceId: this.#span.traceId, spanId: this.#span.spanId };
  }

  message(message: Message, where: At): Tracked {
    const { channel, atUs } = where;
    if (channel === 'client_to_server') this.#clientMessages += 1;
    const tracked = this.#track(message, where);
    this.#emit({
      type: 'message_seen',
      sessionId: this.#sessionId,
      atUs,
      channel,
      kind: message.kind,
      sizeBytes: message.sizeBytes,
    });
    return tracked;
  }

  /** A line of stdout that is no message: text that should have gone to stderr. `detail` is redacted. */
  strayOutput({
    seq,
    atUs,
    detail,
    sizeBytes,
  }: {
    seq: number;
    atUs: number;
    detail: string;
    sizeBytes: number;
  }): void {
    const where = { channel: 'server_to_client', seq, atUs } as const;
    this.#emit({
      type: 'message_seen',
      sessionId: this.#sessionId,
      atUs,
      channel: 'server_to_client',
      kind: 'malformed',
      sizeBytes,
    });
    this.#finding('stray_stdout', where, detail);
  }

  /** A redacted line of the server's stderr. */
  stderrLine(text: string, atUs: number): void {
    const line = this.#cut(text);
    this.#lastStderr.push(line);
    if (this.#lastStderr.length > this.#limits.maxStderrLines) this.#lastStderr.shift();
    this.#emit({
      type: 'server_logged',
      sessionId: this.#sessionId,
      atUs,
      origin: 'stderr',
      level: 'info',
      logger: undefined,
      text: line,
    });
  }

  serverStarted(serverPid: number, atUs: number): void {
    this.#emit({ type: 'server_started', sessionId: this.#sessionId, atUs, serverPid });
  }

  clientClosed(_atUs: number): void {
    this.#clientClosed = true;
  }

  /** `stopped`: somebody told the server, through us, to stop. */
  serverExited(code: number | null, signal: string | null, atUs: number, stopped: boolean): void {
    const crashed = code !== 0 && !this.#clientClosed && !stopped;
    this.#exit = { code, signal };
    this.#emit({
      type: 'server_exited',
      sessionId: this.#sessionId,
      atUs,
      code,
      signal,
      crashed,
      lastStderr: this.#lastStderr,
    });
    this.#closeAll(crashed ? 'server_crashed' : 'abandoned', atUs);
  }

  gap(gap: {
    readonly channel: Channel;
    readonly atUs: number;
    readonly chunks: number;
    readonly bytes: number;
  }): void {
    this.#emit({ type: 'copies_dropped', sessionId: this.#sessionId, ...gap });
  }

  /** Closes what is open and tells the session's end. A second call does nothing. */
  end(cause: EndCause, atUs: number): void {
    if (this.#ended) return;
    this.#closeAll('abandoned', atUs);
    this.#tellIdentity(atUs);
    this.#emit({
      type: 'session_ended',
      sessionId: this.#sessionId,
      atUs,
      startedAtUs: this.#options.startedAtUs,
      cause,
      exitCode: this.#exit?.code ?? null,
      exitSignal: this.#exit?.signal ?? null,
      server: this.#identity.server,
      protocolVersion: this.#identity.protocolVersion,
      probe: this.#probes > 0 && this.#clientMessages === this.#probes,
      operations: this.#operations,
      failedOperations: this.#failed,
      findings: this.#findings,
      span: this.#span,
    });
    this.#ended = true;
  }

  #track(message: Message, where: At): Tracked {
    switch (message.kind) {
      case 'request':
        return this.#requested(message, where);
      case 'result':
      case 'error':
        return this.#answered(message, where);
      case 'notification':
        return this.#notified(message, where);
      case 'malformed':
        this.#finding('invalid_frame', where, message.reason);
        return NO_LINK;
    }
  }

  #requested(request: Request, where: At): Tracked {
    const { channel, seq, atUs } = where;
    const { params } = request;
    const info = methodInfo(request.method);
    const method = info?.method ?? this.#clean(request.method);
    if (channel === 'client_to_server') {
      if (request.method === 'server/discover') this.#probes += 1;
      this.#identity.requested(request);
      this.#tellIdentity(atUs);
    }
    const pending = this.#pending[channel];
    if (pending.size >= this.#limits.maxPending) {
      if (!this.#overflowed)
        this.#finding('tracking_overflow', where, `${this.#limits.maxPending} requests are in flight`);
      this.#overflowed = true;
      return { method, operationId: undefined };
    }
    const target = this.#targetOf(request, info?.targetKind);
    const parent = channel === 'server_to_client' ? this.#pending.client_to_server.only() : undefined;
    const operationId = this.#operations;
    const operation: OpenOperation = {
      operationId,
      initiator: channel,
      requestId: request.id,
      method,
      info,
      target,
      progressToken: params.progressToken,
      startedAtUs: atUs,
      firstSeq: seq,
      requestBytes: request.sizeBytes,
      span: this.#spanOf(request, parent, where),
      parentOperationId: parent?.operationId,
      jsonrpc: this.#cleanOptional(request.jsonrpc ?? undefined),
      stream: info?.stream === true,
      arguments: this.#content(method, request, 'params', 'arguments'),
      notes: [],
      notesDropped: 0,
      progressCount: 0,
    };
    this.#operations += 1;
    this.#emit({
      type: 'operation_started',
      sessionId: this.#sessionId,
      atUs,
      operationId,
      initiator: channel,
      method,
      target,
    });
    if (!pending.open(operation)) this.#finding('request_id_reused', where, idText(request.id), operationId);
    return { method, operationId };
  }

  #answered(answer: Result | ErrorResponse, where: At): Tracked {
    const { channel, atUs } = where;
    const pending = this.#pending[OTHER[channel]];
    const operation = answer.id === undefined ? undefined : pending.close(answer.id, 'answered');
    if (operation === undefined) return this.#strayAnswer(answer, pending, where);
    const { method } = operation;
    if (answer.kind === 'error') {
      const code = answer.code;
      const error = {
        code,
        type: code === undefined ? '_OTHER' : String(code),
        message: this.#cleanOptional(answer.message),
      };
      this.#finish(operation, 'protocol_error', where, answer.sizeBytes, error);
      return { method, operationId: operation.operationId };
    }
    if (channel === 'server_to_client') {
      this.#identity.answered(method, answer);
      this.#tellIdentity(atUs);
      this.#list(operation, answer, atUs);
    }
    const failed = answer.result.isError === true && method === 'tools/call';
    const outcome = failed
      ? 'tool_error'
      : answer.result.resultType === 'input_required'
        ? 'input_required'
        : 'ok';
    const error = failed
      ? { code: undefined, type: 'tool_error', message: this.#toolMessage(answer) }
      : undefined;
    this.#finish(operation, outcome, where, answer.sizeBytes, error, this.#content(method, answer, 'result'));
    return { method, operationId: operation.operationId };
  }

  /** A part of a tool call's message as JSON, when content was asked for. */
  #content(method: string, message: Request | Result, ...path: readonly string[]): string | undefined {
    if (this.#options.captureContent !== true || method !== 'tools/call') return undefined;
    const json = JSON.stringify(at(message, ...path)) as string | undefined;
    return json === undefined ? undefined : cut(this.#options.redact(json), this.#limits.maxContentChars);
  }

  /** An answer to nothing that is open: late, a second one, or to a request that never was. */
  #strayAnswer(answer: Result | ErrorResponse, pending: Pending, where: At): Tracked {
    const closed = answer.id === undefined ? undefined : pending.closed(answer.id);
    const rule =
      closed === undefined
        ? 'response_without_request'
        : closed.by === 'cancelled'
          ? 'late_result'
          : 'duplicate_response';
    const said = answer.kind === 'error' && answer.message !== undefined ? `: ${answer.message}` : '';
    this.#finding(rule, where, `${idText(answer.id)}${said}`, closed?.operationId);
    return { method: closed?.method, operationId: closed?.operationId };
  }

  #notified(notification: Notification, where: At): Tracked {
    const method = methodInfo(notification.method)?.method ?? this.#clean(notification.method);
    const operationId = this.#notifiedOperation(notification, method, where);
    return { method, operationId };
  }

  #notifiedOperation(notification: Notification, method: string, where: At): number | undefined {
    const { params } = notification;
    switch (notification.method) {
      case 'notifications/cancelled':
        return this.#cancelled(params.requestId, params.reason, where);
      case 'notifications/progress': {
        // Progress goes against the direction of the request it is about.
        const operation =
          params.progressToken === undefined
            ? undefined
            : this.#pending[OTHER[where.channel]].withToken(params.progressToken);
        if (operation !== undefined) operation.progressCount += 1;
        this.#note(operation, method, where, params);
        return operation?.operationId;
      }
      case 'notifications/message': {
        const level = params.level ?? 'info';
        const data = at(notification, 'params', 'data');
        const text = this.#clean(typeof data === 'string' ? data : JSON.stringify(data ?? null));
        const logger = this.#cleanOptional(params.logger);
        this.#emit({
          type: 'server_logged',
          sessionId: this.#sessionId,
          atUs: where.atUs,
          origin: 'notification',
          level,
          logger,
          text,
        });
        const only = this.#pending[OTHER[where.channel]].only();
        this.#note(only, method, where, { level });
        return only?.operationId;
      }
      default:
        return undefined;
    }
  }

  #note(
    operation: OpenOperation | undefined,
    method: string,
    { atUs }: At,
    {
      progress,
      total,
      level,
    }: { readonly progress?: number; readonly total?: number; readonly level?: string },
  ): void {
    if (operation === undefined) return;
    if (operation.notes.length >= this.#limits.maxNotes) {
      operation.notesDropped += 1;
      return;
    }
    operation.notes.push({
      atUs,
      method,
      ...(progress !== undefined && { progress }),
      ...(total !== undefined && { total }),
      ...(level !== undefined && { level }),
    });
  }

  #cancelled(id: Id | undefined, reason: string | undefined, where: At): number | undefined {
    const own = this.#pending[where.channel];
    // The server ends a subscription by cancelling the client's request (2026-07-28, basic/cancellation).
    const theirs = this.#pending[OTHER[where.channel]];
    const pending =
      id !== undefined && own.get(id) === undefined && theirs.get(id)?.stream === true ? theirs : own;
    const open = id === undefined ? undefined : pending.get(id);
    if (id === undefined || open === undefined) {
      const closed = id === undefined ? undefined : own.closed(id);
      if (closed === undefined) this.#finding('unknown_cancel', where, idText(id));
      return closed?.operationId;
    }
    // The specification forbids to cancel initialize; its answer still comes and still counts.
    if (open.method === 'initialize') return open.operationId;
    pending.close(id, 'cancelled');
    const timedOut = reason !== undefined && TIMED_OUT.test(reason);
    const outcome = open.stream ? 'ok' : timedOut ? 'timeout' : 'cancelled';
    const message = this.#cleanOptional(reason);
    this.#finish(
      open,
      outcome,
      where,
      0,
      timedOut ? { code: undefined, type: 'timeout', message } : undefined,
    );
    return open.operationId;
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
    const { startedAtUs, target } = operation;
    // A string id is the peer's text like any other; inside, ids are compared as they came.
    const requestId =
      typeof operation.requestId === 'string' ? this.#clean(operation.requestId) : operation.requestId;
    this.#emit({
      type: 'operation_finished',
      sessionId: this.#sessionId,
      atUs,
      operationId: operation.operationId,
      initiator: operation.initiator,
      method: operation.method,
      target,
      targetListed: this.#listed.has(target),
      requestId,
      startedAtUs,
      endedAtUs: atUs,
      outcome,
      error,
      legs: [{ requestId, startedAtUs, endedAtUs: atUs, outcome }],
      span: operation.span,
      sessionSpan: this.#sessionSpan,
      parentOperationId: operation.parentOperationId,
      stream: operation.stream,
      jsonrpc: operation.jsonrpc,
      protocolVersion: this.#identity.protocolVersion,
      server: this.#identity.server,
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

  #closeAll(outcome: 'server_crashed' | 'abandoned', atUs: number): void {
    for (const pending of Object.values(this.#pending)) {
      for (const operation of pending.all()) {
        pending.close(operation.requestId, 'answered');
        // A stream has no answer to wait for: it ends with its session.
        const ended = operation.stream && outcome === 'abandoned' ? 'ok' : outcome;
        const error =
          ended === 'ok' ? undefined : { code: undefined, type: '_OTHER', message: this.#endMessage(ended) };
        this.#finish(operation, ended, { seq: operation.firstSeq, atUs }, 0, error);
      }
    }
  }

  #endMessage(outcome: 'server_crashed' | 'abandoned'): string {
    if (outcome === 'abandoned') return 'no answer until the session ended';
    const how = this.#exit?.signal ?? `exit code ${String(this.#exit?.code)}`;
    const last = this.#lastStderr.at(-1);
    return this.#cut(last === undefined ? `the server died (${how})` : `the server died (${how}): ${last}`);
  }

  #targetOf({ params }: Request, kind: Target['kind'] | undefined): Target | undefined {
    const name = kind === 'resource' ? params.uri : params.name;
    if (kind === undefined || name === undefined) return undefined;
    return { kind, name: this.#clean(kind === 'resource' ? withoutSecretParts(name) : name) };
  }

  #spanOf({ params }: Request, parent: OpenOperation | undefined, where: At): SpanIdentity {
    const spanId = this.#options.newSpanId();
    if (params.traceparent !== undefined) {
      const context = parseTraceparent(params.traceparent);
      if (context !== undefined) {
        const { traceId, sampled } = context;
        return {
          traceId,
          spanId,
          parentSpanId: context.spanId,
          traceState: this.#traceState(params),
          sampled,
        };
      }
      this.#finding('malformed_trace_context', where, params.traceparent);
    }
    if (parent === undefined) return { ...this.#root(), spanId };
    const { traceId, sampled, traceState } = parent.span;
    return { traceId, spanId, parentSpanId: parent.span.spanId, traceState, sampled };
  }

  /** Passed on as it is or not at all: what redaction had to change is no list of vendors any more. */
  #traceState({ tracestate }: Request['params']): string | undefined {
    return tracestate !== undefined && this.#options.redact(tracestate) === tracestate
      ? tracestate
      : undefined;
  }

  #root(): SpanIdentity {
    const { newTraceId, newSpanId } = this.#options;
    return {
      traceId: newTraceId(),
      spanId: newSpanId(),
      parentSpanId: undefined,
      traceState: undefined,
      sampled: true,
    };
  }

  #list({ info }: OpenOperation, result: Result, atUs: number): void {
    const kind = info?.listOf;
    if (kind === undefined) return;
    const names = this.#listed.add(kind, at(result, 'result', kind), (name) => this.#clean(name));
    this.#emit({
      type: 'catalog_listed',
      sessionId: this.#sessionId,
      atUs,
      kind,
      names,
      sizeBytes: result.sizeBytes,
    });
  }

  /** The first text of a failed tool result, which is where tools say what went wrong. */
  #toolMessage(result: Result): string | undefined {
    const content = at(result, 'result', 'content');
    const first: unknown = Array.isArray(content) ? content[0] : undefined;
    if (typeof first !== 'object' || first === null || !('text' in first)) return undefined;
    return typeof first.text === 'string' ? this.#clean(first.text) : undefined;
  }

  #tellIdentity(atUs: number): void {
    const news = this.#identity.news();
    if (news !== undefined)
      this.#emit({ type: 'session_described', sessionId: this.#sessionId, atUs, ...news });
  }

  #finding(rule: FindingRule, where: At, detail: string, operationId?: number): void {
    this.#findings += 1;
    const { channel, seq, atUs } = where;
    this.#emit({
      type: 'finding_raised',
      sessionId: this.#sessionId,
      atUs,
      rule,
      channel,
      seq,
      operationId,
      detail: this.#clean(detail),
    });
  }

  #emit(event: McpEvent): void {
    if (!this.#ended) this.#options.emit(event);
  }

  #cleanOptional(text: string | undefined): string | undefined {
    return text === undefined ? undefined : this.#clean(text);
  }

  /** Redacted before it is cut: half a secret is no secret that a pattern would know. */
  #clean(text: string): string {
    return this.#cut(this.#options.redact(text));
  }

  #cut(text: string): string {
    return cut(text, this.#limits.maxTextChars);
  }
}

/** Never in the middle of a character. */
function cut(text: string, maxChars: number): string {
  return text.length > maxChars ? `${text.slice(0, maxChars).replace(/[\ud800-\udbff]$/, '')}…` : text;
}

function idText(id: Id | undefined): string {
  return `id ${id === undefined ? 'missing' : JSON.stringify(id)}`;
}

/** A URI without userinfo, query and fragment, which may hold credentials or content. */
function withoutSecretParts(uri: string): string {
  return uri.replace(/[?#][\s\S]*$/, '').replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/@]*@/i, '$1');
}
