/** What notifications mean for the operations that they are about: a cancel ends one, progress and logs are noted in it. */
import type { Outcome } from '../event/outcome.ts';
import type { Notification, ParamFacts } from '../mcp/message.ts';
import { at } from './identity.ts';
import { addNote, type OpenOperation } from './operation.ts';
import type { Operations } from './operations.ts';
import { type At, type Links, OTHER } from './links.ts';
import type { Session } from './session.ts';
import { taskFacts } from './tasks.ts';
import { idText, jsonText, oneLine } from './text.ts';

/** How SDKs say in notifications/cancelled that their time ran out: the one trace a timeout leaves on the wire. */
const TIMED_OUT = /timed?[ -]?out/i;
/** MCP's names of log levels (RFC 5424). */
const LEVELS: ReadonlySet<string> = new Set([
  'debug',
  'info',
  'notice',
  'warning',
  'error',
  'critical',
  'alert',
  'emergency',
]);

export class Notifications {
  readonly #session: Session;
  readonly #links: Links;
  readonly #operations: Operations;

  constructor(session: Session, links: Links, operations: Operations) {
    this.#session = session;
    this.#links = links;
    this.#operations = operations;
  }

  /**
   * Gives back the number of the operation that the notification is about, if that is certain. `check` is called with it
   * before the operation ends, if it does, so that its findings come before its end.
   */
  take(
    notification: Notification,
    where: At,
    check: (operationId: number | undefined) => void,
  ): number | undefined {
    if (notification.method === 'notifications/cancelled')
      return this.#cancelled(notification.params, where, check);
    const operationId = this.#noted(notification, where);
    check(operationId);
    return operationId;
  }

  #noted(notification: Notification, where: At): number | undefined {
    switch (notification.method) {
      case 'notifications/progress':
        return this.#progressed(notification.params, where);
      case 'notifications/message':
        return this.#messaged(notification, where);
      case 'notifications/tasks':
      case 'notifications/tasks/status': {
        const facts = taskFacts(at(notification, 'params'));
        const subscription = this.#published(notification, where);
        return (facts && this.#operations.courses.taskNoted(facts, where)) ?? subscription;
      }
      default:
        return this.#published(notification, where);
    }
  }

  /** What comes on a subscription names it by the id of its request. */
  #published({ method, params }: Notification, where: At): number | undefined {
    const { subscriptionId } = params;
    if (subscriptionId === undefined || where.channel !== 'server_to_client') return undefined;
    const stream = this.#links.pending('client_to_server').get(subscriptionId, this.#links.scope(where));
    if (stream?.stream !== true) return undefined;
    if (method === 'notifications/subscriptions/acknowledged') stream.acknowledgedAtUs ??= where.atUs;
    else stream.notifications += 1;
    return stream.operationId;
  }

  /** Progress goes against the direction of the request it is about. */
  #progressed({ progressToken, progress, total }: ParamFacts, where: At): number | undefined {
    if (progressToken === undefined) return undefined;
    // The token of a call is valid until its task has ended (2025-11-25, Tasks).
    const operation =
      this.#links.withToken(progressToken, where) ??
      this.#operations.courses.taskWithToken(progressToken, where);
    if (operation === undefined) return undefined;
    operation.progressCount += 1;
    const note = {
      atUs: where.atUs,
      method: 'notifications/progress',
      ...(progress !== undefined && { progress }),
      ...(total !== undefined && { total }),
    };
    addNote(operation, note, this.#session.limits.maxNotes);
    return operation.operationId;
  }

  #messaged(notification: Notification, where: At): number | undefined {
    const { clean, limits } = this.#session;
    const { atUs } = where;
    const { level = 'info', logger } = notification.params;
    const known = LEVELS.has(level) ? level : 'info';
    const data = at(notification, 'params', 'data');
    const text = clean(typeof data === 'string' ? data : (jsonText(data) ?? 'null'));
    this.#session.log('notification', known, this.#session.cleanOptional(logger), oneLine(text), atUs);
    const only = this.#links.about(where);
    if (only !== undefined)
      addNote(only, { atUs, method: 'notifications/message', level: known }, limits.maxNotes);
    return only?.operationId;
  }

  #cancelled(
    { requestId: id, reason }: ParamFacts,
    where: At,
    check: (operationId: number | undefined) => void,
  ): number | undefined {
    const own = this.#links.pending(where.channel);
    const theirs = this.#links.pending(OTHER[where.channel]);
    const scope = this.#links.scope(where);
    // The server ends a subscription by cancelling the client's request (2026-07-28, basic/utilities/cancellation).
    const isTheirStream =
      id !== undefined && (theirs.get(id, scope) ?? theirs.closed(id, scope))?.stream === true;
    const pending = isTheirStream && own.get(id) === undefined ? theirs : own;
    const open = id === undefined ? undefined : pending.get(id, scope);
    const closed = id === undefined || open !== undefined ? undefined : pending.closed(id, scope);
    const about = (open ?? closed)?.operationId;
    check(about);
    if (id !== undefined && open !== undefined) {
      // The specification forbids to cancel initialize; its answer still comes and still counts.
      if (open.method === 'initialize') return about;
      pending.close(id, 'cancelled', open.exchange);
      this.#end(open, reason, where);
    } else if (closed === undefined && this.#links.seenAll(where.channel)) {
      // Unless it may be about a request that passed unseen.
      this.#session.raise('unknown_cancel', where, idText(id));
    }
    return about;
  }

  #end(open: OpenOperation, reason: string | undefined, where: At): void {
    if (open.stream) open.closedBy = where.channel === 'client_to_server' ? 'client' : 'server';
    const message = this.#session.cleanOptional(reason);
    const timedOut = reason !== undefined && TIMED_OUT.test(reason);
    const outcome: Outcome = open.stream ? 'ok' : timedOut ? 'timeout' : 'cancelled';
    const error = outcome === 'timeout' ? { code: undefined, type: 'timeout', message } : undefined;
    this.#operations.finish(open, outcome, where, error);
  }
}
