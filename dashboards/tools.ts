/** What each tool costs its callers: how often it is called, how it fails, how long it takes, how much it gives back. */
import type { Board } from './board.ts';
import { graph, heatmap, number, table } from './panels.ts';
import {
  CALLS,
  counted,
  DURATIONS,
  OPERATIONS,
  quantile,
  rate,
  share,
  shareOrNone,
  where,
} from './queries.ts';

const ALL = `${OPERATIONS}${CALLS}`;
const ofTools = (...matchers: readonly string[]): string =>
  where('mcp_method_name="tools/call"', 'gen_ai_tool_name=~"$tool"', ...matchers);
const FAILED = `${OPERATIONS}${ofTools('error_type!=""')}`;
const BUCKETS = `${DURATIONS}${CALLS}`;
const OUTCOMES = `sidelight_operations_total${CALLS}`;
const RESULT_BYTES = `sidelight_tool_result_bytes_total${where('gen_ai_tool_name=~"$tool"')}`;
const TOOL = ['server', 'gen_ai_tool_name'];
const LEGEND = '{{server}} {{gen_ai_tool_name}}';

export const tools: Board = {
  name: 'tools',
  title: 'Tools',
  description: 'Which tool is called, which fails and how, which is slow, and which returns much.',
  byTool: true,
  rows: [
    {
      title: 'At a glance',
      panels: [
        number({
          title: 'Calls',
          description: 'Finished calls in the range that is shown.',
          unit: 'short',
          width: 6,
          expr: counted(ALL),
        }),
        number({
          title: 'Failed calls',
          description: 'Share of calls that failed, by an error result or without one.',
          unit: 'percentunit',
          width: 6,
          expr: shareOrNone(counted(FAILED), counted(ALL)),
          steps: [{ color: 'green' }, { color: 'orange', from: 0.1 }, { color: 'red', from: 0.5 }],
        }),
        number({
          title: 'Duration, 95th percentile',
          description: 'Of the calls in the range that is shown; the time that a person took is in it.',
          unit: 's',
          width: 6,
          expr: quantile(0.95, BUCKETS, [], '$__range'),
        }),
        number({
          title: 'Bytes of a result',
          description: 'On average. About a quarter of it are the tokens that a model reads.',
          unit: 'bytes',
          width: 6,
          expr: share(counted(RESULT_BYTES), counted(OUTCOMES)),
        }),
      ],
    },
    {
      title: 'Rate and errors',
      panels: [
        graph({
          title: 'Calls by tool',
          description: 'A tool that the server has not listed is _other.',
          unit: 'ops',
          queries: [{ expr: rate(ALL, TOOL), legend: LEGEND }],
        }),
        graph({
          title: 'Failed share by tool',
          description: 'At 1 every call of the tool fails.',
          unit: 'percentunit',
          max: 1,
          queries: [{ expr: shareOrNone(rate(FAILED, TOOL), rate(ALL, TOOL)), legend: LEGEND }],
        }),
        graph({
          title: 'Errors by class',
          description:
            'tool_error: the result says that it failed. timeout: the client gave up. A number: a JSON-RPC error. _OTHER: no answer.',
          unit: 'ops',
          stacked: true,
          queries: [
            {
              expr: rate(FAILED, ['gen_ai_tool_name', 'error_type']),
              legend: '{{gen_ai_tool_name}} {{error_type}}',
            },
          ],
        }),
        graph({
          title: 'Outcomes',
          description: 'How calls ended, cancelled ones and mistakes of the caller included.',
          unit: 'ops',
          stacked: true,
          queries: [{ expr: rate(OUTCOMES, ['outcome']), legend: '{{outcome}}' }],
        }),
      ],
    },
    {
      title: 'Duration',
      panels: [
        heatmap({
          title: 'Calls by duration',
          description:
            'Each cell is how many calls took so long. Points are single calls and lead to their traces.',
          unit: 's',
          expr: `sum by (le) (increase(${BUCKETS}[$__rate_interval]))`,
        }),
        graph({
          title: 'Duration by tool, 95th percentile',
          description: 'Points are single calls and lead to their traces, where Prometheus keeps exemplars.',
          unit: 's',
          queries: [{ expr: quantile(0.95, BUCKETS, TOOL), legend: LEGEND, exemplars: true }],
        }),
      ],
    },
    {
      title: 'Results',
      panels: [
        graph({
          title: 'Bytes of a result by tool',
          description:
            'On average. They go into the context of a model, which pays for them with every turn.',
          unit: 'bytes',
          queries: [{ expr: share(rate(RESULT_BYTES, TOOL), rate(OUTCOMES, TOOL)), legend: LEGEND }],
        }),
        graph({
          title: 'Bytes of results by tool',
          description: 'For each second: what is called often counts as well as what returns much.',
          unit: 'Bps',
          stacked: true,
          queries: [{ expr: rate(RESULT_BYTES, TOOL), legend: LEGEND }],
        }),
        table({
          title: 'Tools, slowest first',
          description:
            'The 25 tools with the highest 95th percentile in the range that is shown, and how they did.',
          unit: 'short',
          columns: { server: 'Server', gen_ai_tool_name: 'Tool' },
          queries: [
            {
              expr: `topk(25, ${quantile(0.95, BUCKETS, TOOL, '$__range')} >= 0)`,
              legend: '95th percentile',
              unit: 's',
            },
            { expr: counted(ALL, TOOL), legend: 'Calls', unit: 'short' },
            {
              expr: shareOrNone(counted(FAILED, TOOL), counted(ALL, TOOL)),
              legend: 'Failed share',
              unit: 'percentunit',
            },
            {
              expr: share(counted(RESULT_BYTES, TOOL), counted(OUTCOMES, TOOL)),
              legend: 'Bytes of a result',
              unit: 'bytes',
            },
          ],
        }),
      ],
    },
  ],
};
