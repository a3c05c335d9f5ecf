/** The first board to look at: how often, how well and how fast, by server, and who asks. */
import { OBJECTIVES } from '../alerts/thresholds.ts';
import type { Board } from './board.ts';
import { graph, number, table } from './panels.ts';
import {
  BY_SERVER,
  counted,
  DURATIONS,
  OF_SIDECAR,
  OPERATIONS,
  quantile,
  rate,
  share,
  shareOrNone,
  where,
} from './queries.ts';

const ALL = `${OPERATIONS}${BY_SERVER}`;
const FAILED = `${OPERATIONS}${where('error_type!=""')}`;
const TOOL_ERRORS = `${OPERATIONS}${where('error_type="tool_error"')}`;
/** What the error budget is spent on: as the alerts have it. */
const BROKEN = `${OPERATIONS}${where('error_type!~"|tool_error"')}`;
const BUDGET = 1 - OBJECTIVES.errors;
const BUCKETS = `${DURATIONS}${BY_SERVER}`;
const EXCHANGES = 'sidelight_http_exchanges_total';

const burn = (window: string): string =>
  share(
    `(sum by (server) (rate(${BROKEN}[${window}])) or 0 * sum by (server) (rate(${ALL}[${window}])))`,
    `(${BUDGET.toPrecision(2)} * sum by (server) (rate(${ALL}[${window}])))`,
  );

export const overview: Board = {
  name: 'overview',
  title: 'Overview',
  description: 'Is all well? How much is asked of which server, what fails, how long it takes, and who asks.',
  rows: [
    {
      title: 'At a glance',
      panels: [
        number({
          title: 'Operations',
          description: 'Finished requests of clients in the range that is shown. Streams are not in it.',
          unit: 'short',
          expr: counted(ALL),
        }),
        number({
          title: 'Failed',
          description:
            'Share of operations that failed in any way, tool errors included. A mistake of the caller, such as an unknown method, is none of the server’s failures.',
          unit: 'percentunit',
          expr: shareOrNone(counted(FAILED), counted(ALL)),
          steps: [{ color: 'green' }, { color: 'orange', from: 0.05 }, { color: 'red', from: 0.2 }],
        }),
        number({
          title: 'Tool errors',
          description:
            'Share of operations whose result has isError. Models cause many of them, with a wrong path or argument: look at the board Tools before you blame the server.',
          unit: 'percentunit',
          expr: shareOrNone(counted(TOOL_ERRORS), counted(ALL)),
        }),
        number({
          title: 'Error budget left',
          description: `Of the ${percent(BUDGET)} of operations that may break in the range that is shown, how much is left. Tool errors do not spend it. Below 0: the objective is missed.`,
          unit: 'percentunit',
          expr: `1 - (${shareOrNone(counted(BROKEN), counted(ALL))}) / ${BUDGET.toPrecision(2)}`,
          steps: [{ color: 'red' }, { color: 'orange', from: 0 }, { color: 'green', from: 0.25 }],
        }),
        number({
          title: 'Duration, 95th percentile',
          description: 'Of all operations in the range that is shown; the time that a person took is in it.',
          unit: 's',
          expr: quantile(0.95, BUCKETS, [], '$__range'),
        }),
        number({
          title: 'Active sessions',
          description: 'Sessions that have not ended.',
          unit: 'short',
          expr: `sum(sidelight_sessions_active${BY_SERVER})`,
        }),
      ],
    },
    {
      title: 'Rate, errors, duration by server',
      panels: [
        graph({
          title: 'Operations by server',
          description: 'Finished operations for each second.',
          unit: 'ops',
          queries: [{ expr: rate(ALL, ['server']), legend: '{{server}}' }],
        }),
        graph({
          title: 'Failed share by server',
          description: 'Of the operations of each server, those that failed, tool errors included.',
          unit: 'percentunit',
          max: 1,
          queries: [
            { expr: shareOrNone(rate(FAILED, ['server']), rate(ALL, ['server'])), legend: '{{server}}' },
          ],
        }),
        graph({
          title: 'Duration by server',
          description:
            'Median and 95th percentile. A point is one operation: it leads to its trace, where Prometheus keeps exemplars.',
          unit: 's',
          queries: [
            { expr: quantile(0.5, BUCKETS, ['server']), legend: '{{server}} median' },
            { expr: quantile(0.95, BUCKETS, ['server']), legend: '{{server}} 95th', exemplars: true },
          ],
        }),
        graph({
          title: 'Error classes',
          description:
            'Failed operations by error.type: tool_error, timeout, a JSON-RPC code, an HTTP status, or _OTHER for what has none (crashed, disconnected, abandoned).',
          unit: 'ops',
          stacked: true,
          queries: [{ expr: rate(FAILED, ['server', 'error_type']), legend: '{{server}} {{error_type}}' }],
        }),
        graph({
          title: 'Outcomes',
          description: 'How operations ended, cancelled ones and mistakes of the caller included.',
          unit: 'ops',
          stacked: true,
          queries: [
            { expr: rate(`sidelight_operations_total${BY_SERVER}`, ['outcome']), legend: '{{outcome}}' },
          ],
        }),
        graph({
          title: 'Burn rate of the error budget',
          description: `How many times faster than allowed the budget of ${percent(BUDGET)} is spent; at 1 it is used up exactly at its end. The alerts page at 14.4 (1 h) and 6 (6 h).`,
          unit: 'short',
          queries: [
            { expr: burn('1h'), legend: '{{server}} 1 h' },
            { expr: burn('6h'), legend: '{{server}} 6 h' },
          ],
        }),
      ],
    },
    {
      title: 'Who and what',
      panels: [
        table({
          title: 'Clients',
          description: 'Active sessions by what the client said it is, with the protocol revision.',
          unit: 'short',
          width: 12,
          columns: {
            server: 'Server',
            client_name: 'Client',
            client_version: 'Version',
            mcp_protocol_version: 'Protocol',
          },
          queries: [
            {
              expr: `sum by (server, client_name, client_version, mcp_protocol_version) (sidelight_client_info${BY_SERVER})`,
              legend: 'Sessions',
              unit: 'short',
            },
          ],
        }),
        graph({
          title: 'Operations by method',
          description: 'Methods that are in no specification are _other.',
          unit: 'ops',
          stacked: true,
          queries: [
            {
              expr: rate(`sidelight_operations_total${BY_SERVER}`, ['mcp_method_name']),
              legend: '{{mcp_method_name}}',
            },
          ],
        }),
        graph({
          title: 'Operations by protocol revision and transport',
          description: 'pipe is stdio, tcp is HTTP.',
          unit: 'ops',
          queries: [
            {
              expr: rate(ALL, ['mcp_protocol_version', 'network_transport']),
              legend: '{{mcp_protocol_version}} {{network_transport}}',
            },
          ],
        }),
        graph({
          title: 'Messages',
          description: 'JSON-RPC messages of both sides by kind; malformed ones are none.',
          unit: 'ops',
          queries: [
            {
              expr: rate(`sidelight_messages_total${BY_SERVER}`, ['direction', 'kind']),
              legend: '{{direction}} {{kind}}',
            },
          ],
        }),
      ],
    },
    {
      title: 'HTTP',
      panels: [
        graph({
          title: 'HTTP requests by status',
          description: 'Requests of clients with the status of their response. Empty for servers on stdio.',
          unit: 'reqps',
          width: 8,
          queries: [
            {
              expr: rate(`${EXCHANGES}${BY_SERVER}`, ['http_request_method', 'http_response_status_code']),
              legend: '{{http_request_method}} {{http_response_status_code}}',
            },
          ],
        }),
        graph({
          title: 'HTTP requests that Sidelight had to answer',
          description:
            'refused, timeout, tls and the like: the server could not be reached. forbidden: the Host or Origin is not let in.',
          unit: 'reqps',
          width: 8,
          queries: [
            {
              expr: rate(`${EXCHANGES}${where('failure!=""')}`, ['server', 'failure']),
              legend: '{{server}} {{failure}}',
            },
          ],
        }),
        graph({
          title: 'Open connections of clients',
          description: 'By instance. Beyond --max-connections Sidelight closes new ones.',
          unit: 'short',
          width: 8,
          queries: [
            {
              expr: `sum by (instance) (sidelight_http_connections_open${OF_SIDECAR})`,
              legend: '{{instance}}',
            },
          ],
        }),
      ],
    },
  ],
};

function percent(part: number): string {
  return `${Number((100 * part).toPrecision(3))} %`;
}
