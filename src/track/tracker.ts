/**
 * Messages in, events out: the story of one session. It hands requests and answers to its operations, learns who speaks,
 * and tells the session's start, end and whatever is neither. Time comes in with each message; it has no clock.
 */
import type { EndCause, McpEvent } from '../event/event.ts';
import type { Message, Notification, Request, Result } from '../mcp/message.ts';
import { methodInfo } from '../mcp/methods.ts';
import type { Channel } from '../wire/chunk.ts';
import { at, Identity } from './identity.ts';
import { DEFAULT_LIMITS, type TrackerLimits } from './limits.ts';
import { ListedNames } from './listed.ts';
import { Operations, OTHER, type Tracked, type Unanswered } from './operations.ts';
import { noteOn, type OpenOperation } from './pending.ts';
import { type IdSource, Spans } from './spans.ts';
import { type At, Teller } from './teller.ts';

export interface TrackerOptions extends IdSource {
  readonly sessionId: string;
  readonly configuredName: string | undefined;
  /** What the server is called until it says its name. */
  readonly fallbackName: string;
  readonly startedAtUs: number;
  readonly redact: (text: string) => string;
  /** Whether arguments and results of tool calls go into their events. */
  readonly captureContent?: boolean;
  readonly emit: (event: McpEvent) => void;
  readonly limits?: Partial<TrackerLimits>;
}

const NO_LINK: Tracked = { method: undefined, operationId: undefined };

export class Tracker {
  readonly #startedAtUs: number;
  readonly #limits: TrackerLimits;
  readonly #teller: Teller;
  readonly #spans: Spans;
  readonly #identity: Identity;
  readonly #listed: ListedNames;
  readonly #operations: Operations;
  #clientMessages = 0;
  #probes = 0;
  #clientClosed = false;
  #exit: { readonly code: number | null; readonly signal: string | null } | undefined;
  readonly #lastStderr: string[] = [];

  constructor(options: TrackerOptions) {
    const { configuredName, fallbackName, captureContent = false } = options;
    this.#startedAtUs = options.startedAtUs;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#teller = new Teller({ ...options, maxTextChars: this.#limits.maxTextChars });
    this.#spans = new Spans(options, this.#teller);
    this.#identity = new Identity(configuredName, fallbackName, (text) => this.#teller.clean(text));
    this.#listed = new ListedNames(this.#limits.maxListed);
    this.#operations = new Operations({
      teller: this.#teller,
      identity: this.#identity,
      listed: this.#listed,
      spans: this.#spans,
      limits: this.#limits,
      captureContent,
    });
  }

  /** One message; the members of a batch one by one, with the same frame number. */
  message(message: Message, where: At): Tracked {
    if (where.channel === 'client_to_server') this.#clientMessages += 1;
    const tracked = this.#track(message, where);
    this.#seen(message.kind, message.sizeBytes, where);
    return tracked;
  }

  /** A line of stdout that is no message: text that should have gone to stderr. */
  strayOutput(line: {
    readonly seq: number;
    readonly atUs: number;
    readonly detail: string;
    readonly sizeBytes: number;
  }): void {
    const where = { channel: 'server_to_client', seq: line.seq, atUs: line.atUs } as const;
    this.#seen('malformed', line.sizeBytes, where);
    this.#teller.finding('stray_stdout', where, line.detail);
  }

  /** A redacted line of the server's stderr. */
  stderrLine(line: string, atUs: number): void {
    const text = this.#teller.cut(line);
    this.#lastStderr.push(text);
    if (this.#lastStderr.length > this.#limits.maxStderrLines) this.#lastStderr.shift();
    this.#logged('stderr', 'info', undefined, text, atUs);
  }

  serverStarted(serverPid: number, atUs: number): void {
    this.#teller.tell({ type: 'server_started', sessionId: this.#teller.sessionId, atUs, serverPid });
  }

  clientClosed(): void {
    this.#clientClosed = true;
  }

  /** `stopped`: somebody told the server, through us, to stop. */
  serverExited(code: number | null, signal: string | null, atUs: number, stopped: boolean): void {
    const crashed = code !== 0 && !this.#clientClosed && !stopped;
    const { sessionId } = this.#teller;
    const lastStderr = [...this.#lastStderr];
    this.#exit = { code, signal };
    this.#teller.tell({ type: 'server_exited', sessionId, atUs, code, signal, crashed, lastStderr });
    this.#operations.closeAll(crashed ? this.#crash() : ABANDONED, atUs);
  }

  /** Copies were lost before they were decoded. */
  gap(gap: {
    readonly channel: Channel;
    readonly atUs: number;
    readonly chunks: number;
    readonly bytes: number;
  }): void {
    if (gap.channel !== 'stderr') this.#operations.lost(gap.channel, gap.atUs);
    this.#teller.tell({ type: 'copies_dropped', sessionId: this.#teller.sessionId, ...gap });
  }

  /** Closes what is open and tells the session's end. A second call does nothing. */
  end(cause: EndCause, atUs: number): void {
    if (this.#teller.ended) return;
    this.#operations.closeAll(ABANDONED, atUs);
    this.#tellIdentity(atUs);
    this.#teller.tellEnd({
      type: 'session_ended',
      sessionId: this.#teller.sessionId,
      atUs,
      startedAtUs: this.#startedAtUs,
      cause,
      exitCode: this.#exit?.code ?? null,
      exitSignal: this.#exit?.signal ?? null,
      server: this.#identity.server,
      protocolVersion: this.#identity.protocolVersion,
      probe: this.#probes > 0 && this.#clientMessages === this.#probes,
      operations: this.#operations.started,
      failedOperations: this.#operations.failed,
      findings: this.#teller.findings,
      span: this.#spans.session,
    });
  }

  #track(message: Message, where: At): Tracked {
    switch (message.kind) {
      case 'request':
        if (where.channel === 'client_to_server') this.#clientAsked(message, where.atUs);
        return this.#operations.requested(message, where);
      case 'result':
      case 'error':
        return this.#operations.answered(message, where, (asked) => {
          if (message.kind === 'result' && where.channel === 'server_to_client') {
            this.#serverSaid(message, asked, where.atUs);
          }
        });
      case 'notification': {
        const method = methodInfo(message.method)?.method ?? this.#teller.clean(message.method);
        return { method, operationId: this.#notified(message, method, where) };
      }
      case 'malformed':
        this.#teller.finding('invalid_frame', where, message.reason);
        return NO_LINK;
    }
  }

  #clientAsked(request: Request, atUs: number): void {
    if (request.method === 'server/discover') this.#probes += 1;
    this.#identity.requested(request);
    this.#tellIdentity(atUs);
  }

  #serverSaid(result: Result, { method, info }: Pick<OpenOperation, 'method' | 'info'>, atUs: number): void {
    this.#identity.answered(method, result);
    this.#tellIdentity(atUs);
    const kind = info?.listOf;
    if (kind === undefined) return;
    const names = this.#listed.add(kind, at(result, 'result', kind), (name) => this.#teller.clean(name));
    const { sessionId } = this.#teller;
    this.#teller.tell({ type: 'catalog_listed', sessionId, atUs, kind, names, sizeBytes: result.sizeBytes });
  }

  /** The operation that a notification is about, if it says so or only one can be meant. */
  #notified(notification: Notification, method: string, where: At): number | undefined {
    const { params } = notification;
    const { channel, atUs } = where;
    // Progress and log messages go against the direction of the request they are about.
    const asker = OTHER[channel];
    let operation: OpenOperation | undefined;
    switch (notification.method) {
      case 'notifications/cancelled':
        return this.#operations.cancelled(params.requestId, params.reason, where);
      case 'notifications/progress':
        operation = this.#operations.withToken(asker, params.progressToken);
        if (operation !== undefined) operation.progressCount += 1;
        break;
      case 'notifications/message': {
        const data = at(notification, 'params', 'data');
        const text = this.#teller.clean(typeof data === 'string' ? data : JSON.stringify(data ?? null));
        const level = this.#teller.clean(params.level ?? 'info');
        this.#logged('notification', level, this.#teller.cleanOptional(params.logger), text, atUs);
        operation = this.#operations.only(asker);
        break;
      }
      default:
        return undefined;
    }
    if (operation !== undefined) noteOn(operation, { atUs, method, ...facts(params) }, this.#limits.maxNotes);
    return operation?.operationId;
  }

  #seen(kind: Message['kind'], sizeBytes: number, { channel, atUs }: At): void {
    this.#teller.tell({
      type: 'message_seen',
      sessionId: this.#teller.sessionId,
      atUs,
      channel,
      kind,
      sizeBytes,
    });
  }

  #logged(
    origin: 'stderr' | 'notification',
    level: string,
    logger: string | undefined,
    text: string,
    atUs: number,
  ): void {
    this.#teller.tell({
      type: 'server_logged',
      sessionId: this.#teller.sessionId,
      atUs,
      origin,
      level,
      logger,
      text,
    });
  }

  #tellIdentity(atUs: number): void {
    const news = this.#identity.news();
    if (news === undefined) return;
    this.#teller.tell({ type: 'session_described', sessionId: this.#teller.sessionId, atUs, ...news });
  }

  #crash(): Unanswered {
    const how = this.#exit?.signal ?? `exit code ${String(this.#exit?.code)}`;
    const last = this.#lastStderr.at(-1);
    const message = last === undefined ? `the server died (${how})` : `the server died (${how}): ${last}`;
    return { outcome: 'server_crashed', message: this.#teller.cut(message) };
  }
}

const ABANDONED: Unanswered = { outcome: 'abandoned', message: 'no answer until the session ended' };

function facts({
  progress,
  total,
  level,
}: Notification['params']): Pick<Notification['params'], 'progress' | 'total' | 'level'> {
  return {
    ...(progress !== undefined && { progress }),
    ...(total !== undefined && { total }),
    ...(level !== undefined && { level }),
  };
}
