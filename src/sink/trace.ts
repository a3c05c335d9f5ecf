/**
 * Traces: finished operations and ended sessions as spans, to an OTLP/HTTP receiver. One request is under way at a time;
 * a receiver that is down costs counted drops and nothing else: nothing here throws or waits for ever.
 */
import type { Config } from '../config/config.ts';
import type { EventType, McpEvent } from '../event/event.ts';
import type { Stats } from '../self/stats.ts';
import type { Trouble } from '../self/trouble.ts';
import { OtlpDelivery } from './otlp-delivery.ts';
import type { OtlpExportOptions } from './otlp-export.ts';
import { JsonEncoder, rejectedInJson } from './otlp-json.ts';
import { type Origin, ServiceOrigin } from './otlp-target.ts';
import { payloadBytes } from './queue.ts';
import type { RecordingUrl } from './recording-url.ts';
import { TailSampler } from './sampling.ts';
import type { QueueLimits, Sink } from './sink.ts';
import { operationSpans, sessionSpan, type Span, spanCount } from './span.ts';

export interface TraceSinkOptions extends OtlpExportOptions {
  readonly recordingUrl?: RecordingUrl | undefined;
}

/** A burst of 32 MB of small calls has 56,000 operations; of the usual traffic this is hours, while a receiver restarts. */
const MAX_QUEUED_EVENTS = 65_536;
/** Operations carry no payloads; a kilobyte each is ample. */
const MAX_QUEUED_BYTES = MAX_QUEUED_EVENTS * 1024;
/** The standard's own default: as soon as so many wait they are sent. */
const BATCH_EVENTS = 512;
/** Receivers limit a request's size, some to 4 MB. What waited for one answer goes with the next request, up to this. */
const MAX_REQUEST_BYTES = 3 * 1024 * 1024;
/** Of an operation's span as JSON, but for what it holds of a call's content. */
const SPAN_BYTES = 1536;
const MAX_DELAY_MS = 1000;

interface Format {
  /** What it gives may be overwritten by the next call. */
  readonly encode: (spans: readonly Span[], origin: Origin) => Uint8Array;
  readonly rejected: (answer: Uint8Array) => number;
}

interface Protocol {
  readonly contentType: string;
  readonly open: () => Promise<Format>;
}

const PROTOCOLS: Readonly<Record<Config['otlp']['protocol'], Protocol>> = {
  'http/json': {
    contentType: 'application/json',
    open: () => {
      const encoder = new JsonEncoder();
      return Promise.resolve({
        encode: (spans, origin) => encoder.encode(spans, origin),
        rejected: (answer) => rejectedInJson(answer, 'rejectedSpans'),
      });
    },
  },
  'http/protobuf': {
    contentType: 'application/x-protobuf',
    open: async () => {
      const { encodeProtobuf, rejectedInProtobuf } = await import('./otlp-protobuf.ts');
      return { encode: encodeProtobuf, rejected: rejectedInProtobuf };
    },
  },
};

/**
 * Counts `spans_created`, of which each ends in exactly one of `spans_exported`, `spans_unsampled` (its caller's wish),
 * `spans_sampled_out` (ours) and the drops of stage `traces` with reason `export_failed` or `rejected` (by the receiver).
 */
export class TraceSink implements Sink {
  readonly name = 'traces';
  readonly wants: ReadonlySet<EventType>;
  readonly queue: QueueLimits = {
    maxEvents: MAX_QUEUED_EVENTS,
    maxBytes: MAX_QUEUED_BYTES,
    maxDelayMs: MAX_DELAY_MS,
    batchEvents: BATCH_EVENTS,
  };

  readonly #stats: Stats;
  readonly #protocol: Protocol;
  readonly #delivery: OtlpDelivery;
  readonly #origin: ServiceOrigin;
  readonly #recordingUrl: RecordingUrl | undefined;
  /** Undefined: everything is kept. */
  readonly #sampler: TailSampler | undefined;
  #format: Format | undefined;
  #sending: Promise<void> = Promise.resolve();

  constructor({ target, config, self, env, recordingUrl }: TraceSinkOptions, stats: Stats, trouble: Trouble) {
    const { protocol, sampleRatio, timeoutMs } = config.otlp;
    this.#stats = stats;
    this.#protocol = PROTOCOLS[protocol];
    this.#origin = new ServiceOrigin(config, self);
    this.#recordingUrl = recordingUrl;
    this.#sampler = sampleRatio < 1 ? new TailSampler(config.otlp, stats) : undefined;
    this.wants = new Set<EventType>([
      'session_described',
      'operation_finished',
      'session_ended',
      ...(this.#sampler === undefined ? [] : (['finding_raised'] as const)),
    ]);
    this.#delivery = new OtlpDelivery(
      {
        signal: 'traces',
        target,
        contentType: this.#protocol.contentType,
        timeoutMs,
        version: self.version,
        env,
      },
      stats,
      trouble,
    );
  }

  /** Never rejects. Settles when the receiver has answered, or the batch was dropped and counted. */
  write(batch: readonly McpEvent[]): Promise<void> {
    this.#sending = this.#sending.then(() => this.#sendAll(batch));
    return this.#sending;
  }

  isAnswering(): boolean {
    return this.#delivery.isAnswering();
  }

  /** Ends any pause at once, and what is under way at the deadline; from now on the first failure is the last. */
  ending(deadlineMs: number): void {
    this.#delivery.ending(deadlineMs);
  }

  async close(deadlineMs: number): Promise<void> {
    this.ending(deadlineMs);
    await this.#sending;
    this.#delivery.close();
  }

  async #sendAll(batch: readonly McpEvent[]): Promise<void> {
    let at = 0;
    while (at < batch.length) {
      const spans: Span[] = [];
      let bytes = 0;
      for (; at < batch.length && bytes < MAX_REQUEST_BYTES; at += 1) {
        const event = batch[at] as McpEvent;
        const from = spans.length;
        this.#addSpans(event, spans);
        bytes += (spans.length - from) * SPAN_BYTES + payloadBytes(event);
      }
      this.#stats.add('spans_created', spans.length);
      if (spans.length > 0) await this.#deliver(spans);
    }
  }

  #addSpans(event: McpEvent, to: Span[]): void {
    this.#origin.see(event);
    if (event.type === 'operation_finished') {
      const isKept = this.#sampler?.keeps(event) ?? true;
      if (!event.span.sampled) this.#leaveOut('spans_unsampled', spanCount(event));
      else if (!isKept) this.#leaveOut('spans_sampled_out', spanCount(event));
      else to.push(...operationSpans(event, this.#recordingUrl));
    } else if (event.type === 'finding_raised' && event.operationId !== undefined) {
      this.#sampler?.flag(event.sessionId, event.operationId);
    } else if (event.type === 'session_ended') {
      this.#sampler?.sessionEnded(event.sessionId);
      if (event.span.sampled) to.push(sessionSpan(event, this.#recordingUrl));
      else this.#leaveOut('spans_unsampled', 1);
    }
  }

  #leaveOut(state: 'spans_unsampled' | 'spans_sampled_out', count: number): void {
    this.#stats.add('spans_created', count);
    this.#stats.add(state, count);
  }

  async #deliver(spans: readonly Span[]): Promise<void> {
    const exported = await this.#delivery.deliver({
      count: spans.length,
      encode: async () => {
        this.#format ??= await this.#protocol.open();
        return this.#format.encode(spans, this.#origin.get());
      },
      rejected: (answer) => this.#format?.rejected(answer) ?? 0,
    });
    this.#stats.add('spans_exported', exported);
  }
}
