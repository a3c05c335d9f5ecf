/**
 * PromQL that several boards share: what a board selects by its variables, and what counts as failed. It never says how
 * something looks.
 */
import { grown } from '../alerts/rule.ts';

/** The variables of every board, as matchers. `job` and `instance` are what Prometheus adds at a scrape. */
const SCRAPED = 'job=~"$job", instance=~"$instance"';
/** For metrics that have a `server`. */
export const BY_SERVER = `{${SCRAPED}, server=~"$server"}`;
/** For metrics of Sidelight itself, which have none. */
export const OF_SIDECAR = `{${SCRAPED}}`;

/** The selection of `BY_SERVER` with more matchers, such as `outcome="ok"`. */
export function where(...matchers: readonly string[]): string {
  return `{${[SCRAPED, 'server=~"$server"', ...matchers].join(', ')}}`;
}

export function whereSidecar(...matchers: readonly string[]): string {
  return `{${[SCRAPED, ...matchers].join(', ')}}`;
}

/** Tool calls of the tools that a board selects. */
export const CALLS = where('mcp_method_name="tools/call"', 'gen_ai_tool_name=~"$tool"');

/** Operations by their duration's count: a caller's mistake, such as an unknown method, has no error type there. */
export const OPERATIONS = 'mcp_server_operation_duration_seconds_count';
export const DURATIONS = 'mcp_server_operation_duration_seconds_bucket';

export function rate(series: string, labels: readonly string[] = []): string {
  return `${sum(labels)} (rate(${series}[$__rate_interval]))`;
}

/** What came in the whole range that is shown. */
export function counted(series: string, labels: readonly string[] = []): string {
  return `${sum(labels)} (increase(${series}[$__range]))`;
}

/**
 * As `counted`, for what happens seldom: a counter that begins within the range, at 1 and not at 0, counts as a whole.
 */
export function happened(series: string): string {
  return grown('', series, '$__range');
}

/** 0 to 1, and empty where there was nothing to divide by. */
export function share(part: string, whole: string): string {
  return `${part}\n/\n(${whole} > 0)`;
}

/** Of parts that may have no series yet: then nothing of the whole is 0. */
export function shareOrNone(part: string, whole: string): string {
  return share(`(${part} or 0 * ${whole})`, whole);
}

export function quantile(
  q: number,
  buckets: string,
  labels: readonly string[] = [],
  window = '$__rate_interval',
): string {
  return `histogram_quantile(${q}, ${sum(['le', ...labels])} (rate(${buckets}[${window}])))`;
}

function sum(labels: readonly string[]): string {
  return labels.length === 0 ? 'sum' : `sum by (${labels.join(', ')})`;
}
