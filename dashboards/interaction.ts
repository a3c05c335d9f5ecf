/** Sessions, and everything in them that is more than a call and its answer: input, cancels, findings, streams. */
import type { Board } from './board.ts';
import { graph, number, table } from './panels.ts';
import { BY_SERVER, happened, quantile, rate, share, where } from './queries.ts';

const ASKED = `sidelight_operation_input_required_total${BY_SERVER}`;
const WAITS = `sidelight_operation_input_wait_seconds_bucket${BY_SERVER}`;
const OPERATIONS = `sidelight_operations_total${BY_SERVER}`;
const FINDINGS = `sidelight_findings_total${BY_SERVER}`;
const SESSIONS = 'mcp_server_session_duration_seconds';
const ended = (outcomes: string): string => `sidelight_operations_total${where(`outcome=~"${outcomes}"`)}`;

export const interaction: Board = {
  name: 'interaction',
  title: 'Sessions and interaction',
  description:
    'Who waits for whom: questions to people and models, what was given up or came too late, and what is off the happy path.',
  rows: [
    {
      title: 'At a glance',
      panels: [
        number({
          title: 'Active sessions',
          description: 'Sessions that have not ended.',
          unit: 'short',
          expr: `sum(sidelight_sessions_active${BY_SERVER})`,
        }),
        number({
          title: 'Waiting for input',
          description:
            'Operations that asked for input which has not come: a person or a model is at it, or nobody.',
          unit: 'short',
          expr: `sum(sidelight_operations_waiting_for_input${BY_SERVER})`,
        }),
        number({
          title: 'Input never came',
          description:
            'Operations that ended without the input that they asked for, in the range that is shown.',
          unit: 'short',
          expr: happened(ended('input_required')),
          steps: [{ color: 'green' }, { color: 'orange', from: 1 }],
        }),
        number({
          title: 'Abandoned',
          description:
            'Operations without an answer until the session or the HTTP response ended, in the range.',
          unit: 'short',
          expr: happened(ended('abandoned')),
          steps: [{ color: 'green' }, { color: 'orange', from: 1 }],
        }),
        number({
          title: 'Cancelled or timed out',
          description: 'Operations that the client gave up, in the range that is shown.',
          unit: 'short',
          expr: happened(ended('cancelled|timeout')),
        }),
        number({
          title: 'Late results',
          description:
            'Answers that came after their request was cancelled: work that nobody wanted any more.',
          unit: 'short',
          expr: happened(`sidelight_findings_total${where('rule="late_result"')}`),
          steps: [{ color: 'green' }, { color: 'orange', from: 1 }],
        }),
      ],
    },
    {
      title: 'Sessions',
      panels: [
        graph({
          title: 'Active sessions by server',
          description: 'On stdio a sidecar has one; over HTTP as many as clients opened.',
          unit: 'short',
          width: 8,
          queries: [
            { expr: `sum by (server) (sidelight_sessions_active${BY_SERVER})`, legend: '{{server}}' },
          ],
        }),
        graph({
          title: 'Ended sessions',
          description: 'An error type says that the server crashed or did not start.',
          unit: 'ops',
          width: 8,
          queries: [
            {
              expr: rate(`${SESSIONS}_count${BY_SERVER}`, ['server', 'error_type']),
              legend: '{{server}} {{error_type}}',
            },
          ],
        }),
        graph({
          title: 'Length of sessions',
          description:
            'Median and 95th percentile of those that ended. The longest bucket ends at five minutes.',
          unit: 's',
          width: 8,
          queries: [
            {
              expr: quantile(0.5, `${SESSIONS}_bucket${BY_SERVER}`, ['server']),
              legend: '{{server}} median',
            },
            {
              expr: quantile(0.95, `${SESSIONS}_bucket${BY_SERVER}`, ['server']),
              legend: '{{server}} 95th',
              exemplars: true,
            },
          ],
        }),
      ],
    },
    {
      title: 'Input',
      panels: [
        graph({
          title: 'What servers ask for',
          description:
            'Answers that ask for input instead of giving a result, by what they ask for. none: they only gave a state.',
          unit: 'ops',
          queries: [{ expr: rate(ASKED, ['server', 'input']), legend: '{{server}} {{input}}' }],
        }),
        graph({
          title: 'Wait for input',
          description:
            'How long it took to come, over all round trips of an operation. It is part of its duration.',
          unit: 's',
          queries: [
            { expr: quantile(0.5, WAITS, ['server']), legend: '{{server}} median' },
            { expr: quantile(0.95, WAITS, ['server']), legend: '{{server}} 95th' },
          ],
        }),
        graph({
          title: 'Round trips of an operation',
          description: 'Requests for each finished operation: 1 is a call and its answer.',
          unit: 'short',
          queries: [
            {
              expr: share(
                rate(`sidelight_operation_round_trips_total${BY_SERVER}`, ['server']),
                rate(OPERATIONS, ['server']),
              ),
              legend: '{{server}}',
            },
          ],
        }),
        graph({
          title: 'Requests of servers',
          description:
            'Sampling, elicitation and roots as requests of their own, as before 2026-07-28, and how many of them failed.',
          unit: 'ops',
          queries: [
            {
              expr: rate(`mcp_client_operation_duration_seconds_count${BY_SERVER}`, [
                'server',
                'mcp_method_name',
                'error_type',
              ]),
              legend: '{{server}} {{mcp_method_name}} {{error_type}}',
            },
          ],
        }),
        graph({
          title: 'Time of clients to answer servers',
          description: 'Until the client answered such a request, 95th percentile.',
          unit: 's',
          queries: [
            {
              expr: quantile(0.95, `mcp_client_operation_duration_seconds_bucket${BY_SERVER}`, [
                'server',
                'mcp_method_name',
              ]),
              legend: '{{server}} {{mcp_method_name}}',
              exemplars: true,
            },
          ],
        }),
        graph({
          title: 'Polls of tasks',
          description: 'Requests about tasks of finished operations: clients that poll too often show here.',
          unit: 'ops',
          queries: [
            {
              expr: rate(`sidelight_task_polls_total${BY_SERVER}`, ['server']),
              legend: '{{server}}',
            },
          ],
        }),
      ],
    },
    {
      title: 'Off the happy path',
      panels: [
        graph({
          title: 'Given up',
          description:
            'cancelled and timeout: by the client. abandoned: no answer until the end. input_required: the input never came.',
          unit: 'ops',
          stacked: true,
          queries: [
            {
              expr: rate(ended('cancelled|timeout|abandoned|input_required'), ['server', 'outcome']),
              legend: '{{server}} {{outcome}}',
            },
          ],
        }),
        graph({
          title: 'Findings',
          description:
            'Things that are off before they fail, by rule. docs/findings.md says what to do about each.',
          unit: 'ops',
          stacked: true,
          queries: [{ expr: rate(FINDINGS, ['server', 'rule']), legend: '{{server}} {{rule}}' }],
        }),
        table({
          title: 'Findings since the sidecars started',
          description: 'All of them, the rare ones too, which rates of a short range do not show.',
          unit: 'short',
          columns: { server: 'Server', rule: 'Rule' },
          queries: [{ expr: `sum by (server, rule) (${FINDINGS})`, legend: 'Findings', unit: 'short' }],
        }),
      ],
    },
    {
      title: 'Streams',
      panels: [
        graph({
          title: 'Open streams',
          description: 'Subscriptions, and GET streams over HTTP. Answers that come as events are none.',
          unit: 'short',
          queries: [{ expr: `sum by (server) (sidelight_streams_open${BY_SERVER})`, legend: '{{server}}' }],
        }),
        graph({
          title: 'How long streams are open',
          description:
            'Of those that ended, 95th percentile. Many short ones tell of a proxy that cuts them.',
          unit: 's',
          queries: [
            {
              expr: quantile(0.95, `sidelight_stream_duration_seconds_bucket${BY_SERVER}`, [
                'server',
                'stream',
              ]),
              legend: '{{server}} {{stream}}',
            },
          ],
        }),
      ],
    },
  ],
};
