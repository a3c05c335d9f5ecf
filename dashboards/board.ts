/**
 * What every board has: its variables, its links to the other boards, its place in the order, and the corrections that
 * the output of the SDK needs for Grafana 10 to 13. It never knows what a board shows.
 */
/* eslint-disable @typescript-eslint/no-deprecated -- The classic model is what Grafana 10 to 13 all import. */
import {
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  type Dashboard,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  RowBuilder,
  TextBoxVariableBuilder,
  VariableHide,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DATASOURCE, type Panel } from './panels.ts';

export interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

export interface Board {
  /** Part of the uid and the name of the file. */
  readonly name: string;
  readonly title: string;
  /** The questions that it answers. */
  readonly description: string;
  /** Narrows the board down to tools. */
  readonly byTool?: boolean;
  readonly rows: readonly Row[];
}

export type ClassicDashboard = Dashboard;

/** All boards have it, and each one's links lead to all that have it. */
export const TAG = 'sidelight';

/** A list of all values of a label, of which several can be chosen. */
interface Choice {
  readonly name: string;
  readonly label: string;
  readonly values: string;
}

const CHOICES: readonly Choice[] = [
  { name: 'job', label: 'Job', values: 'label_values(sidelight_build_info, job)' },
  {
    name: 'instance',
    label: 'Instance',
    values: 'label_values(sidelight_build_info{job=~"$job"}, instance)',
  },
  {
    name: 'server',
    label: 'Server',
    values: 'label_values(sidelight_sessions_active{job=~"$job", instance=~"$instance"}, server)',
  },
];

const TOOL: Choice = {
  name: 'tool',
  label: 'Tool',
  values:
    'label_values(sidelight_operations_total{job=~"$job", instance=~"$instance", server=~"$server", mcp_method_name="tools/call"}, gen_ai_tool_name)',
};

export function uidOf(name: string): string {
  return `sidelight-${name}`;
}

/** Classic dashboard JSON, which Grafana 10 to 13 import, as an object. */
export function dashboardOf({ name, title, description, byTool = false, rows }: Board): Dashboard {
  const board = new DashboardBuilder(`Sidelight / ${title}`)
    .id(null)
    .uid(uidOf(name))
    .description(description)
    .tags([TAG, 'mcp'])
    .editable()
    .tooltip(DashboardCursorSync.Crosshair)
    .time({ from: 'now-1h', to: 'now' })
    .refresh('30s')
    .timezone('browser')
    .version(1)
    .annotations([])
    .withVariable(new DatasourceVariableBuilder('datasource').label('Prometheus').type('prometheus'))
    .withVariable(
      new DatasourceVariableBuilder('tracing')
        .label('Traces')
        .description('Where the trace of an exemplar is looked up')
        .type('tempo'),
    );
  for (const choice of byTool ? [...CHOICES, TOOL] : CHOICES) board.withVariable(choiceOf(choice));
  board
    .withVariable(
      new TextBoxVariableBuilder('sidelight_url')
        .label('Recordings')
        .description('Where sidelight serve answers: links to recorded sessions go there')
        .hide(VariableHide.DontHide)
        .defaultValue('http://127.0.0.1:4320'),
    )
    .link(
      new DashboardLinkBuilder('Sidelight')
        .type(DashboardLinkType.Dashboards)
        .tags([TAG])
        .asDropdown(true)
        .includeVars(true)
        .keepTime(true),
    );
  for (const row of rows) {
    board.withRow(new RowBuilder(row.title));
    for (const panel of row.panels) board.withPanel(panel);
  }
  return corrected(board.build());
}

/**
 * The SDK leaves panels without an id and gives all rows the same; and it puts links into a menu that Grafana before
 * 12.3 does not have.
 */
function corrected(dashboard: Dashboard): Dashboard {
  const panels = (dashboard.panels ?? []).map((panel, index) => ({ ...panel, id: index + 1 }));
  const links = (dashboard.links ?? []).map(({ placement: _menu, ...link }) => link);
  return { ...dashboard, panels, links, annotations: { list: [] } };
}

function choiceOf({ name, label, values }: Choice): QueryVariableBuilder {
  return new QueryVariableBuilder(name)
    .label(label)
    .datasource(DATASOURCE)
    .query(values)
    .definition(values)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc)
    .multi(true)
    .includeAll(true)
    .allValue('.*')
    .current({ selected: true, text: 'All', value: '$__all' });
}
