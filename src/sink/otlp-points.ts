/**
 * What the catalogue's metrics are at this moment, as the JSON of OTLP's Metric messages. Counts are cumulative; histograms
 * carry the exemplars of the page. It has the numbers of the page and no others.
 */
import { ATTRIBUTE } from '../event/attributes.ts';
import { CATALOG, type MetricRow } from './catalog.ts';
import { type Exemplar, isTellable } from './metric-durations.ts';
import type { HistogramSample, Readers, Sample } from './metric-exposition.ts';
import { attributeTexts, nanos } from './otlp-json.ts';
import type { Item } from './otlp-export.ts';

/** In microseconds since the epoch. */
export interface Interval {
  /** Since when it was counted. */
  readonly startUs: number;
  readonly atUs: number;
}

/** Value of the enum in opentelemetry-proto's metrics.proto. */
const CUMULATIVE = 2;
/** A metric with more is told in several items, so that no request becomes larger than receivers take: 3 KB each. */
const POINTS_PER_ITEM = 256;
/** UCUM, by the words that stand in the catalogue's names. */
const UNITS: Readonly<Record<string, string>> = { seconds: 's', bytes: 'By' };
const CONVENTIONS: ReadonlyMap<string, string> = new Map(
  Object.values(ATTRIBUTE).map((name) => [name.replaceAll('.', '_'), name]),
);

/**
 * That of the conventions for `mcp_*`. What reads OTLP and writes Prometheus makes the catalogue's name of it again, for
 * which the bytes stay in it: bytes are what is counted, where seconds are only how.
 */
export function instrumentName({ name }: MetricRow): string {
  const plain = name.replace(/_total$/, '').replace(/_seconds$/, '');
  return plain.startsWith('mcp_') ? plain.replaceAll('_', '.') : plain.replace('_', '.');
}

/** Dotted where the conventions have the label. */
export function attributeOf(label: string): string {
  return CONVENTIONS.get(label) ?? label;
}

/** Empty for a plain number. */
export function unitOf({ unit }: MetricRow): string {
  return UNITS[unit] ?? '';
}

/** A metric without points is left out. */
export function metricItems(readers: Readers, interval: Interval): readonly Item[] {
  return CATALOG.flatMap((row: MetricRow) => {
    const samples = readers[row.name as keyof Readers]();
    const points =
      row.type === 'histogram'
        ? Array.from(samples as Iterable<HistogramSample>, (sample) => histogramPoint(row, sample, interval))
        : numberPoints(row, samples as Iterable<Sample>, interval);
    return inParts(points).map((part) => ({ json: metricText(row, part.join(',')), count: part.length }));
  });
}

function metricText(row: MetricRow, points: string): string {
  const { type, help } = row;
  const head = `"name":"${instrumentName(row)}","description":${JSON.stringify(help)},"unit":"${unitOf(row)}"`;
  const dataPoints = `"dataPoints":[${points}]`;
  if (type === 'gauge') return `{${head},"gauge":{${dataPoints}}}`;
  const cumulative = `"aggregationTemporality":${CUMULATIVE},${dataPoints}`;
  if (type === 'counter') return `{${head},"sum":{"isMonotonic":true,${cumulative}}}`;
  return `{${head},"histogram":{${cumulative}}}`;
}

/** As on the page, samples with the same labels are added up. */
function numberPoints({ type }: MetricRow, samples: Iterable<Sample>, { startUs, atUs }: Interval): string[] {
  const sums = new Map<string, number>();
  for (const { labels, value } of samples) {
    const attributes = attributesOf(labels);
    sums.set(attributes, (sums.get(attributes) ?? 0) + value);
  }
  const start = type === 'gauge' ? '' : `"startTimeUnixNano":"${nanos(startUs)}",`;
  return Array.from(
    sums,
    ([attributes, value]) =>
      `{${start}"timeUnixNano":"${nanos(atUs)}","asDouble":${value},"attributes":[${attributes}]}`,
  );
}

function histogramPoint(
  { buckets: bounds = [] }: MetricRow,
  { labels, buckets, exemplars = [] }: HistogramSample,
  { startUs, atUs }: Interval,
): string {
  const counts = Array.from(buckets.counts);
  const count = counts.reduce((sum, inBucket) => sum + inBucket, 0);
  const told = exemplars.filter(isTellable).map(exemplarText);
  return `{"startTimeUnixNano":"${nanos(startUs)}","timeUnixNano":"${nanos(atUs)}","count":"${count}","sum":${buckets.sum},"bucketCounts":[${counts.map((inBucket) => `"${inBucket}"`).join(',')}],"explicitBounds":[${bounds.join(',')}],"exemplars":[${told.join(',')}],"attributes":[${attributesOf(labels)}]}`;
}

function exemplarText({ traceId, spanId, value, atUs }: Exemplar): string {
  return `{"timeUnixNano":"${nanos(atUs)}","asDouble":${value},"traceId":"${traceId}","spanId":"${spanId}"}`;
}

/** An empty label is an absent attribute. */
function attributesOf(labels: Readonly<Record<string, string>>): string {
  const present = Object.entries(labels).filter(([, value]) => value !== '');
  return attributeTexts(Object.fromEntries(present.map(([label, value]) => [attributeOf(label), value])));
}

function inParts<T>(items: readonly T[]): readonly (readonly T[])[] {
  const parts: (readonly T[])[] = [];
  for (let from = 0; from < items.length; from += POINTS_PER_ITEM)
    parts.push(items.slice(from, from + POINTS_PER_ITEM));
  return parts;
}
