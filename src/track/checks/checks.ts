/**
 * The rules that look at what messages say, beyond whether they can be paired: each is raised where it is certain, once for
 * each thing that it is about. It changes nothing of what the tracker tells of operations.
 */
import { eraOf } from '../../mcp/era.ts';
import type { ErrorResponse, Notification, Request, Result } from '../../mcp/message.ts';
import type { Link } from '../answers.ts';
import type { At, Links } from '../links.ts';
import type { Session } from '../session.ts';
import { cut } from '../text.ts';
import { type Asked, AskedRequests } from './asked.ts';
import { neededOfServer, undeclared } from './capabilities.ts';
import { deprecatedInRequest } from './deprecated.ts';
import { FailureChecks } from './failures.ts';
import { hungSince } from './hung.ts';
import { bodyOf, type Json, MAX_CHECKED_BYTES, memberOf } from './json.ts';
import { QuestionChecks } from './questions.ts';
import { Raised } from './raised.ts';
import { declaredBy, missingMeta } from './requiredMeta.ts';
import { ToolChecks } from './tools.ts';
import type { ValidatorOf } from './validator.ts';

const OF_TOOLS: ReadonlySet<string> = new Set(['tools/list', 'tools/call']);
/** Of a question, to know it by. */
const MAX_QUESTION_CHARS = 100;
/** How servers of Streamable HTTP say that a request has no session id; there is no code for it. */
const WANTS_SESSION_ID = /session[ -]?id/i;

export class Checks {
  readonly #session: Session;
  readonly #links: Links;
  readonly #validatorOf: ValidatorOf | undefined;
  readonly #raised: Raised;
  readonly #asked = new AskedRequests();
  /** The server's, apart: they wait for a person. */
  #elicitations: AskedRequests | undefined;
  #questionChecks: QuestionChecks | undefined;
  #tools: ToolChecks | undefined;
  #failures: FailureChecks | undefined;

  /** Without `validatorOf` nothing is checked by a schema. */
  constructor(session: Session, links: Links, validatorOf: ValidatorOf | undefined) {
    this.#session = session;
    this.#links = links;
    this.#validatorOf = validatorOf;
    this.#raised = new Raised(session);
  }

  /** `operationId`: undefined when there was no room to follow it. */
  requested(request: Request, where: At, operationId: number | undefined): void {
    if (where.channel === 'server_to_client') {
      this.#ofServer(request, where, operationId);
      return;
    }
    this.#http(request, where, operationId);
    this.#undeclared(request, where, operationId);
    const isModern = this.#isModern(request, where);
    // A large part of what checks cost: once for all of them.
    const params = isModern || OF_TOOLS.has(request.method) ? bodyOf(request) : undefined;
    const capabilities = isModern ? this.#meta(request, params, where, operationId) : undefined;
    const asked = this.#askedBy(request, params, where, operationId);
    if (operationId === undefined || (asked === undefined && capabilities === undefined)) return;
    this.#asked.set(operationId, { where, ...asked, capabilities });
  }

  /** `link`: what the answer was found to belong to. */
  answered(answer: Result | ErrorResponse, where: At, { method, operationId }: Link): void {
    if (where.channel === 'client_to_server') {
      this.#elicitations?.take(operationId);
      return;
    }
    if (answer.kind === 'error') this.#refused(answer, where, operationId);
    const asked = this.#asked.take(operationId);
    if (asked === undefined || operationId === undefined) return;
    if (answer.kind === 'error') {
      if (method === 'tools/call') this.#failed.error(asked, answer, where, operationId);
      return;
    }
    const { resultType = 'complete', isError } = answer.result;
    if (resultType === 'input_required') this.#questions.inResult(asked, answer, where, operationId);
    if (resultType !== 'complete') return;
    if (method === 'tools/list') this.#ofTools.listed(asked, answer, where, operationId);
    if (method !== 'tools/call') return;
    this.#failed.result(asked, answer, where, operationId);
    if (isError !== true) this.#ofTools.succeeded(asked, answer, where, operationId);
  }

  /** `operationId`: of the operation that it is about. */
  notified(notification: Notification, where: At, operationId: number | undefined): void {
    if (notification.method === 'notifications/tools/list_changed') this.#tools?.listChanged();
    if (notification.method !== 'notifications/cancelled') return;
    if (where.channel === 'client_to_server') {
      this.#asked.take(operationId);
      return;
    }
    const asked = this.#elicitations?.take(operationId);
    if (asked !== undefined && operationId !== undefined)
      this.#unanswered(asked, operationId, where.atUs, 'cancelled by the server');
  }

  /** Time has passed. */
  looked(atUs: number): void {
    const { maxSilenceUs } = this.#session.limits;
    for (const { initiator, method, target, firstSeq: seq, operationId } of hungSince(
      this.#links,
      atUs - maxSilenceUs,
    )) {
      const what = target === undefined ? method : `${method} ${target.name}`;
      const detail = `${what}: nothing for ${Math.round(maxSilenceUs / 1e6)} s`;
      this.#raised.once('hung_operation', what, { channel: initiator, seq, atUs }, detail, operationId);
    }
  }

  /** The session ends. To be told before its end is. */
  ended(atUs: number): void {
    // Their answers may be among copies that were lost.
    if (!this.#links.seenAll('client_to_server')) return;
    for (const [operationId, asked] of this.#elicitations?.entries() ?? [])
      this.#unanswered(asked, operationId, atUs, 'open when the session ended');
  }

  #ofServer(request: Request, where: At, operationId: number | undefined): void {
    if (this.#clientIsModern(where)) {
      this.#questions.forbidden(request, where, operationId);
      return;
    }
    const { clientCapabilities, protocolVersion } = this.#session.identity;
    this.#questions.requested(request, clientCapabilities, protocolVersion, where, operationId);
    if (request.method !== 'elicitation/create' || operationId === undefined) return;
    const message = memberOf(bodyOf(request), 'message');
    const question = typeof message === 'string' ? cut(message, MAX_QUESTION_CHARS) : undefined;
    this.#elicitations ??= new AskedRequests();
    this.#elicitations.set(operationId, { where, question });
  }

  /** Over HTTP clients of both eras may share a session that was inferred, so that only the exchange tells. */
  #clientIsModern({ exchange }: At): boolean {
    if (this.#session.transport === 'http')
      return exchange !== undefined && this.#links.on(exchange).some(({ modern }) => modern);
    const { protocolVersion } = this.#session.identity;
    return protocolVersion !== undefined && eraOf(protocolVersion) === 'modern';
  }

  /** The request is, or must be, one of 2026-07-28. */
  #isModern({ method, params }: Request, where: At): boolean {
    if (method === 'initialize') return false;
    return params.modern === true || method === 'server/discover' || this.#clientIsModern(where);
  }

  /** Gives back the capabilities that the request declares. */
  #meta(
    request: Request,
    params: Json | undefined,
    where: At,
    operationId: number | undefined,
  ): readonly string[] | undefined {
    if (request.sizeBytes > MAX_CHECKED_BYTES) return undefined;
    const missing = missingMeta(params);
    const detail = `${request.method}: ${missing.join(', ')}`;
    if (missing.length > 0)
      this.#raised.once('missing_required_meta', request.method, where, detail, operationId);
    const deprecated = deprecatedInRequest(params);
    if (deprecated.length > 0) this.#questions.deprecated(deprecated, where, operationId);
    return declaredBy(params);
  }

  #http({ method, params }: Request, where: At, operationId: number | undefined): void {
    const facts = this.#links.exchange(where.exchange)?.facts;
    if (facts?.legacySse === true) this.#questions.deprecated(['HTTP+SSE'], where, operationId);
    if (facts?.hasSessionId !== true || params.modern !== true || method === 'initialize') return;
    const detail = `${method} of 2026-07-28 with Mcp-Session-Id`;
    this.#raised.once('session_id_misuse', 'modern', where, detail, operationId);
  }

  #refused({ message = '' }: ErrorResponse, where: At, operationId: number | undefined): void {
    const exchange = this.#links.exchange(where.exchange);
    if (exchange?.status !== 400 || exchange.facts.hasSessionId === true || !WANTS_SESSION_ID.test(message))
      return;
    const detail = `status 400 to a request without Mcp-Session-Id: ${message}`;
    this.#raised.once('session_id_misuse', 'missing', where, detail, operationId);
  }

  #undeclared({ method }: Request, where: At, operationId: number | undefined): void {
    const { serverCapabilities, protocolVersion } = this.#session.identity;
    if (serverCapabilities === undefined) return;
    const era = protocolVersion === undefined ? undefined : eraOf(protocolVersion);
    const needed = neededOfServer(method, protocolVersion, era);
    const detail = undeclared(method, needed, serverCapabilities, 'server');
    if (detail !== undefined)
      this.#raised.once('undeclared_capability', `server ${needed}`, where, detail, operationId);
  }

  #askedBy(
    { method, params: { name } }: Request,
    params: Json | undefined,
    where: At,
    operationId: number | undefined,
  ): Asked | undefined {
    if (method === 'tools/list') return this.#ofTools.listRequested(params, where);
    if (method !== 'tools/call') return undefined;
    return name === undefined ? { where } : this.#ofTools.called(name, params, where, operationId);
  }

  #unanswered({ where, question }: Asked, operationId: number, atUs: number, how: string): void {
    const detail = question === undefined ? how : `${how}: ${question}`;
    this.#raised.once('unanswered_elicitation', operationId, { ...where, atUs }, detail, operationId);
  }

  get #questions(): QuestionChecks {
    this.#questionChecks ??= new QuestionChecks(this.#raised);
    return this.#questionChecks;
  }

  get #ofTools(): ToolChecks {
    this.#tools ??= new ToolChecks(
      this.#raised,
      this.#links,
      this.#session.limits.maxListed,
      this.#validatorOf,
    );
    return this.#tools;
  }

  get #failed(): FailureChecks {
    this.#failures ??= new FailureChecks(this.#raised);
    return this.#failures;
  }
}
