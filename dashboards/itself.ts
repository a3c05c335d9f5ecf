/** Sidelight itself: what it adds to the traffic, what it lost, and whether its outputs are well. */
import type { Board } from './board.ts';
import { graph, number, table } from './panels.ts';
import { BY_SERVER, happened, OF_SIDECAR, quantile, rate, whereSidecar } from './queries.ts';

const DELAY = `sidelight_relay_delay_seconds_bucket${OF_SIDECAR}`;
const DROPPED = `sidelight_dropped_total${whereSidecar('stage!="listener"')}`;
const FAILURES = `sidelight_failures_total${OF_SIDECAR}`;

export const itself: Board = {
  name: 'itself',
  title: 'Sidelight itself',
  description:
    'What does it add, is anything missing from what it tells, and do its outputs work? Traffic is never lost: what is dropped are copies.',
  rows: [
    {
      title: 'At a glance',
      panels: [
        number({
          title: 'Added delay, 99th percentile',
          description: 'From having a chunk of traffic to having handed it on, in the range that is shown.',
          unit: 's',
          width: 6,
          expr: quantile(0.99, DELAY, [], '$__range'),
        }),
        number({
          title: 'Dropped copies',
          description:
            'Copies and events lost on the way to an output since the sidecars started: where it is not 0, traces, metrics or recordings have gaps.',
          unit: 'short',
          width: 6,
          expr: `sum(${DROPPED})`,
          steps: [{ color: 'green' }, { color: 'red', from: 1 }],
        }),
        number({
          title: 'Failed attempts',
          description: 'Exports and writes that failed, in the range. Most are tried again.',
          unit: 'short',
          width: 6,
          expr: happened(FAILURES),
          steps: [{ color: 'green' }, { color: 'orange', from: 1 }],
        }),
        number({
          title: 'Fullest queue',
          description: 'At 1 a queue is full, and what comes is dropped.',
          unit: 'percentunit',
          width: 6,
          expr: `max(sidelight_queue_depth${OF_SIDECAR} / (sidelight_queue_capacity${OF_SIDECAR} > 0))`,
          steps: [{ color: 'green' }, { color: 'orange', from: 0.5 }, { color: 'red', from: 0.9 }],
        }),
      ],
    },
    {
      title: 'Overhead and traffic',
      panels: [
        graph({
          title: 'Added delay',
          description: 'Of each chunk of traffic: median, 95th and 99th percentile.',
          unit: 's',
          queries: [0.5, 0.95, 0.99].map((q) => ({
            expr: quantile(q, DELAY),
            legend: q === 0.5 ? 'median' : `${100 * q}th`,
          })),
        }),
        graph({
          title: 'Bytes of messages',
          description: 'Both directions, without framing.',
          unit: 'Bps',
          queries: [
            {
              expr: rate(`sidelight_message_bytes_total${BY_SERVER}`, ['server', 'direction']),
              legend: '{{server}} {{direction}}',
            },
          ],
        }),
      ],
    },
    {
      title: 'Queues and losses',
      panels: [
        graph({
          title: 'Queues',
          description:
            'How full: capture in bytes, the others in events. What stays high belongs to a slow output.',
          unit: 'percentunit',
          max: 1,
          queries: [
            {
              expr: `max by (queue) (sidelight_queue_depth${OF_SIDECAR} / (sidelight_queue_capacity${OF_SIDECAR} > 0))`,
              legend: '{{queue}}',
            },
          ],
        }),
        graph({
          title: 'Dropped',
          description:
            'Copies and events by where and why. listener: connections that never became a request, which are refused and not lost.',
          unit: 'ops',
          stacked: true,
          queries: [
            {
              expr: rate(`sidelight_dropped_total${OF_SIDECAR}`, ['instance', 'stage', 'reason']),
              legend: '{{instance}} {{stage}} {{reason}}',
            },
          ],
        }),
        table({
          title: 'Dropped since the sidecars started',
          description: 'All of it, where it was lost and why, with the bytes where they are known.',
          unit: 'short',
          width: 12,
          columns: { instance: 'Instance', stage: 'Stage', reason: 'Reason' },
          queries: [
            {
              expr: `sum by (instance, stage, reason) (sidelight_dropped_total${OF_SIDECAR})`,
              legend: 'Dropped',
              unit: 'short',
            },
            {
              expr: `sum by (instance, stage, reason) (sidelight_dropped_bytes_total${OF_SIDECAR})`,
              legend: 'Bytes',
              unit: 'bytes',
            },
          ],
        }),
        graph({
          title: 'Values that became no label',
          description:
            'Names from the wire that the server never listed, or beyond the cap of a label; they are counted under _other.',
          unit: 'ops',
          queries: [
            { expr: rate(`sidelight_label_overflow_total${OF_SIDECAR}`, ['label']), legend: '{{label}}' },
          ],
        }),
      ],
    },
    {
      title: 'Outputs',
      panels: [
        graph({
          title: 'Failed attempts by output',
          description: 'By output and reason. Exports are tried again, so that some of them are no loss.',
          unit: 'ops',
          stacked: true,
          queries: [
            {
              expr: rate(FAILURES, ['instance', 'part', 'reason']),
              legend: '{{instance}} {{part}} {{reason}}',
            },
          ],
        }),
        graph({
          title: 'Time for a batch',
          description: 'That an output took, 95th percentile; for store one transaction.',
          unit: 's',
          queries: [
            {
              expr: quantile(0.95, `sidelight_sink_write_seconds_bucket${OF_SIDECAR}`, ['sink']),
              legend: '{{sink}}',
            },
          ],
        }),
        graph({
          title: 'Spans',
          description:
            'created, and of them exported; unsampled by the caller’s wish, sampled_out by otlp.sampleRatio. Empty without --otlp-endpoint.',
          unit: 'ops',
          width: 8,
          queries: [{ expr: rate(`sidelight_spans_total${OF_SIDECAR}`, ['state']), legend: '{{state}}' }],
        }),
        graph({
          title: 'Metric points over OTLP',
          description: 'created, and of them exported.',
          unit: 'ops',
          width: 8,
          queries: [
            { expr: rate(`sidelight_metric_points_total${OF_SIDECAR}`, ['state']), legend: '{{state}}' },
          ],
        }),
        graph({
          title: 'Log records over OTLP',
          description: 'created, and of them exported.',
          unit: 'ops',
          width: 8,
          queries: [
            { expr: rate(`sidelight_log_records_total${OF_SIDECAR}`, ['state']), legend: '{{state}}' },
          ],
        }),
      ],
    },
    {
      title: 'The recording',
      panels: [
        graph({
          title: 'Size of the recording',
          description:
            'Its file and its log. Sidecars of one machine share it, so that each of them shows the same.',
          unit: 'bytes',
          width: 8,
          queries: [
            {
              expr: `max by (instance) (sidelight_store_size_bytes${OF_SIDECAR})`,
              legend: '{{instance}}',
            },
          ],
        }),
        graph({
          title: 'Deleted sessions',
          description: 'By the rule of retention that asked for it: age, failed_age, size or sessions.',
          unit: 'ops',
          width: 8,
          stacked: true,
          queries: [
            {
              expr: rate(`sidelight_store_pruned_sessions_total${OF_SIDECAR}`, ['reason']),
              legend: '{{reason}}',
            },
          ],
        }),
        graph({
          title: 'Packed sessions',
          description: 'Sessions that were made smaller after their end.',
          unit: 'ops',
          width: 8,
          queries: [
            {
              expr: rate(`sidelight_store_packed_sessions_total${OF_SIDECAR}`, ['instance']),
              legend: '{{instance}}',
            },
          ],
        }),
      ],
    },
  ],
};
