/** The server as a process: whether it runs, how it ended, what it uses, and whether it is stuck. */
import type { Board } from './board.ts';
import { graph, number, table } from './panels.ts';
import { BY_SERVER, happened, rate, where } from './queries.ts';

const EACH = ['instance', 'server'];
const LEGEND = '{{instance}} {{server}}';
const FROM_CLIENT = where('initiator="client_to_server"');
const each = (metric: string): string => `sum by (instance, server) (${metric}${BY_SERVER})`;

export const serverProcess: Board = {
  name: 'process',
  title: 'Server process',
  description:
    'Does the server run, why did it end, what does it use, and does it still answer? Processes are those that Sidelight started (stdio); their use of the machine is read on Linux only.',
  rows: [
    {
      title: 'At a glance',
      panels: [
        number({
          title: 'Running',
          description: 'Server processes that run behind a sidecar. Servers on HTTP have none of ours.',
          unit: 'short',
          width: 6,
          expr: `sum(sidelight_server_up${BY_SERVER})`,
        }),
        number({
          title: 'Crashes',
          description:
            'Processes that ended by a signal or with another code than 0 while a client was there, in the range.',
          unit: 'short',
          width: 6,
          expr: `sum(max_over_time(sidelight_server_exits_total${where('cause!="normal"')}[$__range]))`,
          steps: [{ color: 'green' }, { color: 'red', from: 1 }],
        }),
        number({
          title: 'In flight',
          description: 'Requests of clients without an answer.',
          unit: 'short',
          width: 6,
          expr: `sum(sidelight_operations_in_flight${FROM_CLIENT})`,
        }),
        number({
          title: 'Oldest request in flight',
          description:
            'Age of the oldest request of a client without an answer: if it only grows, the call hangs.',
          unit: 's',
          width: 6,
          expr: `max(sidelight_oldest_operation_age_seconds${FROM_CLIENT})`,
          steps: [{ color: 'green' }, { color: 'orange', from: 60 }, { color: 'red', from: 300 }],
        }),
      ],
    },
    {
      title: 'Life',
      panels: [
        graph({
          title: 'Running processes',
          description:
            '1 for each server that runs, 0 for one that went down, always 0 for a server on HTTP.',
          unit: 'short',
          queries: [{ expr: each('sidelight_server_up'), legend: LEGEND }],
        }),
        graph({
          title: 'Sidecars that started anew',
          description:
            'How often counters of an instance began at 0 again in 15 minutes. On stdio server and sidecar share their life, so this is how a crash loop looks.',
          unit: 'short',
          queries: [
            {
              expr: `sum by (instance, server) (resets(sidelight_messages_total${where('direction="client_to_server"', 'kind="request"')}[15m]))`,
              legend: LEGEND,
            },
          ],
        }),
        table({
          title: 'Ended processes',
          description:
            'By cause: normal, exit_code or signal. A sidecar on stdio ends with its server, so only what was scraped or sent over OTLP in between is here.',
          unit: 'short',
          columns: { server: 'Server', cause: 'Cause' },
          width: 12,
          queries: [
            {
              expr: `sum by (server, cause) (max_over_time(sidelight_server_exits_total${BY_SERVER}[$__range]))`,
              legend: 'Processes',
              unit: 'short',
            },
          ],
        }),
        graph({
          title: 'Started processes',
          description: 'By the sidecars that are there now.',
          unit: 'short',
          queries: [{ expr: each('sidelight_server_starts_total'), legend: LEGEND }],
        }),
      ],
    },
    {
      title: 'Use of the machine',
      panels: [
        graph({
          title: 'CPU',
          description: 'Cores in use by the server, without its children: 1 is one core at full load.',
          unit: 'short',
          width: 8,
          queries: [{ expr: rate(`sidelight_server_cpu_seconds_total${BY_SERVER}`, EACH), legend: LEGEND }],
        }),
        graph({
          title: 'Resident memory',
          description: 'Of the server, without its children. What only grows is a leak.',
          unit: 'bytes',
          width: 8,
          queries: [{ expr: each('sidelight_server_resident_memory_bytes'), legend: LEGEND }],
        }),
        graph({
          title: 'Open file descriptors',
          description:
            'Of the server. What only grows is a leak: files, sockets or pipes that nobody closes.',
          unit: 'short',
          width: 8,
          queries: [{ expr: each('sidelight_server_open_fds'), legend: LEGEND }],
        }),
      ],
    },
    {
      title: 'Is it stuck?',
      panels: [
        graph({
          title: 'Requests in flight',
          description: 'Requests without an answer, by who asked.',
          unit: 'short',
          queries: [
            {
              expr: `sum by (server, initiator) (sidelight_operations_in_flight${BY_SERVER})`,
              legend: '{{server}} {{initiator}}',
            },
          ],
        }),
        graph({
          title: 'Age of the oldest request in flight',
          description: 'A straight line upwards is a call that hangs.',
          unit: 's',
          queries: [
            {
              expr: `max by (server, initiator) (sidelight_oldest_operation_age_seconds${BY_SERVER})`,
              legend: '{{server}} {{initiator}}',
            },
          ],
        }),
        number({
          title: 'Hung requests found',
          description: 'Requests without answer, progress or log message for five minutes, in the range.',
          unit: 'short',
          width: 12,
          expr: happened(`sidelight_findings_total${where('rule="hung_operation"')}`),
          steps: [{ color: 'green' }, { color: 'orange', from: 1 }],
        }),
        number({
          title: 'Output on stdout that is no message',
          description: 'Lines that a server on stdio wrote where only messages may be, in the range.',
          unit: 'short',
          width: 12,
          expr: happened(`sidelight_findings_total${where('rule="stray_stdout"')}`),
          steps: [{ color: 'green' }, { color: 'orange', from: 1 }],
        }),
      ],
    },
  ],
};
