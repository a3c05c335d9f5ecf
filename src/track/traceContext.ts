/** W3C Trace Context (https://www.w3.org/TR/trace-context/) as it comes in `params._meta` (SEP-414), and spans below it. */
import type { SpanIdentity } from '../event/event.ts';
import type { TraceCarrier } from '../mcp/message.ts';

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

/**
 * Below the span that the caller told of; undefined when it told of none, or not as the standard says. Part of a trace
 * state means nothing: what `isTellable` does not let pass is, as the standard allows, not passed on at all.
 */
export function remoteChildSpan(
  { traceparent, tracestate }: TraceCarrier,
  isTellable: (traceState: string) => boolean,
  ids: SpanIds,
): SpanIdentity | undefined {
  const parent = traceparent === undefined ? undefined : parseTraceparent(traceparent);
  if (parent === undefined) return undefined;
  const { traceId, spanId, sampled } = parent;
  const traceState = tracestate !== undefined && isTellable(tracestate) ? tracestate : undefined;
  return { traceId, spanId: ids.newSpanId(), parentSpanId: spanId, traceState, sampled };
}

/** The context that a carrier tells of, where it is another than the one that the span is below. */
export function otherContext(
  { traceparent }: TraceCarrier,
  span: SpanIdentity,
): Pick<TraceParent, 'traceId' | 'spanId'> | undefined {
  const told = traceparent === undefined ? undefined : parseTraceparent(traceparent);
  if (told === undefined || (told.traceId === span.traceId && told.spanId === span.parentSpanId))
    return undefined;
  return { traceId: told.traceId, spanId: told.spanId };
}
