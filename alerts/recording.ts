/**
 * The recording rules: shares of broken, slow and cancelled operations over the windows that alerts look at. Names are
 * level:metric:operations; the level is job and server, over all instances.
 */
import { BY_SERVER, type Group, OPERATIONS, ratio, type RecordingRule } from './rule.ts';
import { BURN_RATES, OBJECTIVES } from './thresholds.ts';

const WINDOWS = [...new Set(BURN_RATES.flatMap(({ short, long }) => [short, long]))];
/** In these the operations themselves are counted, too, since few of them say nothing. */
const LONG = BURN_RATES.map(({ long }) => long);

/** What the caller did wrong has no error type; what a tool says of itself is told by SidelightToolFailing. */
const BROKEN = `${OPERATIONS}{error_type!~"|tool_error"}`;
/** Prometheus 3 writes the bound as 10.0. */
const QUICK = `mcp_server_operation_duration_seconds_bucket{le=~"${OBJECTIVES.slowSeconds}|${OBJECTIVES.slowSeconds}[.]0"}`;

const CALLS = 'sidelight_operations_total{mcp_method_name="tools/call"}';
const GIVEN_UP = 'sidelight_operations_total{mcp_method_name="tools/call", outcome=~"cancelled|timeout"}';

/** Names of the recorded series, by window. */
export const RATE = (window: string): string => `job_server:mcp_server_operations:rate${window}`;
export const BROKEN_RATIO = (window: string): string =>
  `job_server:mcp_server_operations_broken:ratio_rate${window}`;
export const SLOW_RATIO = (window: string): string =>
  `job_server:mcp_server_operations_slow:ratio_rate${window}`;
export const CALLS_RATE = 'job_server:sidelight_calls:rate1h';
export const GIVEN_UP_RATIO = 'job_server:sidelight_calls_given_up:ratio_rate1h';

export const RECORDING: readonly Group<RecordingRule>[] = [
  {
    name: 'sidelight-objectives.rules',
    rules: [
      ...LONG.map((window) => ({
        record: RATE(window),
        expr: `sum ${BY_SERVER} (rate(${OPERATIONS}[${window}]))`,
      })),
      ...WINDOWS.flatMap((window) => [
        { record: BROKEN_RATIO(window), expr: ratio(BY_SERVER, BROKEN, OPERATIONS, window) },
        { record: SLOW_RATIO(window), expr: `1 - ${ratio(BY_SERVER, QUICK, OPERATIONS, window)}` },
      ]),
    ],
  },
  {
    name: 'sidelight-calls.rules',
    rules: [
      { record: CALLS_RATE, expr: `sum ${BY_SERVER} (rate(${CALLS}[1h]))` },
      { record: GIVEN_UP_RATIO, expr: ratio(BY_SERVER, GIVEN_UP, CALLS, '1h') },
    ],
  },
];
