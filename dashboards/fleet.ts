/** All sidecars at once: how many there are, of which version, which of them stand out, and what is sent to the fleet’s store. */
import type { Board } from './board.ts';
import { graph, number, table } from './panels.ts';
import {
  BY_SERVER,
  counted,
  OF_SIDECAR,
  OPERATIONS,
  rate,
  shareOrNone,
  where,
  whereSidecar,
} from './queries.ts';

const ALL = `${OPERATIONS}${BY_SERVER}`;
const FAILED = `${OPERATIONS}${where('error_type!=""')}`;
const BUILD = `sidelight_build_info${OF_SIDECAR}`;
/** Targets that have been sidecars within a day, whether or not they answer now. */
const SCRAPED = `up${OF_SIDECAR} and on (job, instance) last_over_time(${BUILD}[1d])`;
const INSTANCE = ['job', 'instance'];

export const fleet: Board = {
  name: 'fleet',
  title: 'Fleet',
  description: 'All sidecars together: which versions run, which do not answer, which stand out.',
  rows: [
    {
      title: 'At a glance',
      panels: [
        number({
          title: 'Sidecars',
          description: 'That were scraped last.',
          unit: 'short',
          width: 6,
          expr: `count(${BUILD})`,
        }),
        number({
          title: 'Sidecars that do not answer',
          description: 'Targets that have been sidecars within a day and cannot be scraped now.',
          unit: 'short',
          width: 6,
          expr: `count((${SCRAPED}) == 0)`,
          steps: [{ color: 'green' }, { color: 'red', from: 1 }],
        }),
        number({
          title: 'Servers',
          description: 'Names of servers behind the sidecars.',
          unit: 'short',
          width: 6,
          expr: `count(count by (server) (sidelight_sessions_active${BY_SERVER}))`,
        }),
        number({
          title: 'Sidecars that drop copies',
          description: 'Of which traces, metrics or recordings have gaps.',
          unit: 'short',
          width: 6,
          expr: `count(sum by (job, instance) (sidelight_dropped_total${whereSidecar('stage!="listener"')}) > 0)`,
          steps: [{ color: 'green' }, { color: 'orange', from: 1 }],
        }),
      ],
    },
    {
      title: 'Who runs what',
      panels: [
        graph({
          title: 'Sidecars by version',
          description: 'Of Sidelight, as a rollout shows.',
          unit: 'short',
          stacked: true,
          queries: [{ expr: `count by (version) (${BUILD})`, legend: '{{version}}' }],
        }),
        graph({
          title: 'Sidecars by Node',
          description: 'The version of Node that they run on.',
          unit: 'short',
          stacked: true,
          queries: [{ expr: `count by (node_version) (${BUILD})`, legend: '{{node_version}}' }],
        }),
        graph({
          title: 'Sessions by client',
          description: 'Active sessions by what the client said it is.',
          unit: 'short',
          stacked: true,
          queries: [
            { expr: `sum by (client_name) (sidelight_client_info${BY_SERVER})`, legend: '{{client_name}}' },
          ],
        }),
        graph({
          title: 'Sessions by protocol revision',
          description: 'Active sessions: what would break if a revision went away.',
          unit: 'short',
          stacked: true,
          queries: [
            {
              expr: `sum by (mcp_protocol_version) (sidelight_client_info${BY_SERVER})`,
              legend: '{{mcp_protocol_version}}',
            },
          ],
        }),
      ],
    },
    {
      title: 'Which stand out',
      panels: [
        graph({
          title: 'Busiest instances',
          description: 'The ten with most operations for each second.',
          width: 8,
          unit: 'ops',
          queries: [{ expr: `topk(10, ${rate(ALL, INSTANCE)})`, legend: '{{job}} {{instance}}' }],
        }),
        graph({
          title: 'Instances that fail most',
          description: 'The ten with the highest share of failed operations, tool errors included.',
          width: 8,
          unit: 'percentunit',
          max: 1,
          queries: [
            {
              expr: `topk(10, ${shareOrNone(rate(FAILED, INSTANCE), rate(ALL, INSTANCE))})`,
              legend: '{{job}} {{instance}}',
            },
          ],
        }),
        graph({
          title: 'Largest servers',
          description: 'The ten server processes with most resident memory.',
          width: 8,
          unit: 'bytes',
          queries: [
            {
              expr: `topk(10, sum by (job, instance, server) (sidelight_server_resident_memory_bytes${BY_SERVER}))`,
              legend: '{{instance}} {{server}}',
            },
          ],
        }),
        table({
          title: 'All sidecars',
          description: 'Each with its version and what it counted in the range that is shown.',
          unit: 'short',
          columns: { job: 'Job', instance: 'Instance', version: 'Version', node_version: 'Node' },
          queries: [
            {
              expr: `${counted(ALL, INSTANCE)} * on (job, instance) group_right sum by (job, instance, version, node_version) (${BUILD})`,
              legend: 'Operations',
              unit: 'short',
            },
          ],
        }),
      ],
    },
    {
      title: 'The fleet’s store',
      panels: [
        graph({
          title: 'Age of the oldest row that waits',
          description:
            'Of the ten machines that wait longest: some seconds where all is well, 0 where nothing is sent to ClickHouse.',
          unit: 's',
          width: 8,
          queries: [
            {
              expr: `topk(10, max by (job, instance) (sidelight_fleet_lag_seconds${OF_SIDECAR}))`,
              legend: '{{instance}}',
            },
          ],
        }),
        graph({
          title: 'Bytes that wait',
          description:
            'Of the ten machines with most of it. Above ship.maxSpoolSize payloads are given up, then rows. Sidecars of one machine show the same.',
          unit: 'bytes',
          width: 8,
          queries: [
            {
              expr: `topk(10, max by (job, instance) (sidelight_fleet_waiting_bytes${OF_SIDECAR}))`,
              legend: '{{instance}}',
            },
          ],
        }),
        graph({
          title: 'Sessions and frames that wait',
          description: 'Of all machines; each sidecar of a machine counts it again.',
          unit: 'short',
          width: 8,
          queries: [
            { expr: `sum(sidelight_fleet_waiting_sessions${OF_SIDECAR})`, legend: 'sessions' },
            { expr: `sum(sidelight_fleet_waiting_frames${OF_SIDECAR})`, legend: 'frames' },
          ],
        }),
        graph({
          title: 'Rows brought to the fleet’s store',
          description:
            'By the sidecar of each machine that has the lease, each counted once: sessions, frames, operations, findings, and payloads of frames.',
          unit: 'ops',
          width: 8,
          stacked: true,
          queries: [{ expr: rate(`sidelight_fleet_rows_total${OF_SIDECAR}`, ['kind']), legend: '{{kind}}' }],
        }),
        graph({
          title: 'Batches',
          description: 'Few large ones are better than many small ones: ship.every.',
          unit: 'ops',
          width: 4,
          queries: [{ expr: rate(`sidelight_fleet_batches_total${OF_SIDECAR}`, []), legend: 'batches' }],
        }),
        graph({
          title: 'Bytes of payloads',
          description: 'Of what went there, without compression.',
          unit: 'Bps',
          width: 4,
          queries: [{ expr: rate(`sidelight_fleet_bytes_total${OF_SIDECAR}`, []), legend: 'bytes' }],
        }),
        graph({
          title: 'Failed tries',
          description: 'away: the engine does not answer or cannot now; refused: somebody has to mend it.',
          unit: 'ops',
          width: 8,
          stacked: true,
          queries: [
            {
              expr: rate(`sidelight_failures_total${whereSidecar('part="fleet"')}`, ['instance', 'reason']),
              legend: '{{instance}} {{reason}}',
            },
          ],
        }),
        graph({
          title: 'What will never be there',
          description:
            'Above the caps of what may wait (spool_size, spool_age), deleted before, or not taken (rejected). The table gap of the fleet’s store says of which sessions.',
          unit: 'ops',
          width: 12,
          stacked: true,
          queries: [
            {
              expr: rate(`sidelight_fleet_lost_total${OF_SIDECAR}`, ['kind', 'reason']),
              legend: '{{kind}} {{reason}}',
            },
          ],
        }),
        graph({
          title: 'Dead letters',
          description: 'Rows that were not taken and lie in the recordings of their machines.',
          unit: 'short',
          width: 12,
          queries: [
            {
              expr: `max by (job, instance) (sidelight_fleet_dead_letters${OF_SIDECAR}) > 0`,
              legend: '{{instance}}',
            },
          ],
        }),
      ],
    },
  ],
};
