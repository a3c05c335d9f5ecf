/**
 * Messages in, events out: pairs requests with their answers, decides how each operation ended, and learns who speaks.
 * It never decides from a guess: what cannot be linked for sure stays unlinked and becomes a finding.
 */
import type { ParamHeader } from '../mcp/headers.ts';
import type { EndCause, FindingRule } from '../event/event.ts';
import type { ErrorResponse, Message, Notification, Request, Result } from '../mcp/message.ts';
import { methodInfo } from '../mcp/methods.ts';
import type { Channel } from '../wire/chunk.ts';
import { Answers, type Link, NOT_LINKED } from './answers.ts';
import { Checks } from './checks/checks.ts';
import type { ValidatorOf } from './checks/validator.ts';
import { type ExchangeFacts, Exchanges } from './exchanges.ts';
import type { Recognised } from './identity.ts';
import { DEFAULT_LIMITS, type TrackerLimits } from './limits.ts';
import { type At, Links } from './links.ts';
import { Notifications } from './notifications.ts';
import type { OpenOperation } from './operation.ts';
import { Operations } from './operations.ts';
import type { PropagatedIds } from './propagatedIds.ts';
import { Replays } from './replays.ts';
import { ServerProcess } from './serverProcess.ts';
import { type FramePlace, Session, type SessionOptions } from './session.ts';
import { Shared, type SharedLimits } from './shared.ts';
import { cut, oneLine } from './text.ts';
import type { ExchangeEnding } from './unanswered.ts';

export interface TrackerOptions extends SessionOptions {
  readonly transport: 'stdio' | 'http';
  readonly limits?: Partial<TrackerLimits>;
  /** With the other sessions of the process; without it the session keeps everything for itself. */
  readonly shared?: Shared;
  /** Where servers are told of our spans: which. */
  readonly propagated?: PropagatedIds | undefined;
  /** Compiles schemas of tools; without it nothing is checked by them. */
  readonly validatorOf?: ValidatorOf;
}

/** What the record of a message's frame says of it. */
export interface Tracked extends Link {
  /** It was said before and said again to a client that resumed its stream: nothing was made of it this time. */
  readonly duplicate?: boolean;
}

export class Tracker {
  readonly #session: Session;
  readonly #operations: Operations;
  readonly #links: Links;
  readonly #answers: Answers;
  readonly #notifications: Notifications;
  readonly #checks: Checks;
  readonly #server: ServerProcess;
  /** HTTP only, as the replays. */
  readonly #exchanges: Exchanges | undefined;
  readonly #replays: Replays<Tracked>;
  readonly #propagated: PropagatedIds | undefined;
  #clientMessages = 0;
  #probes = 0;
  #exchangesOverflowed = false;

  constructor(options: TrackerOptions) {
    const limits = options.limits === undefined ? DEFAULT_LIMITS : { ...DEFAULT_LIMITS, ...options.limits };
    const shared = options.shared ?? new Shared(ofOneSession(limits));
    this.#session = new Session(options, limits, shared);
    this.#exchanges = options.transport === 'http' ? new Exchanges(limits.maxExchanges) : undefined;
    this.#replays = new Replays(shared);
    this.#links = new Links(shared, this.#exchanges);
    this.#operations = new Operations(this.#session, options, this.#links);
    this.#propagated = options.propagated;
    this.#answers = new Answers(this.#session, this.#links, this.#operations);
    this.#notifications = new Notifications(this.#session, this.#links, this.#operations);
    this.#checks = new Checks(this.#session, this.#links, options.validatorOf);
    this.#server = new ServerProcess(limits.maxStderrLines);
  }

  /** Takes one message; those of a batch one by one. */
  message(message: Message, where: At): Tracked {
    if (this.#session.ended) return NOT_LINKED;
    if (where.channel === 'client_to_server') this.#clientMessages += 1;
    const tracked =
      where.eventId === undefined ? this.#track(message, where) : this.#event(message, where.eventId, where);
    this.#seen(message, where);
    return tracked;
  }

  /** HTTP: to be told before the messages of the exchange. */
  exchangeOpened(exchange: number, facts: ExchangeFacts, atUs: number): void {
    if (this.#session.ended || this.#exchanges?.add(exchange, facts) !== false || this.#exchangesOverflowed)
      return;
    this.#exchangesOverflowed = true;
    const where = { channel: 'client_to_server', seq: 0, atUs } as const;
    this.#session.raise(
      'tracking_overflow',
      where,
      `${this.#session.limits.maxExchanges} exchanges are under way`,
    );
  }

  /** The status of the response, before its messages. */
  responded(exchange: number, status: number): void {
    const open = this.#exchanges?.get(exchange);
    if (open !== undefined) open.status = status;
  }

  /** The response stream has event ids, so that a client may come back for the rest of it. Messages tell it by theirs. */
  resumable(exchange: number): void {
    const open = this.#exchanges?.get(exchange);
    if (open !== undefined) open.resumable = true;
  }

  /** The last of the exchange. `where.seq`: of the frame that an operation without an answer ends with. */
  exchangeEnded(
    exchange: number,
    ending: ExchangeEnding,
    where: { readonly atUs: number; readonly seq: number },
  ): void {
    this.#operations.exchangeEnded(exchange, ending, where);
  }

  /** Ends what nobody comes back to, and finds what hangs. To be called now and then. */
  sweep(atUs: number): void {
    if (this.#session.ended) return;
    this.#checks.looked(atUs);
    this.#operations.courses.sweep(atUs);
  }

  /** What the session's messages are known by, when that became known after its start. */
  recognised(by: Recognised, atUs: number): void {
    this.#session.identity.recognised(by);
    this.#session.describe(atUs);
  }

  /** The headers that calls of a tool repeat arguments in, as far as it was listed. */
  paramHeaders(tool: string): readonly ParamHeader[] {
    return this.#operations.paramHeaders(tool);
  }

  /** A finding of the caller's. `detail` is cleaned here. */
  raise(rule: FindingRule, where: FramePlace, detail: string, operationId?: number): void {
    if (!this.#session.ended) this.#session.raise(rule, where, detail, operationId);
  }

  /** A line of stdout that is no message: text that should have gone to stderr. `detail` is cleaned here. */
  strayOutput(stray: {
    readonly seq: number;
    readonly atUs: number;
    readonly detail: string;
    readonly sizeBytes: number;
  }): void {
    const where = { channel: 'server_to_client', seq: stray.seq, atUs: stray.atUs } as const;
    this.#seen({ kind: 'malformed', sizeBytes: stray.sizeBytes }, where);
    this.#session.raise('stray_stdout', where, stray.detail);
  }

  /** A redacted line of the server's stderr. */
  stderrLine(text: string, atUs: number): void {
    const line = cut(oneLine(text), this.#session.limits.maxTextChars);
    this.#server.said(line);
    this.#session.log('stderr', 'info', undefined, line, atUs);
  }

  serverStarted(serverPid: number, atUs: number): void {
    this.#session.emit({ type: 'server_started', sessionId: this.#session.id, atUs, serverPid });
  }

  clientClosed(atUs: number): void {
    this.#server.clientClosed(atUs);
  }

  /** `atUs`: when it exited. To be told after its last output. `stopped`: somebody told it, through us, to stop. */
  serverExited(code: number | null, signal: string | null, atUs: number, stopped: boolean): void {
    const server = this.#server;
    server.exited(code, signal, atUs, stopped);
    const { crashed, lastStderr } = server;
    this.#session.emit({
      type: 'server_exited',
      sessionId: this.#session.id,
      atUs,
      code,
      signal,
      crashed,
      lastStderr,
    });
    const obituary = cut(server.obituary, this.#session.limits.maxTextChars);
    this.#operations.closeAll(atUs, crashed ? obituary : undefined);
  }

  /** Copies of a channel were lost. What waits for an answer goes on waiting: it may have been lost or not. */
  gap(gap: {
    readonly channel: Channel;
    readonly atUs: number;
    readonly chunks: number;
    readonly bytes: number;
  }): void {
    this.#operations.lost(gap.channel, gap.atUs);
    this.#session.emit({ type: 'copies_dropped', sessionId: this.#session.id, ...gap });
  }

  /** Closes what is open and tells the session's end. After it nothing is told any more. */
  end(cause: EndCause, atUs: number): void {
    const operations = this.#operations;
    this.#checks.ended(atUs);
    operations.closeAll(atUs, undefined);
    this.#session.end(cause, atUs, {
      exitCode: this.#server.exitCode,
      exitSignal: this.#server.exitSignal,
      probe:
        this.#probes > 0 && this.#probes === this.#clientMessages && this.#links.seenAll('client_to_server'),
      operations: operations.started,
      failedOperations: operations.failed,
    });
  }

  #seen(message: Pick<Message, 'kind' | 'sizeBytes'>, { channel, atUs }: At): void {
    this.#session.emit({
      type: 'message_seen',
      sessionId: this.#session.id,
      atUs,
      channel,
      kind: message.kind,
      sizeBytes: message.sizeBytes,
    });
  }

  /** A message of a stream that can be resumed: what was said before is not said again by being sent again. */
  #event(message: Message, eventId: string, where: At): Tracked {
    const exchange = this.#exchanges?.get(where.exchange);
    if (exchange !== undefined) exchange.resumable = true;
    const before = exchange?.facts.resumes === true ? this.#replays.find(eventId, message) : undefined;
    if (before !== undefined) return { ...before, duplicate: true };
    const tracked = this.#track(message, where);
    this.#replays.remember(eventId, message, tracked);
    return tracked;
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
        this.#session.raise('invalid_frame', where, message.reason);
        this.#answers.unreadable(where);
        return NOT_LINKED;
    }
  }

  #requested(request: Request, where: At): Tracked {
    if (where.channel === 'client_to_server') {
      if (request.method === 'server/discover') this.#probes += 1;
      this.#session.identity.requested(request);
      this.#session.describe(where.atUs);
    }
    const method = this.#methodOf(request);
    const operation = this.#open(request, method, where);
    this.#checks.requested(request, where, operation?.operationId);
    return { method, operationId: operation?.operationId };
  }

  /** A server that was told of a span is told the truth: the operation's span is that one. */
  #open(request: Request, method: string, where: At): OpenOperation | undefined {
    const open = (): OpenOperation | undefined => this.#operations.open(request, method, where);
    return this.#propagated === undefined || where.channel !== 'client_to_server'
      ? open()
      : this.#propagated.open(request.id, where.exchange ?? 0, open);
  }

  #answered(answer: Result | ErrorResponse, where: At): Tracked {
    return this.#answers.take(answer, where, (link) => {
      this.#checks.answered(answer, where, link);
    });
  }

  #notified(notification: Notification, where: At): Tracked {
    const method = this.#methodOf(notification);
    const check = (operationId: number | undefined): void => {
      this.#checks.notified(notification, where, operationId);
    };
    return { method, operationId: this.#notifications.take(notification, where, check) };
  }

  /** The table's own string where there is one: it lives once, however many messages hold it. */
  #methodOf({ method }: Request | Notification): string {
    return methodInfo(method)?.method ?? this.#session.clean(method);
  }
}

/** Its own limits are all there are; what waits elsewhere is bounded as what is in flight. */
function ofOneSession({ maxClosed, maxEventIds, maxWaiting, maxPending }: TrackerLimits): SharedLimits {
  return {
    maxClosed,
    maxEventIds,
    maxWaiting: 2 * maxWaiting,
    maxCopies: maxWaiting,
    maxElsewhere: maxPending,
  };
}
