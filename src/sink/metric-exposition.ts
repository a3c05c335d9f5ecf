/**
 * Renders the catalogue for a scraper, in the format that it asks for. The only file that names prom-client.
 *
 * There is one registry for each format. prom-client's `setContentType` races when scrapes overlap, and its OpenMetrics
 * rendering takes `_total` off the names for good; so a registry here keeps its format and its own metrics. They hold
 * nothing between scrapes: at each one they read what was counted elsewhere.
 */
import { Counter, Gauge, Histogram, type OpenMetricsContentType, Registry } from 'prom-client';
import type { BucketCounts } from '../self/buckets.ts';
import { CATALOG, type Metric, type MetricRow } from './catalog.ts';
import type { Format } from './metric-accept.ts';
import { type Exemplar, isTellable } from './metric-durations.ts';

export interface Sample<L extends string = string> {
  readonly labels: Readonly<Record<L, string>>;
  /** Samples with the same labels are added up. */
  readonly value: number;
}

export interface HistogramSample<L extends string = string> {
  readonly labels: Readonly<Record<L, string>>;
  readonly buckets: BucketCounts;
  /** By bucket. */
  readonly exemplars?: readonly (Exemplar | undefined)[];
}

/** For each metric of the catalogue, what it is at this moment. */
export type Readers = {
  readonly [M in Metric as M['name']]: () => Iterable<
    M['type'] extends 'histogram' ? HistogramSample<M['labels'][number]> : Sample<M['labels'][number]>
  >;
};

type AnyRegistry = Registry | Registry<OpenMetricsContentType>;

export class Exposition {
  readonly #text = new Registry();
  readonly #openMetrics = new Registry<OpenMetricsContentType>();

  constructor(readers: Readers) {
    this.#openMetrics.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
    for (const row of CATALOG) {
      for (const registry of [this.#text, this.#openMetrics]) declare(row, readers[row.name], registry);
    }
  }

  async render(format: Format): Promise<{ readonly contentType: string; readonly body: string }> {
    const registry = format === 'text' ? this.#text : this.#openMetrics;
    return { contentType: registry.contentType, body: await registry.metrics() };
  }
}

function declare(
  row: MetricRow,
  read: () => Iterable<Sample | HistogramSample>,
  registry: AnyRegistry,
): void {
  if (row.type === 'histogram') {
    new CountedHistogram(row, registry, read as () => Iterable<HistogramSample>);
    return;
  }
  const { name, help, labels: labelNames } = row;
  const metric = new (row.type === 'counter' ? Counter : Gauge)({
    name,
    help,
    labelNames,
    registers: [registry],
    collect: () => {
      metric.reset();
      for (const { labels, value } of read() as Iterable<Sample>) metric.inc(labels, value);
    },
  });
}

/**
 * A histogram that was counted elsewhere. prom-client's own `observe` with an exemplar hashes all labels twice: 1.6 µs,
 * more than all the rest of what an operation costs here.
 */
class CountedHistogram extends Histogram {
  readonly #row: MetricRow;
  readonly #read: () => Iterable<HistogramSample>;

  constructor(row: MetricRow, registry: AnyRegistry, read: () => Iterable<HistogramSample>) {
    const { name, help, labels: labelNames } = row;
    super({ name, help, labelNames, registers: [registry] });
    this.#row = row;
    this.#read = read;
  }

  /** What the registry renders, in the shape that prom-client's histogram gives it. */
  getForPromString() {
    const { name, help, type } = this.#row;
    const values = [...this.#read()].flatMap((sample) => this.#lines(sample));
    return Promise.resolve({ name, help, type, values });
  }

  #lines({ labels: sharedLabels, buckets: { counts, sum }, exemplars }: HistogramSample) {
    const { name, buckets: bounds = [] } = this.#row;
    const line = (suffix: string, value: number) => ({
      metricName: `${name}_${suffix}`,
      labels: {},
      sharedLabels,
      value,
    });
    let count = 0;
    const buckets = [...bounds, '+Inf'].map((le, index) => {
      count += counts[index] ?? 0;
      return { ...line('bucket', count), labels: { le }, exemplar: rendered(exemplars?.[index]) };
    });
    return [...buckets, line('sum', sum), line('count', count)];
  }
}

function rendered(exemplar: Exemplar | undefined) {
  if (!isTellable(exemplar)) return undefined;
  const { traceId, spanId, value, atUs } = exemplar;
  return { labelSet: { trace_id: traceId, span_id: spanId }, value, timestamp: atUs / 1e6 };
}
