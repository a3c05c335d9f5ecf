/**
 * The metrics output that also sends what it counts to an OTLP/HTTP receiver, now and then and at the end. Nothing is lost
 * with an export that fails or is slow: the next one tells the same sums.
 */
import type { EventType, McpEvent } from '../event/event.ts';
import type { Stats } from '../self/stats.ts';
import type { Trouble } from '../self/trouble.ts';
import type { MetricSink } from './metric.ts';
import { OtlpExport, type OtlpExportOptions } from './otlp-export.ts';
import { metricItems } from './otlp-points.ts';
import type { QueueLimits, Sink } from './sink.ts';

export interface OtlpMetricSinkOptions extends OtlpExportOptions {
  /** What counts. */
  readonly metrics: MetricSink;
  /** The time now, in microseconds since the Unix epoch, of the clock that events have. */
  readonly nowUs: () => number;
}

export class OtlpMetricSink implements Sink {
  readonly name = 'metrics';
  readonly wants: ReadonlySet<EventType>;
  readonly queue: QueueLimits;
  readonly #metrics: MetricSink;
  readonly #nowUs: () => number;
  readonly #startUs: number;
  readonly #stats: Stats;
  readonly #export: OtlpExport;
  readonly #timer: NodeJS.Timeout;
  /** An export that takes longer than the interval lets the next one out. */
  #underWay: Promise<void> | undefined;

  constructor(options: OtlpMetricSinkOptions, stats: Stats, trouble: Trouble) {
    const { metrics, nowUs, config } = options;
    this.wants = metrics.wants;
    this.queue = metrics.queue;
    this.#metrics = metrics;
    this.#nowUs = nowUs;
    this.#startUs = nowUs();
    this.#stats = stats;
    this.#export = new OtlpExport('metrics', options, stats, trouble);
    this.#timer = setInterval(() => void this.exportNow(), config.otlp.metricIntervalMs).unref();
  }

  write(batch: readonly McpEvent[]): void {
    for (const event of batch) this.#export.see(event);
    this.#metrics.write(batch);
  }

  /** Never rejects. The export that is under way, if there is one, else a new one. */
  exportNow(): Promise<void> {
    this.#underWay ??= this.#send().finally(() => {
      this.#underWay = undefined;
    });
    return this.#underWay;
  }

  /** Ends any pause at once, and what is under way at the deadline; from now on the first failure is the last. */
  ending(deadlineMs: number): void {
    clearInterval(this.#timer);
    this.#export.ending(deadlineMs);
  }

  /** Tells how it all ended. */
  async close(deadlineMs: number): Promise<void> {
    this.ending(deadlineMs);
    await this.#underWay;
    await this.exportNow();
    this.#export.close();
    await this.#metrics.close();
  }

  async #send(): Promise<void> {
    try {
      const readers = await this.#metrics.read();
      await this.#export.send(metricItems(readers, { startUs: this.#startUs, atUs: this.#nowUs() }));
    } catch {
      this.#stats.fail('otlp_metrics', 'internal');
    }
  }
}
