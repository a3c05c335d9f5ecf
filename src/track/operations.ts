/**
 * The operations of a session: opens one for each request and ends it exactly once. Which one a message belongs to is for
 * others to say.
 */
import type { OperationError, OperationFinished, SpanIdentity, Target } from '../event/event.ts';
import { isFailure, type Outcome } from '../event/outcome.ts';
import type { ErrorResponse, Request, Result, TraceCarrier } from '../mcp/message.ts';
import type { ParamHeader } from '../mcp/headers.ts';
import { methodInfo } from '../mcp/methods.ts';
import type { Channel } from '../wire/chunk.ts';
import { at } from './identity.ts';
import { Definitions } from './definitions.ts';
import { ListedNames, ListedParamHeaders } from './listed.ts';
import type { At, Links } from './links.ts';
import { Courses } from './courses.ts';
import { type Ending, finished, NO_NOTES, type OpenOperation } from './operation.ts';
import type { Requests } from './pending.ts';
import type { Session } from './session.ts';
import { idText, jsonText, tellableId, withoutSecretParts } from './text.ts';
import {
  childSpan,
  otherContext,
  parseTraceparent,
  remoteChildSpan,
  rootSpan,
  type SpanIds,
} from './traceContext.ts';
import { type ExchangeEnding, isBare, unanswered } from './unanswered.ts';

const NO_LEGS: OpenOperation['legs'] = Object.freeze([]);

/** Of a stream that ended with its HTTP response. */
const CLOSED_BY: Readonly<Record<ExchangeEnding['end'], OpenOperation['closedBy']>> = {
  complete: 'server',
  client_gone: 'client',
  server_gone: 'connection',
  stopped: undefined,
};

const NOWHERE = 'its exchange ended, and no answer came on another one';
const LOST_ANSWER = 'its answer may have been among the copies that were lost';

export class Operations {
  readonly #session: Session;
  readonly #ids: SpanIds;
  readonly #sessionSpan: OperationFinished['sessionSpan'];
  readonly #links: Links;
  readonly #listed: ListedNames;
  /** As the definitions: of a session in which tools were listed. */
  #paramHeaders: ListedParamHeaders | undefined;
  #started = 0;
  #failed = 0;
  #overflowed = false;
  readonly #courses: Courses;
  #definitions: Definitions | undefined;

  constructor(session: Session, ids: SpanIds, links: Links) {
    this.#session = session;
    this.#ids = ids;
    this.#links = links;
    const { traceId, spanId } = session.span;
    this.#sessionSpan = { traceId, spanId };
    this.#listed = new ListedNames(session.limits.maxListed);
    this.#courses = new Courses(session, links, {
      end: (operation, ending) => {
        this.#end(operation, ending);
      },
      endingOf: (...how) => this.#endingOf(...how),
    });
  }

  /** What goes on after an answer. */
  get courses(): Courses {
    return this.#courses;
  }

  get started(): number {
    return this.#started;
  }

  get failed(): number {
    return this.#failed;
  }

  /** The HTTP exchange is over: what came on it and has no answer ends, unless that may still come elsewhere. */
  exchangeEnded(
    exchange: number,
    ending: ExchangeEnding,
    where: { readonly atUs: number; readonly seq: number },
  ): void {
    const left = this.#links.on(exchange);
    const carrier = this.#links.exchange(exchange);
    if (carrier !== undefined && isBare(left, carrier, ending)) {
      const detail = `status ${carrier.status ?? 0} without a JSON-RPC answer`;
      this.#session.raise(
        'http_without_json_rpc',
        { channel: 'server_to_client', ...where },
        detail,
        left[0]?.operationId,
      );
    }
    for (const operation of left) {
      const verdict = operation.carrier && unanswered(operation, operation.carrier, ending);
      if (verdict === undefined) {
        this.#answeredElsewhere(operation, where.atUs);
        continue;
      }
      const { outcome, error } = verdict;
      const by = outcome === 'cancelled' ? 'cancelled' : 'given_up';
      const closed = this.#links.pending('client_to_server').close(operation.requestId, by, exchange);
      const message = this.#session.cleanOptional(error?.message);
      if (closed === undefined) continue;
      if (closed.stream) closed.closedBy = CLOSED_BY[ending.end];
      this.finish(closed, outcome, where, error && { ...error, message });
    }
    this.#links.exchangeEnded(exchange);
    if (!ending.lost) return;
    this.lost('client_to_server', where.atUs);
    this.lost('server_to_client', where.atUs);
  }

  /** Copies of a channel were lost. What is open may have lost its answer, or not. */
  lost(channel: Channel, atUs: number): void {
    if (channel === 'stderr') return;
    this.#links.lost(channel, this.#started);
    this.#courses.lost(atUs);
  }

  /** Undefined when there is no room for one more. */
  open(request: Request, method: string, where: At): OpenOperation | undefined {
    const { channel, seq, atUs } = where;
    const pending = this.#links.pending(channel);
    if (!this.#makeRoom(pending, where)) return undefined;
    const continued = this.#courses.continued(request, method, where, pending, this.#started);
    if (continued !== undefined) return continued;
    const { params, id } = request;
    const info = methodInfo(request.method);
    const target = this.#targetOf(request, info?.targetKind);
    const parent = channel === 'server_to_client' ? this.#links.about(where) : undefined;
    const carrier = this.#links.exchange(where.exchange);
    const header = channel === 'client_to_server' ? carrier?.facts : undefined;
    const span = this.#spanOf(request, header, parent);
    const spanLinks = toldBeside(header, params.replayOfSpan, span);
    const operationId = this.#started;
    const operation: OpenOperation = {
      operationId,
      initiator: channel,
      requestId: id,
      method,
      listOf: info?.listOf,
      stream: info?.stream === true,
      target,
      wireName: params.name ?? params.uri,
      progressToken: params.progressToken,
      startedAtUs: atUs,
      legs: NO_LEGS,
      legStartedAtUs: atUs,
      copy: this.#courses.copyOf(request, method, where),
      pollOf: undefined,
      wantsTask: params.wantsTask === true,
      firstSeq: seq,
      requestBytes: request.sizeBytes,
      span,
      spanLinks,
      parentOperationId: parent?.operationId,
      jsonrpc: this.#session.cleanOptional(request.jsonrpc ?? undefined),
      arguments: this.#content(method, request, 'params', 'arguments'),
      modern: params.modern === true,
      exchange: where.exchange,
      carrier,
      heardAtUs: atUs,
      notes: NO_NOTES,
      notesDropped: 0,
      progressCount: 0,
      acknowledgedAtUs: undefined,
      notifications: 0,
      closedBy: undefined,
      older: undefined,
      newer: undefined,
    };
    this.#started += 1;
    this.#session.emit({
      type: 'operation_started',
      sessionId: this.#session.id,
      atUs,
      operationId,
      initiator: channel,
      method,
      target,
    });
    if (span.parentSpanId === undefined || header !== undefined) {
      this.#checkContext(params, where, operationId);
      this.#checkContext(header, where, operationId);
    }
    // Both stay open. The older one gets the first answer, for it was asked first; the finding tells that this is a guess
    // which the peer, who must not do this, has forced.
    if (!pending.open(operation)) this.#session.raise('request_id_reused', where, idText(id), operationId);
    return operation;
  }

  /** `operation` is out of the pending ones already; `answer` is what took it out, if an answer did. */
  finish(
    operation: OpenOperation,
    outcome: Outcome,
    where: { readonly atUs: number; readonly seq: number },
    error?: OperationError,
    answer?: Result | ErrorResponse,
  ): void {
    // What a poll is answered, or that it is not, is no end of its task.
    if (operation.pollOf === undefined)
      this.#end(operation, this.#endingOf(operation, outcome, where, error, answer));
  }

  #endingOf(
    operation: OpenOperation,
    outcome: Outcome,
    { atUs, seq }: { readonly atUs: number; readonly seq: number },
    error?: OperationError,
    answer?: Result | ErrorResponse,
  ): Ending {
    const resultBytes = answer?.sizeBytes ?? 0;
    const result = answer?.kind === 'result' ? this.#content(operation.method, answer, 'result') : undefined;
    return { atUs, seq, outcome, error, resultBytes, result };
  }

  #end(operation: OpenOperation, ending: Ending): void {
    if (isFailure(ending.outcome)) this.#failed += 1;
    this.#courses.letGo(operation);
    const { identity, id } = this.#session;
    this.#session.describe(ending.atUs);
    this.#session.emit(
      finished(operation, ending, {
        sessionId: id,
        transport: this.#session.transport,
        server: identity.server,
        protocolVersion: identity.protocolVersion,
        sessionSpan: this.#sessionSpan,
        targetListed: this.#listed.has(operation.target),
        requestId: tellableId(operation.requestId, this.#session.clean),
        sessionIdHash: identity.sessionIdHash,
      }),
    );
  }

  /** Closes what is open. `crash`: how the server died, when that is why. */
  closeAll(atUs: number, crash: string | undefined): void {
    for (const pending of this.#links.all()) {
      for (const { requestId, exchange } of pending.all())
        this.#giveUp(pending.close(requestId, 'answered', exchange), atUs, crash);
    }
    this.#courses.closeAll(atUs, crash);
  }

  /** The headers that calls of a tool repeat arguments in, as far as it was listed. */
  paramHeaders(tool: string): readonly ParamHeader[] {
    return this.#paramHeaders?.of(tool) ?? [];
  }

  /** Takes the names of a list's page. */
  list({ listOf }: OpenOperation, result: Result, where: At): void {
    if (listOf === undefined) return;
    const { clean, id } = this.#session;
    const isUri = listOf === 'resources';
    const page = at(result, 'result', listOf);
    const names = this.#listed.add(listOf, page, (name) => clean(isUri ? withoutSecretParts(name) : name));
    if (listOf === 'tools') this.#tools(page, where);
    this.#session.emit({
      type: 'catalog_listed',
      sessionId: id,
      atUs: where.atUs,
      kind: listOf,
      names,
      sizeBytes: result.sizeBytes,
    });
  }

  /** Its exchange is over, and it stays open: not for ever, where it is one of too many. */
  #answeredElsewhere(operation: OpenOperation, atUs: number): void {
    this.#session.shared.elsewhere.add(operation, () => {
      const { requestId, exchange, firstSeq: seq } = operation;
      const closed = this.#links.pending('client_to_server').close(requestId, 'given_up', exchange);
      const outcome = this.#links.mayHaveLostItsAnswer(operation) ? 'unknown' : 'abandoned';
      const error = { code: undefined, type: '_OTHER', message: NOWHERE };
      if (closed !== undefined) this.finish(closed, outcome, { atUs, seq }, error);
    });
  }

  #tools(page: unknown, where: At): void {
    const { transport, identity, host, limits, definitions } = this.#session;
    if (transport === 'http') (this.#paramHeaders ??= new ListedParamHeaders(limits.maxListed)).add(page);
    if (definitions === undefined) return;
    const server = host === undefined ? identity.server : `${identity.server} at ${host}`;
    (this.#definitions ??= new Definitions(this.#session, definitions)).listed(page, server, where);
  }

  #giveUp(operation: OpenOperation | undefined, atUs: number, crash: string | undefined): void {
    if (operation === undefined || operation.pollOf !== undefined) return;
    const where = { atUs, seq: operation.firstSeq };
    const isLost = this.#links.mayHaveLostItsAnswer(operation);
    if (operation.stream && crash === undefined) {
      // It has no answer to wait for: it ends with its session.
      this.finish(operation, 'ok', where);
      return;
    }
    const outcome = isLost ? 'unknown' : crash === undefined ? 'abandoned' : 'server_crashed';
    const message = isLost ? LOST_ANSWER : (crash ?? 'no answer until the session ended');
    this.finish(operation, outcome, where, { code: undefined, type: '_OTHER', message });
  }

  /** Where answers were lost their operations would stay for good: they are given up first, the oldest before others. */
  #makeRoom(pending: Requests, where: At): boolean {
    const { maxPending } = this.#session.limits;
    if (pending.size < maxPending) return true;
    const { oldest } = pending;
    if (oldest !== undefined && this.#links.mayHaveLostItsAnswer(oldest)) {
      this.#giveUp(pending.close(oldest.requestId, 'answered', oldest.exchange), where.atUs, undefined);
      return true;
    }
    if (!this.#overflowed)
      this.#session.raise('tracking_overflow', where, `${maxPending} requests are in flight`);
    this.#overflowed = true;
    this.#links.missed(where.channel);
    this.#courses.lost(where.atUs);
    return false;
  }

  #targetOf({ params }: Request, kind: Target['kind'] | undefined): Target | undefined {
    if (kind === undefined) return undefined;
    const name = kind === 'resource' ? params.uri : params.name;
    if (name === undefined) return undefined;
    return { kind, name: this.#session.clean(kind === 'resource' ? withoutSecretParts(name) : name) };
  }

  /** The message's own context, else its request's; a new trace where neither can be read (W3C Trace Context, 2.3). */
  #spanOf(
    { params }: Request,
    header: TraceCarrier | undefined,
    parent: OpenOperation | undefined,
  ): SpanIdentity {
    const told = this.#remote(params) ?? (header && this.#remote(header));
    if (told !== undefined) return told;
    return params.traceparent !== undefined || parent === undefined
      ? rootSpan(this.#ids)
      : childSpan(parent.span, this.#ids);
  }

  #checkContext(carrier: TraceCarrier | undefined, where: At, operationId: number): void {
    const traceparent = carrier?.traceparent;
    if (traceparent !== undefined && parseTraceparent(traceparent) === undefined)
      this.#session.raise('malformed_trace_context', where, traceparent, operationId);
  }

  #remote(carrier: TraceCarrier): SpanIdentity | undefined {
    const isTellable = (traceState: string): boolean => this.#session.clean(traceState) === traceState;
    return remoteChildSpan(carrier, isTellable, this.#ids);
  }

  /** A part of a tool call's message as JSON, when content was asked for. */
  #content(method: string, message: Request | Result, ...path: readonly string[]): string | undefined {
    const { captureContent, limits, clean } = this.#session;
    if (!captureContent || method !== 'tools/call') return undefined;
    const json = jsonText(at(message, ...path));
    return json === undefined ? undefined : clean(json, limits.maxContentChars);
  }
}

/** Contexts beside the one that a span is below: of the HTTP request, and of the request that a replay repeats. */
function toldBeside(
  header: TraceCarrier | undefined,
  repeated: string | undefined,
  span: SpanIdentity,
): OpenOperation['spanLinks'] {
  if (header === undefined && repeated === undefined) return undefined;
  const links = [
    header && otherContext(header, span),
    repeated === undefined ? undefined : otherContext({ traceparent: repeated }, span),
  ].filter((link) => link !== undefined);
  return links.length === 0 ? undefined : links;
}
