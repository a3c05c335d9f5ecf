/** docs/metrics.md, from the catalogue. */
import { CATALOG, type MetricRow } from './catalog.ts';
import { LABEL_CAPS } from './metric-labels.ts';
import { instrumentName, unitOf } from './otlp-points.ts';

const INTRO = `# Metrics

\`sidelight run --admin HOST:PORT\` serves these at \`/metrics\`: Prometheus text, or OpenMetrics with exemplars for a scraper that asks for it. Names and buckets of \`mcp_*\` are those of the OpenTelemetry semantic conventions for MCP, in Prometheus spelling; \`sidelight_*\` are ours.

## Labels

An absent attribute is an empty label. Values come over the wire, so they are held down:

- A tool or prompt name becomes a label only when the server has listed it, a method only when it stands in the specification. Everything else is \`_other\`, and \`sidelight_label_overflow_total\` says how often.
- Each label has a cap: CAPS. Beyond it, and for values that are no names (over 128 characters, control characters), \`_other\`.
- A session id, a request id, a URI, an argument or a message is never a label.

## Exemplars

The buckets of the duration histograms carry \`trace_id\` and \`span_id\` of their latest sampled operation, when scraped as OpenMetrics. Prometheus keeps them with \`--enable-feature=exemplar-storage\`.

## Over OTLP

With \`--otlp-metrics\` the same numbers go to the receiver as well, with or without \`--admin\`: each \`otlp.metricInterval\` and once at the end, cumulative since the start, with the exemplars. Names are then those of the conventions (\`mcp.server.operation.duration\`, in \`s\`), and so are labels that the conventions know (\`mcp.method.name\`); absent attributes are left out. A receiver that writes Prometheus makes the names below of them again. An export that fails loses nothing but its moment: the next one has the sums.
`;

const SOURCES: Readonly<Record<MetricRow['source'], string>> = {
  events: 'what was seen on the wire',
  self: 'Sidelight itself',
  process: 'the server’s process, from /proc (Linux)',
  relay: 'the relay',
};

/** Markdown, ending in a newline. */
export function renderMetricsDoc(): string {
  const caps = Object.entries(LABEL_CAPS).map(([label, cap]) => `\`${label}\` ${cap}`);
  return [INTRO.replace('CAPS', caps.join(', ')), ...CATALOG.map(section)].join('\n');
}

function section(row: MetricRow): string {
  const { name, type, help, unit, labels, source, buckets } = row;
  const facts = [
    unit === '' ? type : `${type}, in ${unit}`,
    `over OTLP \`${instrumentName(row)}\`${unit === '' ? '' : ` in \`${unitOf(row)}\``}`,
    labels.length === 0 ? 'no labels' : `labels ${labels.map((label) => `\`${label}\``).join(', ')}`,
    `from ${SOURCES[source]}`,
    ...(buckets === undefined ? [] : [`buckets ${buckets.join(' ')}`]),
  ];
  return `## ${name}\n\n${help}\n\n${facts.map((fact) => `- ${fact}\n`).join('')}`;
}
