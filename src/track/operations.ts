/**
 * The operations of a session: opens one for each request, finds it again for whatever belongs to it, and closes it
 * exactly once. It never links on a guess.
 */
import type { OperationError, OperationFinished, SpanIdentity, Target } from '../event/event.ts';
import { isFailure, type Outcome } from '../event/outcome.ts';
import type { ErrorResponse, Id, Request, Result } from '../mcp/message.ts';
import { methodInfo } from '../mcp/methods.ts';
import type { Channel, Direction } from '../wire/chunk.ts';
import { at } from './identity.ts';
import { ListedNames } from './listed.ts';
import { finished, NO_NOTES, type OpenOperation } from './operation.ts';
import { Pending } from './pending.ts';
import type { Session } from './session.ts';
import { idText, jsonText, withoutSecretParts } from './text.ts';
import { childSpan, remoteChildSpan, rootSpan, type SpanIds } from './traceContext.ts';

/** Where a message stands: its channel, the number of its frame, and when it passed. */
export interface At {
  readonly channel: Direction;
  readonly seq: number;
  readonly atUs: number;
}

export const OTHER: Readonly<Record<Direction, Direction>> = {
  client_to_server: 'server_to_client',
  server_to_client: 'client_to_server',
};

const LOST_ANSWER = 'its answer may have been among the copies that were lost';

export class Operations {
  readonly #session: Session;
  readonly #ids: SpanIds;
  readonly #sessionSpan: OperationFinished['sessionSpan'];
  /** On a pipe a request of the server's can only be for what the client asked last; on HTTP the exchange tells. */
  readonly #nests: boolean;
  readonly #pending: Readonly<Record<Direction, Pending>>;
  readonly #listed: ListedNames;
  /** False once requests of that direction have passed unseen. What depends on having seen all of them is not told then. */
  readonly #seenAll: Record<Direction, boolean> = { client_to_server: true, server_to_client: true };
  /** Of each direction, operations below this number may have lost their answer. */
  readonly #doubtful: Record<Direction, number> = { client_to_server: 0, server_to_client: 0 };
  #started = 0;
  #failed = 0;
  #overflowed = false;

  constructor(session: Session, ids: SpanIds, nests: boolean) {
    this.#session = session;
    this.#ids = ids;
    this.#nests = nests;
    const { traceId, spanId } = session.span;
    this.#sessionSpan = { traceId, spanId };
    const { maxClosed, maxListed } = session.limits;
    this.#pending = { client_to_server: new Pending(maxClosed), server_to_client: new Pending(maxClosed) };
    this.#listed = new ListedNames(maxListed);
  }

  get started(): number {
    return this.#started;
  }

  get failed(): number {
    return this.#failed;
  }

  pending(initiator: Direction): Pending {
    return this.#pending[initiator];
  }

  seenAll(initiator: Direction): boolean {
    return this.#seenAll[initiator];
  }

  /** The one operation that whatever comes now must belong to; undefined when that is not certain. */
  only(initiator: Direction): OpenOperation | undefined {
    const only = this.#seenAll[initiator] ? this.#pending[initiator].only : undefined;
    return only === undefined || this.#mayHaveLostItsAnswer(only) ? undefined : only;
  }

  /** Copies of a channel were lost: requests of its sender, and answers to the other side. */
  lost(channel: Channel): void {
    if (channel === 'stderr') return;
    this.#seenAll[channel] = false;
    this.#doubtful[OTHER[channel]] = this.#started;
  }

  /** Undefined when there is no room for one more. */
  open(request: Request, method: string, where: At): OpenOperation | undefined {
    const { channel, seq, atUs } = where;
    const pending = this.#pending[channel];
    if (!this.#makeRoom(pending, where)) return undefined;
    const { params, id } = request;
    const info = methodInfo(request.method);
    const target = this.#targetOf(request, info?.targetKind);
    const parent = channel === 'server_to_client' && this.#nests ? this.only('client_to_server') : undefined;
    const span = this.#spanOf(request, parent);
    const operationId = this.#started;
    const operation: OpenOperation = {
      operationId,
      initiator: channel,
      requestId: id,
      method,
      listOf: info?.listOf,
      stream: info?.stream === true,
      target,
      progressToken: params.progressToken,
      startedAtUs: atUs,
      firstSeq: seq,
      requestBytes: request.sizeBytes,
      span,
      parentOperationId: parent?.operationId,
      jsonrpc: this.#session.cleanOptional(request.jsonrpc ?? undefined),
      arguments: this.#content(method, request, 'params', 'arguments'),
      notes: NO_NOTES,
      notesDropped: 0,
      progressCount: 0,
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
    if (params.traceparent !== undefined && span.parentSpanId === undefined)
      this.#session.raise('malformed_trace_context', where, params.traceparent, operationId);
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
    if (isFailure(outcome)) this.#failed += 1;
    const { identity, id } = this.#session;
    const resultBytes = answer?.sizeBytes ?? 0;
    const result = answer?.kind === 'result' ? this.#content(operation.method, answer, 'result') : undefined;
    this.#session.describe(where.atUs);
    this.#session.emit(
      finished(
        operation,
        { atUs: where.atUs, seq: where.seq, outcome, error, resultBytes, result },
        {
          sessionId: id,
          server: identity.server,
          protocolVersion: identity.protocolVersion,
          sessionSpan: this.#sessionSpan,
          targetListed: this.#listed.has(operation.target),
          requestId: this.#tellable(operation.requestId),
        },
      ),
    );
  }

  /** Closes what is open. `crash`: how the server died, when that is why. */
  closeAll(atUs: number, crash: string | undefined): void {
    for (const pending of Object.values(this.#pending)) {
      for (const { requestId } of pending.all())
        this.#giveUp(pending.close(requestId, 'answered'), atUs, crash);
    }
  }

  /** Takes the names of a list's page. */
  list({ listOf }: OpenOperation, result: Result, atUs: number): void {
    if (listOf === undefined) return;
    const { clean, id } = this.#session;
    const isUri = listOf === 'resources';
    const names = this.#listed.add(listOf, at(result, 'result', listOf), (name) =>
      clean(isUri ? withoutSecretParts(name) : name),
    );
    this.#session.emit({
      type: 'catalog_listed',
      sessionId: id,
      atUs,
      kind: listOf,
      names,
      sizeBytes: result.sizeBytes,
    });
  }

  #giveUp(operation: OpenOperation | undefined, atUs: number, crash: string | undefined): void {
    if (operation === undefined) return;
    const where = { atUs, seq: operation.firstSeq };
    const isLost = this.#mayHaveLostItsAnswer(operation);
    if (operation.stream && crash === undefined) {
      // It has no answer to wait for: it ends with its session.
      this.finish(operation, 'ok', where);
      return;
    }
    const outcome = isLost ? 'unknown' : crash === undefined ? 'abandoned' : 'server_crashed';
    const message = isLost ? LOST_ANSWER : (crash ?? 'no answer until the session ended');
    this.finish(operation, outcome, where, { code: undefined, type: '_OTHER', message });
  }

  #mayHaveLostItsAnswer(operation: OpenOperation): boolean {
    return operation.operationId < this.#doubtful[operation.initiator];
  }

  /** Where answers were lost their operations would stay for good: they are given up first, the oldest before others. */
  #makeRoom(pending: Pending, where: At): boolean {
    const { maxPending } = this.#session.limits;
    if (pending.size < maxPending) return true;
    const { oldest } = pending;
    if (oldest !== undefined && this.#mayHaveLostItsAnswer(oldest)) {
      this.#giveUp(pending.close(oldest.requestId, 'answered'), where.atUs, undefined);
      return true;
    }
    if (!this.#overflowed)
      this.#session.raise('tracking_overflow', where, `${maxPending} requests are in flight`);
    this.#overflowed = true;
    this.#seenAll[where.channel] = false;
    return false;
  }

  #targetOf({ params }: Request, kind: Target['kind'] | undefined): Target | undefined {
    if (kind === undefined) return undefined;
    const name = kind === 'resource' ? params.uri : params.name;
    if (name === undefined) return undefined;
    return { kind, name: this.#session.clean(kind === 'resource' ? withoutSecretParts(name) : name) };
  }

  /** A new trace begins where the caller's context cannot be read (W3C Trace Context, 2.3). */
  #spanOf({ params }: Request, parent: OpenOperation | undefined): SpanIdentity {
    const { traceparent, tracestate } = params;
    if (traceparent === undefined)
      return parent === undefined ? rootSpan(this.#ids) : childSpan(parent.span, this.#ids);
    // Part of a trace state means nothing: it is passed on as it came or, as the standard allows, not at all.
    const isTellable = tracestate !== undefined && this.#session.clean(tracestate) === tracestate;
    return (
      remoteChildSpan(traceparent, isTellable ? tracestate : undefined, this.#ids) ?? rootSpan(this.#ids)
    );
  }

  /** A part of a tool call's message as JSON, when content was asked for. */
  #content(method: string, message: Request | Result, ...path: readonly string[]): string | undefined {
    const { captureContent, limits, clean } = this.#session;
    if (!captureContent || method !== 'tools/call') return undefined;
    const json = jsonText(at(message, ...path));
    return json === undefined ? undefined : clean(json, limits.maxContentChars);
  }

  #tellable(id: Id): Id {
    return typeof id === 'string' ? this.#session.clean(id) : id;
  }
}
