/**
 * The kinds of panels that the boards have, each made of one plain description. A panel is made nowhere else, so that
 * all of them have a unit, a description, a legend and the same links.
 */
import {
  GraphDrawStyle,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  SortOrder,
  StackingConfigBuilder,
  StackingMode,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
  BigValueColorMode,
  BigValueGraphMode,
} from '@grafana/grafana-foundation-sdk/common';
import {
  DashboardLinkBuilder,
  type DynamicConfigValue,
  type PanelBuilder,
  ThresholdsConfigBuilder,
  ThresholdsMode,
} from '@grafana/grafana-foundation-sdk/dashboard';
import {
  HeatmapColorMode,
  HeatmapColorOptionsBuilder,
  PanelBuilder as Heatmap,
  YAxisConfigBuilder,
} from '@grafana/grafana-foundation-sdk/heatmap';
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as Stat } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as Table } from '@grafana/grafana-foundation-sdk/table';
import { PanelBuilder as Text } from '@grafana/grafana-foundation-sdk/text';
import { PanelBuilder as Timeseries } from '@grafana/grafana-foundation-sdk/timeseries';

/** What a Grafana panel is built by; the kinds differ in the settings that we set here only. */
export type Panel = Pick<PanelBuilder, 'build'>;

export interface Query {
  readonly expr: string;
  /** Labels as {{server}}. In tables the title of the column. */
  readonly legend: string;
  /** Points of single operations, with the ids of their traces. */
  readonly exemplars?: boolean;
}

interface Described {
  readonly title: string;
  /** What it shows and what to make of it, for somebody who sees the board for the first time. */
  readonly description: string;
  readonly unit: string;
  /** Of 24 columns. */
  readonly width?: number;
  readonly max?: number;
}

export interface Threshold {
  readonly color: string;
  /** Undefined: from the beginning. */
  readonly from?: number;
}

interface Graph extends Described {
  readonly queries: readonly Query[];
  readonly stacked?: boolean;
}

interface Figure extends Described {
  readonly expr: string;
  readonly steps?: readonly Threshold[];
  /** Words for where there is nothing. */
  readonly none?: string;
}

interface Listing extends Described {
  readonly queries: readonly (Query & { readonly unit: string })[];
  /** Labels that are columns; rows with the same ones are joined. */
  readonly columns: Readonly<Record<string, string>>;
}

export const DATASOURCE = { type: 'prometheus', uid: '${datasource}' };

const HEIGHT = 8;
const NUMBER_HEIGHT = 4;

export function graph({ queries, stacked = false, width = 12, ...described }: Graph): Panel {
  const panel = new Timeseries()
    .legend(
      new VizLegendOptionsBuilder()
        .showLegend(true)
        .displayMode(LegendDisplayMode.Table)
        .placement(LegendPlacement.Bottom)
        .calcs(['mean', 'max', 'lastNotNull']),
    )
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending))
    .drawStyle(GraphDrawStyle.Line)
    .lineWidth(1)
    .fillOpacity(stacked ? 30 : 8)
    .showPoints(VisibilityMode.Auto)
    .axisSoftMin(0)
    .span(width)
    .height(HEIGHT);
  if (stacked) panel.stacking(new StackingConfigBuilder().mode(StackingMode.Normal));
  if (described.max !== undefined) panel.max(described.max);
  queries.forEach((query, index) => panel.withTarget(overTime(query, index)));
  const isByServer = queries.every(({ legend }) => legend.includes('{{server}}'));
  return withWords(panel, described)
    .dataLinks([sessionsLink(isByServer ? '${__field.labels.server}' : undefined)])
    .overrideByName('trace_id', traceLink());
}

export function number({ expr, steps, none = '0', width = 4, ...described }: Figure): Panel {
  const panel = new Stat()
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']))
    .graphMode(BigValueGraphMode.None)
    .colorMode(steps === undefined ? BigValueColorMode.None : BigValueColorMode.Value)
    .thresholds(thresholds(steps ?? [{ color: 'text' }]))
    .noValue(none)
    .span(width)
    .height(NUMBER_HEIGHT)
    .withTarget(query(expr, 0).instant());
  return withWords(panel, described).dataLinks([sessionsLink()]);
}

/** How many fell into each bucket of a histogram, over time; the query's `le` are the rows. */
export function heatmap({ expr, width = 12, ...described }: Described & { readonly expr: string }): Panel {
  const panel = new Heatmap()
    .color(new HeatmapColorOptionsBuilder().mode(HeatmapColorMode.Scheme).scheme('Oranges').steps(64))
    .yAxis(new YAxisConfigBuilder().unit(described.unit))
    .exemplarsColor('rgba(80, 160, 255, 0.9)')
    .showLegend()
    .span(width)
    .height(HEIGHT)
    .withTarget(query(expr, 0).range().format(PromQueryFormat.Heatmap).legendFormat('{{le}}').exemplar(true));
  return withWords(panel, described).dataLinks([sessionsLink()]).overrideByName('trace_id', traceLink());
}

/** The range as a whole in rows: one for each set of labels that are columns. */
export function table({ queries, columns, width = 24, ...described }: Listing): Panel {
  const panel = new Table().span(width).height(HEIGHT);
  queries.forEach(({ expr, legend, unit }, index) => {
    panel.withTarget(query(expr, index).instant().format(PromQueryFormat.Table).legendFormat(legend));
    panel.overrideByName(legend, [{ id: 'unit', value: unit }]);
  });
  const values = Object.fromEntries(
    queries.map(({ legend }, index) => [queries.length === 1 ? 'Value' : `Value #${refId(index)}`, legend]),
  );
  const kept = [...Object.keys(columns), ...Object.keys(values)];
  return withWords(panel, described)
    .withTransformation({ id: 'merge', options: {} })
    .withTransformation({ id: 'filterFieldsByName', options: { include: { names: kept } } })
    .withTransformation({
      id: 'organize',
      options: {
        indexByName: Object.fromEntries(kept.map((name, index) => [name, index])),
        renameByName: { ...columns, ...values },
      },
    })
    .dataLinks([sessionsLink('server' in columns ? '${__data.fields.Server}' : undefined)]);
}

/** Words on a board, in Markdown. */
export function text(title: string, description: string, content: string): Panel {
  return new Text().title(title).description(description).content(content).span(24).height(5);
}

interface Titled<T> {
  readonly title: (title: string) => T;
  readonly description: (description: string) => T;
  readonly unit: (unit: string) => T;
  readonly datasource: (datasource: typeof DATASOURCE) => T;
  readonly min: (min: number) => T;
}

function withWords<T extends Titled<T>>(panel: T, { title, description, unit }: Described): T {
  return panel.title(title).description(description).unit(unit).datasource(DATASOURCE).min(0);
}

function overTime({ expr, legend, exemplars = false }: Query, index: number): DataqueryBuilder {
  const made = query(expr, index).range().legendFormat(legend);
  return exemplars ? made.exemplar(true) : made;
}

function query(expr: string, index: number): DataqueryBuilder {
  return new DataqueryBuilder().expr(expr).refId(refId(index)).datasource(DATASOURCE);
}

function refId(index: number): string {
  return String.fromCharCode('A'.charCodeAt(0) + index);
}

function thresholds(steps: readonly Threshold[]): ThresholdsConfigBuilder {
  return new ThresholdsConfigBuilder()
    .mode(ThresholdsMode.Absolute)
    .steps(steps.map(({ color, from }) => ({ color, value: from ?? null })));
}

/** The page of `sidelight serve`, with the sessions of the range that is shown, of one server where that is known. */
function sessionsLink(server?: string): DashboardLinkBuilder {
  const ofServer = server === undefined ? '' : `server:%22${server}%22%20`;
  const filter = `${ofServer}since:\${__from:date:iso}%20until:\${__to:date:iso}`;
  return new DashboardLinkBuilder('Recorded sessions')
    .url(`\${sidelight_url}/?filter=${filter}`)
    .targetBlank(true);
}

/** An exemplar has the id of its trace as a field. */
function traceLink(): DynamicConfigValue[] {
  const left = {
    datasource: '${tracing}',
    queries: [
      {
        refId: 'A',
        datasource: { type: 'tempo', uid: '${tracing}' },
        queryType: 'traceql',
        query: '${__value.raw}',
      },
    ],
    range: { from: '${__from}', to: '${__to}' },
  };
  const url = `/explore?left=${encodeURIComponent(JSON.stringify(left)).replace(/%24%7B(\w+)(\.raw)?%7D/g, '${$1$2}')}`;
  return [{ id: 'links', value: [{ title: 'Trace', url, targetBlank: true }] }];
}
