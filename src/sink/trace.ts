/**
 * Traces: finished operations and ended sessions as spans, to an OTLP/HTTP receiver. One request is under way at a time;
 * a receiver that is down, slow or refusing costs counted drops and nothing else: nothing here throws or waits for ever.
 */
import type { Config } from '../config/config.ts';
import { ATTRIBUTE } from '../event/attributes.ts';
import type { EventType, McpEvent } from '../event/event.ts';
import type { Stats } from '../self/stats.ts';
import type { Trouble } from '../self/trouble.ts';
import { ExportError, OtlpHttp } from './otlp-http.ts';
import { JsonEncoder, rejectedInJson, type SpanOrigin } from './otlp-json.ts';
import { payloadBytes } from './queue.ts';
import type { QueueLimits, Sink } from './sink.ts';
import { operationSpans, sessionSpan, type Span, spanCount } from './span.ts';

export interface TraceSinkOptions {
  /** Where traces go: see `tracesUrl`. */
  readonly url: string;
  readonly config: Pick<Config, 'otlp' | 'serviceName' | 'resourceAttributes'>;
  /** Sidelight's own process. `instanceId` differs between any two processes. */
  readonly self: {
    readonly pid: number;
    readonly hostname: string;
    readonly version: string;
    readonly instanceId: string;
  };
  /** For the standard variables about TLS files and compression. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The URL that the configuration asks for; undefined: no traces are wanted. */
export function tracesUrl({ endpoint, tracesEndpoint }: Config['otlp']): string | undefined {
  if (tracesEndpoint !== undefined || endpoint === undefined) return tracesEndpoint;
  return `${endpoint.replace(/\/+$/, '')}/v1/traces`;
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
/** After a failed attempt: the first pause, doubled each time up to the longest. */
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;

interface Format {
  readonly contentType: string;
  /** What it gives may be overwritten by the next call. */
  readonly encode: (spans: readonly Span[], origin: SpanOrigin) => Uint8Array;
  readonly rejected: (answer: Uint8Array) => number;
}

const FORMATS: Readonly<Record<Config['otlp']['protocol'], () => Promise<Format>>> = {
  'http/json': () => {
    const encoder = new JsonEncoder();
    return Promise.resolve({
      contentType: 'application/json',
      encode: (spans, origin) => encoder.encode(spans, origin),
      rejected: rejectedInJson,
    });
  },
  'http/protobuf': async () => {
    const { encodeProtobuf, rejectedInProtobuf } = await import('./otlp-protobuf.ts');
    return { contentType: 'application/x-protobuf', encode: encodeProtobuf, rejected: rejectedInProtobuf };
  },
};

/**
 * Counts `spans_created`, of which each ends in exactly one of `spans_exported`, `spans_unsampled` and the drops of stage
 * `traces` with reason `export_failed` or `rejected` (by the receiver).
 */
export class TraceSink implements Sink {
  readonly name = 'traces';
  readonly wants: ReadonlySet<EventType> = new Set([
    'session_described',
    'operation_finished',
    'session_ended',
  ]);
  readonly queue: QueueLimits = {
    maxEvents: MAX_QUEUED_EVENTS,
    maxBytes: MAX_QUEUED_BYTES,
    maxDelayMs: MAX_DELAY_MS,
    batchEvents: BATCH_EVENTS,
  };

  readonly #options: TraceSinkOptions;
  readonly #stats: Stats;
  readonly #trouble: Trouble;
  #opened: { readonly format: Format; readonly http: OtlpHttp } | undefined;
  #server: { readonly name: string; readonly version: string | undefined } | undefined;
  #sending: Promise<void> = Promise.resolve();
  #failures = 0;
  #pauseUntil = 0;
  #endPause: (() => void) | undefined;
  /** Set by close: nothing is waited for any more, and the first failure is the last. */
  #closing = false;
  #gaveUp = false;
  #deadline: NodeJS.Timeout | undefined;

  constructor(options: TraceSinkOptions, stats: Stats, trouble: Trouble) {
    this.#options = options;
    this.#stats = stats;
    this.#trouble = trouble;
  }

  /** Never rejects. Settles when the receiver has answered, or the batch was dropped and counted. */
  write(batch: readonly McpEvent[]): Promise<void> {
    this.#sending = this.#sending.then(() => this.#sendAll(batch));
    return this.#sending;
  }

  /** Ends any pause at once, and what is under way at the deadline; from now on the first failure is the last. */
  ending(deadlineMs: number): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#endPause?.();
    this.#deadline = setTimeout(() => {
      this.#giveUp();
    }, deadlineMs);
  }

  async close(deadlineMs: number): Promise<void> {
    this.ending(deadlineMs);
    await this.#sending;
    clearTimeout(this.#deadline);
    this.#giveUp();
  }

  #giveUp(): void {
    this.#gaveUp = true;
    this.#opened?.http.close();
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
    if (event.type === 'session_described') {
      this.#server = { name: event.server, version: event.serverInfo?.version };
      return;
    }
    if (event.type !== 'operation_finished' && event.type !== 'session_ended') return;
    this.#server ??= { name: event.server, version: undefined };
    if (!event.span.sampled) this.#unsampled(event.type === 'session_ended' ? 1 : spanCount(event));
    else if (event.type === 'session_ended') to.push(sessionSpan(event));
    else to.push(...operationSpans(event));
  }

  #unsampled(count: number): void {
    this.#stats.add('spans_created', count);
    this.#stats.add('spans_unsampled', count);
  }

  /** Tries again until the export's time is over, as the OTLP exporters do, and then drops. */
  async #deliver(spans: readonly Span[]): Promise<void> {
    const { timeoutMs } = this.#options.config.otlp;
    let until: number | undefined;
    while (!this.#gaveUp) {
      await this.#pause();
      // What an earlier batch's failures make this one wait is not taken from its own time.
      until ??= performance.now() + timeoutMs;
      try {
        this.#delivered(spans.length, await this.#attempt(spans, until - performance.now()));
        return;
      } catch (cause) {
        const retryable = cause instanceof ExportError && cause.retryable;
        this.#failed(cause);
        if (!retryable || this.#pauseUntil >= until) break;
      }
    }
    this.#stats.drop('traces', 'export_failed', spans.length);
  }

  /** Gives the number of spans that the receiver rejected. */
  async #attempt(spans: readonly Span[], timeoutMs: number): Promise<number> {
    const { format, http } = await this.#open();
    const answer = await http.post(format.encode(spans, this.#origin()), timeoutMs);
    return Math.min(format.rejected(answer), spans.length);
  }

  async #open(): Promise<{ readonly format: Format; readonly http: OtlpHttp }> {
    if (this.#opened === undefined) {
      const { url, config, self, env } = this.#options;
      const format = await FORMATS[config.otlp.protocol]();
      const headers = { 'user-agent': `sidelight/${self.version}`, ...config.otlp.headers };
      this.#opened = { format, http: new OtlpHttp({ url, headers, contentType: format.contentType, env }) };
    }
    return this.#opened;
  }

  #delivered(spans: number, rejected: number): void {
    this.#stats.add('spans_exported', spans - rejected);
    if (rejected > 0) this.#stats.drop('traces', 'rejected', rejected);
    if (this.#failures === 0) return;
    this.#failures = 0;
    this.#stats.condition('traces', undefined);
    this.#trouble.over('traces');
  }

  #failed(cause: unknown): void {
    const { code, message, retryAfterMs } =
      cause instanceof ExportError ? cause : { code: 'internal', message: String(cause), retryAfterMs: 0 };
    const pauseMs = Math.min(Math.max(FIRST_PAUSE_MS * 2 ** this.#failures, retryAfterMs), LONGEST_PAUSE_MS);
    this.#failures += 1;
    this.#pauseUntil = performance.now() + pauseMs;
    this.#stats.fail('traces', code);
    this.#stats.condition('traces', message);
    this.#trouble.say('traces', `traces are not delivered: ${message}`);
    if (this.#closing) this.#gaveUp = true;
  }

  /** Lets a receiver that failed come back before it is asked again; new events wait in the queue meanwhile. */
  async #pause(): Promise<void> {
    const pauseMs = this.#pauseUntil - performance.now();
    if (this.#closing || pauseMs <= 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, pauseMs).unref();
      this.#endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#endPause = undefined;
  }

  /** The service is the wrapped server: its name is known only when it has said it. */
  #origin(): SpanOrigin {
    const { config, self } = this.#options;
    const { pid, hostname, version, instanceId } = self;
    const attributes: Record<string, string | number> = {
      [ATTRIBUTE.serviceName]: this.#server?.name ?? 'sidelight',
      [ATTRIBUTE.serviceInstanceId]: instanceId,
      [ATTRIBUTE.hostName]: hostname,
      [ATTRIBUTE.processPid]: pid,
      [ATTRIBUTE.telemetrySdkName]: 'sidelight',
      [ATTRIBUTE.telemetrySdkLanguage]: 'nodejs',
      [ATTRIBUTE.telemetrySdkVersion]: version,
      ...config.resourceAttributes,
    };
    if (this.#server?.version !== undefined) attributes[ATTRIBUTE.serviceVersion] ??= this.#server.version;
    if (config.serviceName !== undefined) attributes[ATTRIBUTE.serviceName] = config.serviceName;
    return { resource: attributes, scope: { name: 'sidelight', version } };
  }
}
