/**
 * Messages in, events out: pairs requests with their answers, decides how each operation ended, and learns who speaks.
 * It never decides from a guess: what cannot be linked for sure stays unlinked and becomes a finding.
 */
import type { EndCause, FindingRule } from '../event/event.ts';
import type { ErrorResponse, Message, Notification, Request, Result } from '../mcp/message.ts';
import { methodInfo } from '../mcp/methods.ts';
import type { Channel } from '../wire/chunk.ts';
import { at } from './identity.ts';
import { DEFAULT_LIMITS, type TrackerLimits } from './limits.ts';
import { Notifications } from './notifications.ts';
import type { OpenOperation } from './operation.ts';
import { type At, Operations, OTHER } from './operations.ts';
import type { Closed } from './pending.ts';
import { ServerProcess } from './serverProcess.ts';
import { Session, type SessionOptions } from './session.ts';
import { cut, idText, oneLine } from './text.ts';

export interface TrackerOptions extends SessionOptions {
  readonly transport: 'stdio' | 'http';
  readonly limits?: Partial<TrackerLimits>;
}

/** What the record of a message's frame says of it. */
export interface Tracked {
  readonly method: string | undefined;
  readonly operationId: number | undefined;
}

const NO_LINK: Tracked = { method: undefined, operationId: undefined };

export class Tracker {
  readonly #session: Session;
  readonly #operations: Operations;
  readonly #notifications: Notifications;
  readonly #server: ServerProcess;
  #clientMessages = 0;
  #probes = 0;

  constructor(options: TrackerOptions) {
    const limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#session = new Session(options, limits);
    this.#operations = new Operations(this.#session, options, options.transport === 'stdio');
    this.#notifications = new Notifications(this.#session, this.#operations);
    this.#server = new ServerProcess(limits.maxStderrLines);
  }

  /** Takes one message; those of a batch one by one. */
  message(message: Message, where: At): Tracked {
    if (this.#session.ended) return NO_LINK;
    if (where.channel === 'client_to_server') this.#clientMessages += 1;
    const tracked = this.#track(message, where);
    this.#seen(message, where);
    return tracked;
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
    this.#operations.lost(gap.channel);
    this.#session.emit({ type: 'copies_dropped', sessionId: this.#session.id, ...gap });
  }

  /** Closes what is open and tells the session's end. After it nothing is told any more. */
  end(cause: EndCause, atUs: number): void {
    const operations = this.#operations;
    operations.closeAll(atUs, undefined);
    this.#session.end(cause, atUs, {
      exitCode: this.#server.exitCode,
      exitSignal: this.#server.exitSignal,
      probe:
        this.#probes > 0 && this.#probes === this.#clientMessages && operations.seenAll('client_to_server'),
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
        return NO_LINK;
    }
  }

  #requested(request: Request, where: At): Tracked {
    if (where.channel === 'client_to_server') {
      if (request.method === 'server/discover') this.#probes += 1;
      this.#session.identity.requested(request);
      this.#session.describe(where.atUs);
    }
    const method = this.#methodOf(request);
    const operation = this.#operations.open(request, method, where);
    return { method, operationId: operation?.operationId };
  }

  #answered(answer: Result | ErrorResponse, where: At): Tracked {
    const pending = this.#operations.pending(OTHER[where.channel]);
    const operation = answer.id === undefined ? undefined : pending.close(answer.id, 'answered');
    if (operation === undefined) return this.#strayAnswer(answer, where);
    if (answer.kind === 'error') this.#failed(operation, answer, where);
    else this.#succeeded(operation, answer, where);
    return { method: operation.method, operationId: operation.operationId };
  }

  #failed(operation: OpenOperation, answer: ErrorResponse, where: At): void {
    const { code } = answer;
    const type = code === undefined ? '_OTHER' : String(code);
    const message = this.#session.cleanOptional(answer.message);
    this.#operations.finish(operation, 'protocol_error', where, { code, type, message }, answer);
  }

  #succeeded(operation: OpenOperation, answer: Result, where: At): void {
    const { isError, resultType } = answer.result;
    if (where.channel === 'server_to_client') {
      this.#session.identity.answered(operation.method, answer);
      this.#session.describe(where.atUs);
      this.#operations.list(operation, answer, where.atUs);
    }
    if (isError === true && operation.method === 'tools/call') {
      const error = { code: undefined, type: 'tool_error', message: this.#toolMessage(answer) };
      this.#operations.finish(operation, 'tool_error', where, error, answer);
      return;
    }
    const outcome = resultType === 'input_required' ? 'input_required' : 'ok';
    this.#operations.finish(operation, outcome, where, undefined, answer);
  }

  /** An answer to nothing that is open: late, a second one, or to a request that never was. */
  #strayAnswer(answer: Result | ErrorResponse, where: At): Tracked {
    const asker = OTHER[where.channel];
    const closed = answer.id === undefined ? undefined : this.#operations.pending(asker).closed(answer.id);
    const rule = ruleOfStray(closed, this.#operations.seenAll(asker));
    if (rule !== undefined) {
      const said = answer.kind === 'error' && answer.message !== undefined ? `: ${answer.message}` : '';
      this.#session.raise(rule, where, `${idText(answer.id)}${said}`, closed?.operationId);
    }
    return { method: closed?.method, operationId: closed?.operationId };
  }

  #notified(notification: Notification, where: At): Tracked {
    const method = this.#methodOf(notification);
    return { method, operationId: this.#notifications.take(notification, where) };
  }

  /** The table's own string where there is one: it lives once, however many messages hold it. */
  #methodOf({ method }: Request | Notification): string {
    return methodInfo(method)?.method ?? this.#session.clean(method);
  }

  /** The first text of a failed tool result, which is where tools say what went wrong. */
  #toolMessage(result: Result): string | undefined {
    const content = at(result, 'result', 'content');
    const first: unknown = Array.isArray(content) ? content[0] : undefined;
    if (typeof first !== 'object' || first === null || !('text' in first)) return undefined;
    return typeof first.text === 'string' ? this.#session.clean(first.text) : undefined;
  }
}

/** Undefined where nothing is wrong, or requests that passed unseen explain it. */
function ruleOfStray(closed: Closed | undefined, seenAll: boolean): FindingRule | undefined {
  if (closed?.by === 'cancelled') {
    // A server may end a subscription by a cancel, by a result, or by both: the specification says either.
    return closed.stream ? undefined : 'late_result';
  }
  if (!seenAll) return undefined;
  return closed === undefined ? 'response_without_request' : 'duplicate_response';
}
