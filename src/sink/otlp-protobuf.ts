/**
 * Spans as OTLP's protobuf, by OpenTelemetry's own serialiser. The only module that names the OpenTelemetry SDK, so that
 * a move to its next line is one file; it is loaded only where http/protobuf is asked for.
 */
import { type HrTime, SpanKind, SpanStatusCode, TraceFlags } from '@opentelemetry/api';
import { TraceState } from '@opentelemetry/core';
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes, type Resource } from '@opentelemetry/resources';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import type { Origin } from './otlp-target.ts';
import type { Span } from './span.ts';

const KIND = { internal: SpanKind.INTERNAL, server: SpanKind.SERVER, client: SpanKind.CLIENT } as const;

export function encodeProtobuf(spans: readonly Span[], origin: Origin): Uint8Array {
  const resource = resourceFromAttributes(origin.resource);
  const encoded = ProtobufTraceSerializer.serializeRequest(
    spans.map((span) => readable(span, resource, origin.scope)),
  );
  if (encoded === undefined) throw new Error('the spans cannot be encoded');
  return encoded;
}

/** How many spans of the request the receiver says it did not take; 0 where it says nothing. */
export function rejectedInProtobuf(answer: Uint8Array): number {
  try {
    return ProtobufTraceSerializer.deserializeResponse(answer).partialSuccess?.rejectedSpans ?? 0;
  } catch {
    return 0;
  }
}

function readable(span: Span, resource: Resource, scope: Origin['scope']): ReadableSpan {
  const { traceId, parentSpanId, traceState, error } = span;
  const context = {
    traceId,
    spanId: span.spanId,
    traceFlags: TraceFlags.SAMPLED,
    ...(traceState !== undefined && { traceState: new TraceState(traceState) }),
  };
  return {
    name: span.name,
    kind: KIND[span.kind],
    spanContext: () => context,
    ...(parentSpanId !== undefined && {
      parentSpanContext: {
        traceId,
        spanId: parentSpanId,
        traceFlags: TraceFlags.SAMPLED,
        isRemote: span.parentIsRemote,
      },
    }),
    startTime: hrTime(span.startUs),
    endTime: hrTime(span.endUs),
    duration: hrTime(span.endUs - span.startUs),
    ended: true,
    status:
      error === undefined
        ? { code: SpanStatusCode.UNSET }
        : { code: SpanStatusCode.ERROR, ...(error.message !== undefined && { message: error.message }) },
    attributes: span.attributes,
    links: span.links.map((link) => ({ context: { ...link, traceFlags: TraceFlags.SAMPLED } })),
    events: span.events.map(({ name, atUs, attributes }) => ({ name, time: hrTime(atUs), attributes })),
    resource,
    instrumentationScope: scope,
    droppedAttributesCount: 0,
    droppedEventsCount: span.droppedEvents,
    droppedLinksCount: 0,
  };
}

function hrTime(us: number): HrTime {
  const whole = Math.round(us);
  const seconds = Math.floor(whole / 1e6);
  return [seconds, (whole - seconds * 1e6) * 1000];
}
