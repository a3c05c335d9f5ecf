/** How an operation ended. The words are the same in spans, metrics, logs, the store and the command line. */

export const OUTCOMES = [
  'ok',
  /** A successful response whose tool result has `isError: true`. */
  'tool_error',
  /** A JSON-RPC error response. */
  'protocol_error',
  /** The requester sent notifications/cancelled. */
  'cancelled',
  /** As cancelled, where the reason on the wire says that the requester's time ran out. */
  'timeout',
  /** A result that asks for input (2026-07-28): the answer comes back under a new request id. */
  'input_required',
  /** No answer until the session, or the HTTP response, ended. */
  'abandoned',
  /** No answer because the server process died. */
  'server_crashed',
  /** An HTTP response that rejects the request and has no JSON-RPC answer, the server's or ours in its place. */
  'http_error',
  /** The server's connection broke before its answer, or its stream, was over. */
  'disconnected',
  /** No answer was seen, but copies were lost that may have held it: the traffic knows, we do not. */
  'unknown',
] as const;

export type Outcome = (typeof OUTCOMES)[number];

/** A cancel is an outcome, not a failure; a timeout, a crash, a rejection and a call left hanging are failures. */
const FAILED: ReadonlySet<Outcome> = new Set([
  'tool_error',
  'protocol_error',
  'timeout',
  'abandoned',
  'server_crashed',
  'http_error',
  'disconnected',
]);

export function isFailure(outcome: Outcome): boolean {
  return FAILED.has(outcome);
}
