/** All boards as the files that Grafana takes. It writes nothing itself. */
import { type Board, type ClassicDashboard, dashboardOf } from './board.ts';
import { contextCost } from './context.ts';
import { fleet } from './fleet.ts';
import { interaction } from './interaction.ts';
import { itself } from './itself.ts';
import { overview } from './overview.ts';
import { serverProcess } from './process.ts';
import { tools } from './tools.ts';

/** In the order in which one looks at them. */
export const BOARDS: readonly Board[] = [
  overview,
  tools,
  interaction,
  serverProcess,
  contextCost,
  itself,
  fleet,
];

/** For grafana.com, which asks for the data sources at the import instead of having variables for them. */
const INPUTS = [
  { variable: 'datasource', name: 'DS_PROMETHEUS', label: 'Prometheus', pluginId: 'prometheus' },
  { variable: 'tracing', name: 'DS_TEMPO', label: 'Tempo', pluginId: 'tempo' },
];

const PLUGINS: Readonly<Record<string, string>> = {
  heatmap: 'Heatmap',
  stat: 'Stat',
  table: 'Table',
  text: 'Text',
  timeseries: 'Time series',
};

/** Path from the root of the repository, and JSON. */
export function renderDashboards(): readonly { readonly file: string; readonly text: string }[] {
  return BOARDS.flatMap((board) => {
    const dashboard = dashboardOf(board);
    return [
      { file: `dashboards/generated/${board.name}.json`, text: JSON.stringify(dashboard) },
      { file: `dashboards/grafana.com/${board.name}.json`, text: JSON.stringify(withInputs(dashboard)) },
    ];
  });
}

/** Our own variables for data sources become inputs, in every place that names them. */
function withInputs(dashboard: ClassicDashboard): object {
  const variables = dashboard.templating.list ?? [];
  const kept = variables.filter(({ name }) => !INPUTS.some(({ variable }) => variable === name));
  const text = INPUTS.reduce(
    (json, { variable, name }) => json.replaceAll(`\${${variable}}`, `\${${name}}`),
    JSON.stringify({ ...dashboard, templating: { list: kept } }),
  );
  const types = new Set((dashboard.panels ?? []).map(({ type }) => type).filter((type) => type !== 'row'));
  return {
    __inputs: INPUTS.map(({ name, label, pluginId }) => ({
      name,
      label,
      description: '',
      type: 'datasource',
      pluginId,
      pluginName: label,
    })),
    __requires: [
      { type: 'grafana', id: 'grafana', name: 'Grafana', version: '10.0.0' },
      ...INPUTS.map(({ label, pluginId }) => ({
        type: 'datasource',
        id: pluginId,
        name: label,
        version: '1.0.0',
      })),
      ...[...types]
        .sort()
        .map((type) => ({ type: 'panel', id: type, name: PLUGINS[type] ?? type, version: '' })),
    ],
    ...(JSON.parse(text) as object),
  };
}
