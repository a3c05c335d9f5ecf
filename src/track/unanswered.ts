/** What it means for a request that its HTTP exchange is over and no answer came on it. It decides and changes nothing. */
import type { OperationError } from '../event/event.ts';
import type { Outcome } from '../event/outcome.ts';
import type { ExchangeEnd, Failure } from '../wire/exchange.ts';
import type { OpenExchange } from './exchanges.ts';
import type { OpenOperation } from './operation.ts';

export interface ExchangeEnding {
  readonly end: ExchangeEnd;
  /** Set when the answer was Sidelight's. */
  readonly failure?: Failure | undefined;
  /** One line. */
  readonly detail?: string | undefined;
  /** Copies of the exchange were lost. */
  readonly lost: boolean;
}

export interface Verdict {
  readonly outcome: Outcome;
  readonly error?: OperationError;
}

const LOST = failed('unknown', 'its answer may have been among the copies that were lost');
const BY_END: Readonly<Record<Exclude<ExchangeEnd, 'stopped'>, Verdict>> = {
  complete: failed('abandoned', 'the response ended without an answer'),
  server_gone: failed('disconnected', "the server's connection broke before its answer was whole"),
  // 2026-07-28, Streamable HTTP, "Cancellation": to close the stream is to cancel.
  client_gone: { outcome: 'cancelled' },
};

/** Undefined: the request stays open, for its answer may still come elsewhere, or its session ends with it. */
export function unanswered(
  operation: Pick<OpenOperation, 'stream' | 'modern'>,
  exchange: Pick<OpenExchange, 'facts' | 'status' | 'resumable'>,
  { end, failure, detail, lost }: ExchangeEnding,
): Verdict | undefined {
  const { status } = exchange;
  const isRejection = status !== undefined && status >= 400;
  if (failure !== undefined || (isRejection && !lost)) {
    const message = detail ?? failure ?? `HTTP ${status} without a JSON-RPC answer`;
    const type = status === undefined ? '_OTHER' : String(status);
    return { outcome: 'http_error', error: { code: undefined, type, message } };
  }
  if (end === 'stopped') return undefined;
  if (operation.stream) return end === 'server_gone' ? BY_END.server_gone : { outcome: 'ok' };
  if (!isRejection && comesElsewhere(operation, exchange, end)) return undefined;
  return lost ? LOST : BY_END[end];
}

/**
 * The response was a success and whole, and answered none of the requests that came on its exchange. `left`: those without
 * an answer; what was cancelled is not among them, for it should have none.
 */
export function isBare(
  left: readonly Pick<OpenOperation, 'stream'>[],
  { facts, status, resumable, carried }: OpenExchange,
  { end, failure, lost }: ExchangeEnding,
): boolean {
  const isSuccess = end === 'complete' && !lost && failure === undefined && (status ?? 0) < 300;
  const isElsewhere = resumable || facts.legacySse === true;
  return isSuccess && !isElsewhere && left.length > 0 && left.length === carried && !left.some(isStream);
}

function isStream({ stream }: Pick<OpenOperation, 'stream'>): boolean {
  return stream;
}

/**
 * Up to 2025-11-25 to go away is not to cancel, a stream with event ids may be closed for the client to come back to,
 * and on the transport of 2024-11-05 (SDKs answer its POSTs with 202) all answers come on another exchange.
 */
function comesElsewhere(
  { modern }: Pick<OpenOperation, 'modern'>,
  { facts, status, resumable }: Pick<OpenExchange, 'facts' | 'status' | 'resumable'>,
  end: ExchangeEnd,
): boolean {
  return (
    !modern && (resumable || end === 'client_gone' || facts.legacySse === true || status === HTTP_ACCEPTED)
  );
}

const HTTP_ACCEPTED = 202;

function failed(outcome: Outcome, message: string): Verdict {
  return { outcome, error: { code: undefined, type: '_OTHER', message } };
}
