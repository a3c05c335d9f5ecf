/**
 * What answers mean: a result or an error ends the operation that it answers, and says what came of that. One that answers
 * nothing in flight becomes a finding, unless something explains it.
 */
import type { FindingRule } from '../event/event.ts';
import type { ErrorResponse, Result } from '../mcp/message.ts';
import type { Direction } from '../wire/chunk.ts';
import { at } from './identity.ts';
import { type At, type Links, OTHER } from './links.ts';
import type { OpenOperation } from './operation.ts';
import type { Operations } from './operations.ts';
import type { Closed } from './pending.ts';
import type { Session } from './session.ts';
import { idText, toolText } from './text.ts';

/** The operation that a message belongs to. */
export interface Link {
  readonly method: string | undefined;
  readonly operationId: number | undefined;
}

export const NOT_LINKED: Link = { method: undefined, operationId: undefined };

export class Answers {
  readonly #session: Session;
  readonly #links: Links;
  readonly #operations: Operations;
  /** Of each sender, frames that were no message and may still be refused without an id. */
  readonly #unreadable: Record<Direction, number> = { client_to_server: 0, server_to_client: 0 };

  constructor(session: Session, links: Links, operations: Operations) {
    this.#session = session;
    this.#links = links;
    this.#operations = operations;
  }

  /** A frame that was no message: an error without an id may answer it (JSON-RPC 2.0, section 5). */
  unreadable({ channel }: At): void {
    this.#unreadable[channel] += 1;
  }

  /** `check` is called before the operation ends, so that its findings come before its end. */
  take(answer: Result | ErrorResponse, where: At, check: (link: Link) => void): Link {
    const operation = this.#answeredBy(answer, where);
    const link =
      operation === undefined
        ? this.#strayAnswer(answer, where)
        : { method: operation.method, operationId: operation.operationId };
    if (operation !== undefined && answer.kind === 'result') this.#learned(operation, answer, where);
    check(link);
    if (operation === undefined) return link;
    if (answer.kind === 'error') this.#failed(operation, answer, where);
    else this.#succeeded(operation, answer, where);
    return link;
  }

  /** Takes the operation out that the answer ends. */
  #answeredBy(answer: Result | ErrorResponse, where: At): OpenOperation | undefined {
    const pending = this.#links.pending(OTHER[where.channel]);
    const { id } = answer;
    const open = id === undefined ? undefined : pending.close(id, 'answered', this.#links.scope(where));
    if (open !== undefined || where.exchange === undefined || !isAnonymous(answer)) return open;
    // It rejects the request of its own exchange, which the server could not, or did not want to, read.
    const only = this.#links.about(where);
    return only && pending.close(only.requestId, 'answered', only.exchange);
  }

  #failed(operation: OpenOperation, answer: ErrorResponse, where: At): void {
    if (operation.pollOf !== undefined) {
      this.#operations.courses.pollFailed(operation, answer, where, operation.method);
      return;
    }
    const { code } = answer;
    const type = code === undefined ? '_OTHER' : String(code);
    const message = this.#session.cleanOptional(answer.message);
    this.#operations.finish(operation, 'protocol_error', where, { code, type, message }, answer);
  }

  /** What a result says beyond its operation: who the server is, and what it has. */
  #learned(operation: OpenOperation, answer: Result, where: At): void {
    if (where.channel !== 'server_to_client') return;
    this.#session.identity.answered(operation.method, answer);
    this.#session.describe(where.atUs);
    this.#operations.list(operation, answer, where);
  }

  #succeeded(operation: OpenOperation, answer: Result, where: At): void {
    const { isError } = answer.result;
    if (this.#operations.courses.goesOn(operation, answer, where)) return;
    if (isError === true && operation.method === 'tools/call') {
      const error = {
        code: undefined,
        type: 'tool_error',
        message: this.#session.cleanOptional(toolText(at(answer, 'result'))),
      };
      this.#operations.finish(operation, 'tool_error', where, error, answer);
      return;
    }
    if (operation.stream) operation.closedBy = 'server';
    this.#operations.finish(operation, 'ok', where, undefined, answer);
  }

  /** An answer to nothing that is open: late, a second one, or to a request that never was. */
  #strayAnswer(answer: Result | ErrorResponse, where: At): Link {
    // Over HTTP it answers what is no request: a GET, a notification, a body that is none.
    if (where.exchange !== undefined && isAnonymous(answer)) return NOT_LINKED;
    const asker = OTHER[where.channel];
    if (isAnonymous(answer) && this.#unreadable[asker] > 0) {
      this.#unreadable[asker] -= 1;
      return NOT_LINKED;
    }
    const scope = this.#links.scope(where);
    const closed = answer.id === undefined ? undefined : this.#links.pending(asker).closed(answer.id, scope);
    const rule = ruleOfStray(closed, this.#links.seenAll(asker));
    if (rule !== undefined) {
      const said = answer.kind === 'error' && answer.message !== undefined ? `: ${answer.message}` : '';
      this.#session.raise(rule, where, `${idText(answer.id)}${said}`, closed?.operationId);
    }
    return { method: closed?.method, operationId: closed?.operationId };
  }
}

/** An error of a server that could not tell what it answers (JSON-RPC 2.0, section 5). */
function isAnonymous({ kind, id }: Result | ErrorResponse): boolean {
  return kind === 'error' && (id === undefined || id === null);
}

/** Undefined where nothing is wrong, or requests that passed unseen explain it. */
function ruleOfStray(closed: Closed | undefined, seenAll: boolean): FindingRule | undefined {
  if (closed?.by === 'cancelled' || closed?.by === 'given_up') {
    // A server may end a subscription by a cancel, by a result, or by both: the specification says either.
    return closed.stream ? undefined : 'late_result';
  }
  if (!seenAll) return undefined;
  return closed === undefined ? 'response_without_request' : 'duplicate_response';
}
