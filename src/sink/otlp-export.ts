/**
 * Metrics and log records on their way to an OTLP/HTTP receiver: as JSON, in requests of bounded size, one at a time. It
 * counts what it was given and what of it was delivered, and never rejects; what is lost is the delivery's to count.
 */
import type { Config } from '../config/config.ts';
import type { McpEvent } from '../event/event.ts';
import type { Stats } from '../self/stats.ts';
import type { Trouble } from '../self/trouble.ts';
import { OtlpDelivery } from './otlp-delivery.ts';
import { attributeTexts, rejectedInJson } from './otlp-json.ts';
import { type OtlpTarget, type Self, ServiceOrigin } from './otlp-target.ts';
import { TextBuffer } from './text-buffer.ts';

export interface OtlpExportOptions {
  readonly target: OtlpTarget;
  readonly config: Pick<Config, 'otlp' | 'serviceName' | 'resourceAttributes'>;
  readonly self: Self;
  /** For the standard variables about TLS files and compression. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** A metric or a log record as JSON. */
export interface Item {
  readonly json: string;
  /** Of data points or records. */
  readonly count: number;
}

/** Receivers limit a request's size, some to 4 MB. One item may go beyond it by its own size. */
const MAX_REQUEST_BYTES = 2 * 1024 * 1024;

/** How the messages of opentelemetry-proto name their parts, and under which names we count. */
const SIGNALS = {
  metrics: {
    resources: 'resourceMetrics',
    scopes: 'scopeMetrics',
    items: 'metrics',
    rejected: 'rejectedDataPoints',
    counted: 'metric_points',
  },
  logs: {
    resources: 'resourceLogs',
    scopes: 'scopeLogs',
    items: 'logRecords',
    rejected: 'rejectedLogRecords',
    counted: 'log_records',
  },
} as const;

/**
 * Counts `metric_points_created` or `log_records_created`, of which each ends in exactly one of `..._exported` and the drops
 * of stage `otlp_metrics` or `otlp_logs` with reason `export_failed` or `rejected` (by the receiver).
 */
export class OtlpExport {
  readonly #signal: (typeof SIGNALS)[keyof typeof SIGNALS];
  readonly #stats: Stats;
  readonly #origin: ServiceOrigin;
  readonly #delivery: OtlpDelivery;
  readonly #body = new TextBuffer();

  constructor(
    signal: keyof typeof SIGNALS,
    { target, config, self, env }: OtlpExportOptions,
    stats: Stats,
    trouble: Trouble,
  ) {
    const { timeoutMs } = config.otlp;
    const { version } = self;
    this.#signal = SIGNALS[signal];
    this.#stats = stats;
    this.#origin = new ServiceOrigin(config, self);
    this.#delivery = new OtlpDelivery(
      { signal, target, contentType: 'application/json', timeoutMs, version, env },
      stats,
      trouble,
    );
  }

  /** To be told of every event that may name the server. */
  see(event: McpEvent): void {
    this.#origin.see(event);
  }

  /** One call at a time. Settles when the receiver has answered, or what it did not take was dropped and counted. */
  async send(items: readonly Item[]): Promise<void> {
    const { rejected, counted } = this.#signal;
    for (let from = 0; from < items.length;) {
      const { body, count, end } = this.#request(items, from);
      from = end;
      this.#stats.add(`${counted}_created`, count);
      const exported = await this.#delivery.deliver({
        count,
        encode: () => body,
        rejected: (answer) => rejectedInJson(answer, rejected),
      });
      this.#stats.add(`${counted}_exported`, exported);
    }
  }

  /** Whether who waits for the receiver may hope. */
  isAnswering(): boolean {
    return this.#delivery.isAnswering();
  }

  /** Ends any pause at once, and what is under way at the deadline; from now on the first failure is the last. */
  ending(deadlineMs: number): void {
    this.#delivery.ending(deadlineMs);
  }

  close(): void {
    this.#delivery.close();
  }

  /** The body is good until the next one is made. */
  #request(items: readonly Item[], from: number): { body: Uint8Array; count: number; end: number } {
    const { resources, scopes, items: name } = this.#signal;
    const { resource, scope } = this.#origin.get();
    const body = this.#body;
    body.append(
      `{"${resources}":[{"resource":{"attributes":[${attributeTexts(resource)}]},"${scopes}":[{"scope":${JSON.stringify(scope)},"${name}":[`,
    );
    let count = 0;
    let end = from;
    for (; end < items.length && body.length < MAX_REQUEST_BYTES; end += 1) {
      const item = items[end] as Item;
      body.append(end === from ? item.json : `,${item.json}`);
      count += item.count;
    }
    body.append(']}]}]}');
    return { body: body.take(), count, end };
  }
}
