/**
 * Spans as the JSON of OTLP's ExportTraceServiceRequest. Written by hand because an operation's span is the dearest thing
 * that is made of it: two thirds of the CPU of the SDK's transformer, and none of its modules to load.
 */
import { toUSVString } from 'node:util';
import type { Origin } from './otlp-target.ts';
import type { Attributes, AttributeValue, Span } from './span.ts';
import { TextBuffer } from './text-buffer.ts';

/** Values of the enums in opentelemetry-proto's trace.proto. */
const KIND = { internal: 1, server: 2, client: 3 } as const;
const STATUS_ERROR = 2;
/** Sampled, and it is known whether the other end is remote. */
const FLAGS = 0x101;
const FLAG_IS_REMOTE = 0x200;

/** Encodes one request after the other; what it gave is overwritten by the next one. */
export class JsonEncoder {
  readonly #body = new TextBuffer();

  encode(spans: readonly Span[], { resource, scope }: Origin): Uint8Array {
    const body = this.#body;
    const attributes = new AttributeTexts();
    body.append(
      `{"resourceSpans":[{"resource":{"attributes":[${attributes.of(resource)}]},"scopeSpans":[{"scope":${JSON.stringify(scope)},"spans":[`,
    );
    let before = '';
    for (const span of spans) {
      body.append(`${before}${spanText(span, attributes)}`);
      before = ',';
    }
    body.append(']}]}]}');
    return body.take();
  }
}

function spanText(span: Span, attributes: AttributeTexts): string {
  const { parentSpanId, traceState, events, links, error } = span;
  const flags = parentSpanId !== undefined && span.parentIsRemote ? FLAGS | FLAG_IS_REMOTE : FLAGS;
  let rare = '';
  if (parentSpanId !== undefined) rare += `,"parentSpanId":"${parentSpanId}"`;
  if (traceState !== undefined) rare += `,"traceState":${JSON.stringify(traceState)}`;
  if (events.length > 0) {
    const each = events.map(
      ({ atUs, name, attributes: told }) =>
        `{"timeUnixNano":"${nanos(atUs)}","name":${JSON.stringify(name)},"attributes":[${attributes.of(told)}]}`,
    );
    rare += `,"events":[${each.join(',')}]`;
  }
  if (span.droppedEvents > 0) rare += `,"droppedEventsCount":${span.droppedEvents}`;
  if (links.length > 0) rare += `,"links":[${links.map(linkText).join(',')}]`;
  if (error !== undefined) {
    const message = error.message && toUSVString(error.message);
    rare += `,"status":${JSON.stringify({ message, code: STATUS_ERROR })}`;
  }
  return `{"traceId":"${span.traceId}","spanId":"${span.spanId}","flags":${flags},"name":${stringText(span.name)},"kind":${KIND[span.kind]},"startTimeUnixNano":"${nanos(span.startUs)}","endTimeUnixNano":"${nanos(span.endUs)}","attributes":[${attributes.of(span.attributes)}]${rare}}`;
}

function linkText({ traceId, spanId }: Span['links'][number]): string {
  return `{"traceId":"${traceId}","spanId":"${spanId}","flags":${FLAGS}}`;
}

/**
 * Most attributes of a span repeat those of the span before, and the ones that differ come last: what both begin with
 * is told in one piece.
 */
class AttributeTexts {
  readonly #keys: string[] = [];
  readonly #values: AttributeValue[] = [];
  /** Of the first attributes, by how many. */
  readonly #texts: string[] = [''];
  /** How many of these belong together. */
  #length = 0;

  /** Attributes, separated by commas. */
  of(attributes: Attributes): string {
    let count = 0;
    for (const key in attributes) {
      const value = attributes[key] as AttributeValue;
      if (count === this.#length || this.#keys[count] !== key || this.#values[count] !== value) {
        this.#keys[count] = key;
        this.#values[count] = value;
        const text = `{"key":${JSON.stringify(key)},"value":${valueText(value)}}`;
        this.#texts[count + 1] = count === 0 ? text : `${this.#texts[count] ?? ''},${text}`;
        this.#length = count + 1;
      }
      count += 1;
    }
    return this.#texts[count] ?? '';
  }
}

/** As a request's one-time attributes: those of its resource, and those of a data point. */
export function attributeTexts(attributes: Attributes): string {
  return new AttributeTexts().of(attributes);
}

/** Protobuf's strings are UTF-8: one lone surrogate would spoil the request for a receiver that is strict. */
export function stringText(text: string): string {
  return JSON.stringify(toUSVString(text));
}

/** 64-bit integers are strings in protobuf's JSON. */
export function valueText(value: AttributeValue): string {
  if (typeof value === 'string') return `{"stringValue":${stringText(value)}}`;
  if (typeof value === 'boolean') return `{"boolValue":${value}}`;
  return Number.isSafeInteger(value) ? `{"intValue":"${value}"}` : `{"doubleValue":${JSON.stringify(value)}}`;
}

/** As text: nanoseconds since the epoch are beyond what a number holds exactly. */
export function nanos(us: number): string {
  return `${Math.round(us)}000`;
}

type RejectedMember = 'rejectedSpans' | 'rejectedDataPoints' | 'rejectedLogRecords';

/** How many of what the request held the receiver says it did not take; 0 where it says nothing. */
export function rejectedInJson(answer: Uint8Array, member: RejectedMember): number {
  try {
    const { partialSuccess } = JSON.parse(Buffer.from(answer).toString('utf8')) as {
      partialSuccess?: Readonly<Partial<Record<RejectedMember, string | number>>>;
    };
    return Number(partialSuccess?.[member] ?? 0) || 0;
  } catch {
    return 0;
  }
}
