/** W3C Trace Context (https://www.w3.org/TR/trace-context/) as it comes in `params._meta` (SEP-414), and spans below it. */
import type { SpanIdentity } from '../event/event.ts';

/** Injected randomness: hex, 32 and 16 digits. */
export interface SpanIds {
  readonly newTraceId: () => string;
  readonly newSpanId: () => string;
}

export interface TraceParent {
  readonly traceId: string;
  readonly spanId: string;
  readonly sampled: boolean;
}

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const SAMPLED = 0x01;

/** Undefined when it is malformed. A version above 00 may carry more fields, which are passed over. */
export function parseTraceparent(text: string): TraceParent | undefined {
  const [, version, traceId = '', spanId = '', flags = '', more] = TRACEPARENT.exec(text) ?? [];
  if (version === undefined || version === 'ff' || (version === '00' && more !== undefined)) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, sampled: (parseInt(flags, 16) & SAMPLED) !== 0 };
}

export function rootSpan({ newTraceId, newSpanId }: SpanIds): SpanIdentity {
  return {
    traceId: newTraceId(),
    spanId: newSpanId(),
    parentSpanId: undefined,
    traceState: undefined,
    sampled: true,
  };
}

/** Below a span of ours. */
export function childSpan(
  { traceId, spanId, traceState, sampled }: SpanIdentity,
  ids: SpanIds,
): SpanIdentity {
  return { traceId, spanId: ids.newSpanId(), parentSpanId: spanId, traceState, sampled };
}

/** Below the span that the caller told of; undefined when what it told is malformed. */
export function remoteChildSpan(
  traceparent: string,
  traceState: string | undefined,
  ids: SpanIds,
): SpanIdentity | undefined {
  const parent = parseTraceparent(traceparent);
  if (parent === undefined) return undefined;
  const { traceId, spanId, sampled } = parent;
  return { traceId, spanId: ids.newSpanId(), parentSpanId: spanId, traceState, sampled };
}
