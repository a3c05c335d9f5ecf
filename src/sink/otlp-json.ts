/**
 * Spans as the JSON of OTLP's ExportTraceServiceRequest. Written by hand because an operation's span is the dearest thing
 * that is made of it: two thirds of the CPU of the SDK's transformer, and none of its modules to load.
 */
import type { Attributes, AttributeValue, Span } from './span.ts';

/** What all spans of a request have in common. */
export interface SpanOrigin {
  readonly resource: Attributes;
  readonly scope: { readonly name: string; readonly version: string };
}

/** Values of the enums in opentelemetry-proto's trace.proto. */
const KIND = { internal: 1, server: 2, client: 3 } as const;
const STATUS_ERROR = 2;
/** Sampled, and it is known whether the other end is remote. */
const FLAGS = 0x101;
const FLAG_IS_REMOTE = 0x200;

export function encodeJson(spans: readonly Span[], origin: SpanOrigin): Buffer {
  const attributes = attributeEncoder();
  const resource = attributes(origin.resource);
  const scope = JSON.stringify(origin.scope);
  const texts = spans.map((span) => spanText(span, attributes)).join(',');
  return Buffer.from(
    `{"resourceSpans":[{"resource":{"attributes":${resource}},"scopeSpans":[{"scope":${scope},"spans":[${texts}]}]}]}`,
    'utf8',
  );
}

type EncodeAttributes = (attributes: Attributes) => string;

function spanText(span: Span, attributes: EncodeAttributes): string {
  const { parentSpanId, traceState, events, links, error } = span;
  const flags = parentSpanId !== undefined && span.parentIsRemote ? FLAGS | FLAG_IS_REMOTE : FLAGS;
  let rare = '';
  if (parentSpanId !== undefined) rare += `,"parentSpanId":"${parentSpanId}"`;
  if (traceState !== undefined) rare += `,"traceState":${JSON.stringify(traceState)}`;
  if (events.length > 0) {
    const each = events.map(
      ({ atUs, name, attributes: told }) =>
        `{"timeUnixNano":"${nanos(atUs)}","name":${JSON.stringify(name)},"attributes":${attributes(told)}}`,
    );
    rare += `,"events":[${each.join(',')}]`;
  }
  if (span.droppedEvents > 0) rare += `,"droppedEventsCount":${span.droppedEvents}`;
  if (links.length > 0) {
    const each = links.map(
      (link) => `{"traceId":"${link.traceId}","spanId":"${link.spanId}","flags":${FLAGS}}`,
    );
    rare += `,"links":[${each.join(',')}]`;
  }
  if (error !== undefined)
    rare += `,"status":${JSON.stringify({ message: error.message, code: STATUS_ERROR })}`;
  const ids = `"traceId":"${span.traceId}","spanId":"${span.spanId}"`;
  const times = `"startTimeUnixNano":"${nanos(span.startUs)}","endTimeUnixNano":"${nanos(span.endUs)}"`;
  const name = JSON.stringify(span.name);
  return `{${ids},"flags":${flags},"name":${name},"kind":${KIND[span.kind]},${times},"attributes":${attributes(span.attributes)}${rare}}`;
}

/** Most attributes of a batch repeat the value of the span before: it is encoded once. */
function attributeEncoder(): EncodeAttributes {
  const last = new Map<string, { value: AttributeValue; text: string }>();
  return (attributes) => {
    const texts: string[] = [];
    for (const key in attributes) {
      const value = attributes[key];
      if (value === undefined) continue;
      let known = last.get(key);
      if (known?.value !== value) {
        known = { value, text: `{"key":${JSON.stringify(key)},"value":${valueText(value)}}` };
        last.set(key, known);
      }
      texts.push(known.text);
    }
    return `[${texts.join(',')}]`;
  };
}

/** 64-bit integers are strings in protobuf's JSON. */
function valueText(value: AttributeValue): string {
  if (typeof value === 'string') return `{"stringValue":${JSON.stringify(value)}}`;
  if (typeof value === 'boolean') return `{"boolValue":${value}}`;
  return Number.isSafeInteger(value) ? `{"intValue":"${value}"}` : `{"doubleValue":${JSON.stringify(value)}}`;
}

/** As text: nanoseconds since the epoch are beyond what a number holds exactly. */
function nanos(us: number): string {
  return `${Math.round(us)}000`;
}

/** How many spans of the request the receiver says it did not take; 0 where it says nothing. */
export function rejectedInJson(answer: Uint8Array): number {
  try {
    const { partialSuccess } = JSON.parse(Buffer.from(answer).toString('utf8')) as {
      partialSuccess?: { rejectedSpans?: string | number };
    };
    return Number(partialSuccess?.rejectedSpans ?? 0) || 0;
  } catch {
    return 0;
  }
}
