/** Alerts about how well operations do. Every number stands in thresholds.ts. */
import { BROKEN_RATIO, CALLS_RATE, GIVEN_UP_RATIO, RATE, SLOW_RATIO } from '../recording.ts';
import { all, BY_SERVER, OF_SERVER, OPERATIONS, type Row } from '../rule.ts';
import { BURN_RATES, OBJECTIVES, THRESHOLDS as T } from '../thresholds.ts';

const SECONDS: Readonly<Record<string, number>> = { m: 60, h: 3600, d: 86_400 };
const CALLS = `${OPERATIONS}{mcp_method_name="tools/call", gen_ai_tool_name!="_other"}`;
const FAILED_CALLS = `${OPERATIONS}{mcp_method_name="tools/call", gen_ai_tool_name!="_other", error_type!=""}`;
const BY_TOOL = 'by (job, server, gen_ai_tool_name)';
const NO_INPUT = `sum ${BY_SERVER} (increase(sidelight_operations_total{outcome="input_required"}[1h]))`;
const ASKED = `sum ${BY_SERVER} (increase(sidelight_operation_input_required_total[1h]))`;

export const serviceRows: readonly Row[] = [
  ...BURN_RATES.map((rate): Row =>
    burning('SidelightErrorBudgetBurn', rate, BROKEN_RATIO, 1 - OBJECTIVES.errors, {
      summary: 'MCP server {{ $labels.server }} breaks too many operations',
      what: 'of its operations broke',
    }),
  ),
  ...BURN_RATES.map((rate): Row =>
    burning('SidelightLatencyBudgetBurn', rate, SLOW_RATIO, 1 - OBJECTIVES.latency, {
      summary: 'MCP server {{ $labels.server }} is too slow',
      what: `of its operations took longer than ${OBJECTIVES.slowSeconds} s`,
    }),
  ),
  {
    alert: 'SidelightToolFailing',
    severity: 'warning',
    expr: all(
      `sum ${BY_TOOL} (increase(${FAILED_CALLS}[30m])) / sum ${BY_TOOL} (increase(${CALLS}[30m])) > ${T.toolFailingShare}`,
      `sum ${BY_TOOL} (increase(${CALLS}[30m])) >= ${T.toolFailingCalls}`,
    ),
    wait: '5m',
    summary: 'Tool {{ $labels.gen_ai_tool_name }} of {{ $labels.server }} fails most of the time',
    description: `${OF_SERVER}: {{ $value | humanizePercentage }} of the calls of {{ $labels.gen_ai_tool_name }} failed in 30 minutes, tool errors included.`,
    board: 'tools',
    narrowedBy: ['job', 'server', 'tool'],
  },
  {
    alert: 'SidelightCallsHung',
    severity: 'warning',
    expr: `max by (job, instance, server) (sidelight_oldest_operation_age_seconds{initiator="client_to_server"}) > ${T.hungSeconds}`,
    wait: '1m',
    summary: 'A request to MCP server {{ $labels.server }} hangs',
    description:
      'The oldest request to {{ $labels.server }} behind {{ $labels.instance }} has had no answer for {{ $value | humanizeDuration }}.',
    board: 'process',
    narrowedBy: ['job', 'instance', 'server'],
  },
  {
    alert: 'SidelightInputAbandoned',
    severity: 'warning',
    expr: all(`${NO_INPUT} / ${ASKED} > ${T.abandonedInputShare}`, `${NO_INPUT} >= ${T.abandonedInputs}`),
    wait: '10m',
    summary: 'Questions of MCP server {{ $labels.server }} are not answered',
    description: `${OF_SERVER}: {{ $value | humanizePercentage }} of what it asked people or models for in an hour never came.`,
    board: 'interaction',
    narrowedBy: ['job', 'server'],
  },
  {
    alert: 'SidelightCancellationsRising',
    severity: 'warning',
    expr: all(
      `${GIVEN_UP_RATIO} > ${T.cancelledShare}`,
      `${GIVEN_UP_RATIO} > ${T.cancelledGrowth} * (${GIVEN_UP_RATIO} offset 1d or 0 * ${GIVEN_UP_RATIO})`,
      `${CALLS_RATE} * 3600 >= ${T.cancelledCalls}`,
    ),
    wait: '15m',
    summary: 'Clients give up on MCP server {{ $labels.server }}',
    description: `${OF_SERVER}: {{ $value | humanizePercentage }} of the calls of an hour were cancelled or timed out, ${T.cancelledGrowth} times more than a day ago.`,
    board: 'interaction',
    narrowedBy: ['job', 'server'],
  },
];

function burning(
  alert: string,
  { factor, long, short, wait, severity }: (typeof BURN_RATES)[number],
  share: (window: string) => string,
  budget: number,
  { summary, what }: { readonly summary: string; readonly what: string },
): Row {
  const limit = Number((factor * budget).toPrecision(4));
  return {
    alert,
    severity,
    expr: all(
      `${share(long)} > ${limit}`,
      `${share(short)} > ${limit}`,
      `${RATE(long)} * ${secondsOf(long)} >= ${T.minOperations}`,
    ),
    wait,
    labels: { window: long },
    summary,
    description: `${OF_SERVER}: {{ $value | humanizePercentage }} ${what} within ${long}, so that the budget of 30 days is spent ${factor} times too fast or worse.`,
    board: 'overview',
    narrowedBy: ['job', 'server'],
  };
}

function secondsOf(window: string): number {
  return Number.parseInt(window, 10) * (SECONDS[window.slice(-1)] ?? 1);
}
