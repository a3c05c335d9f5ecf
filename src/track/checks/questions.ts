/**
 * The checks of what servers ask of their clients, in requests of their own or, since 2026-07-28, in results. It sees what
 * was asked, never what the client made of it.
 */
import type { Request, Result } from '../../mcp/message.ts';
import type { FramePlace } from '../session.ts';
import type { Asked } from './asked.ts';
import { neededOfClient, undeclared } from './capabilities.ts';
import { type Deprecated, deprecatedInQuestion, includesContext, REPLACED_BY } from './deprecated.ts';
import { bodyOf, isObject, memberOf } from './json.ts';
import type { Raised } from './raised.ts';

/** Of one result. */
const MAX_QUESTIONS = 64;
/** Since this revision the values are called deprecated. */
const WITHOUT_INCLUDE_CONTEXT = '2025-11-25';

export class QuestionChecks {
  readonly #raised: Raised;

  constructor(raised: Raised) {
    this.#raised = raised;
  }

  /** Where the client speaks 2026-07-28. */
  forbidden({ method }: Request, where: FramePlace, operationId: number | undefined): void {
    const detail = `${method}, to a client of 2026-07-28`;
    this.#raised.once('forbidden_server_request', method, where, detail, operationId);
  }

  /** A request of an older revision. `declared`: by the client; undefined where that is not known. */
  requested(
    request: Request,
    declared: readonly string[] | undefined,
    version: string | undefined,
    where: FramePlace,
    operationId: number | undefined,
  ): void {
    this.#undeclared(request.method, declared, where, operationId);
    if (request.method === 'sampling/createMessage' && version === WITHOUT_INCLUDE_CONTEXT)
      this.deprecated(includesContext(bodyOf(request)), where, operationId);
  }

  /** An `input_required` result, with the capabilities that its request declared. */
  inResult({ capabilities }: Asked, answer: Result, where: FramePlace, operationId: number): void {
    const requests = memberOf(bodyOf(answer), 'inputRequests');
    if (!isObject(requests)) return;
    for (const request of Object.values(requests).slice(0, MAX_QUESTIONS)) {
      const method = memberOf(request, 'method');
      if (typeof method !== 'string') continue;
      this.#undeclared(method, capabilities, where, operationId);
      this.deprecated(deprecatedInQuestion(method, memberOf(request, 'params')), where, operationId);
    }
  }

  deprecated(features: readonly Deprecated[], where: FramePlace, operationId?: number): void {
    for (const feature of features)
      this.#raised.once(
        'deprecated_feature',
        feature,
        where,
        `${feature}; instead: ${REPLACED_BY[feature]}`,
        operationId,
      );
  }

  #undeclared(
    method: string,
    declared: readonly string[] | undefined,
    where: FramePlace,
    operationId?: number,
  ) {
    const needed = neededOfClient(method);
    const detail = undeclared(method, needed, declared, 'client');
    if (detail !== undefined)
      this.#raised.once('undeclared_capability', `client ${needed}`, where, detail, operationId);
  }
}
