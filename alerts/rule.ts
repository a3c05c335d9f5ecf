/** What rules are, as we write them and as Prometheus reads them, and what several of them share. It knows no threshold. */

export interface RecordingRule {
  readonly record: string;
  readonly expr: string;
}

export interface AlertingRule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** An alert as we write it. */
export interface Row {
  readonly alert: string;
  /** critical: somebody has to get up. warning: within the day. info: to know. */
  readonly severity: 'critical' | 'warning' | 'info';
  readonly expr: string;
  readonly wait: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly summary: string;
  readonly description: string;
  /** The board that shows it, narrowed down to these labels of the alert, which have variables there. */
  readonly board: string;
  readonly narrowedBy: readonly ('job' | 'instance' | 'server' | 'tool')[];
}

export interface Group<Rule> {
  readonly name: string;
  readonly interval?: string;
  readonly rules: readonly Rule[];
}

export const OPERATIONS = 'mcp_server_operation_duration_seconds_count';
export const BY_SERVER = 'by (job, server)';
export const BY_INSTANCE = 'by (job, instance)';

/**
 * By how much a counter grew. Counters of rare things begin with their first occurrence, at 1 and not at 0, which
 * `increase` does not see: what was not there at the beginning of the window counts as a whole.
 */
export function grown(by: string, counter: string, window: string): string {
  return [
    `${by === '' ? 'sum' : `sum ${by}`} (`,
    `  (max_over_time(${counter}[${window}]) unless ${counter} offset ${window})`,
    `  or increase(${counter}[${window}])`,
    `)`,
  ].join('\n');
}

/** Part of a whole by rates, 0 where there is nothing of the part. */
export function ratio(by: string, part: string, whole: string, window: string): string {
  const of = (series: string): string => `sum ${by} (rate(${series}[${window}]))`;
  return `(${of(part)} or 0 * ${of(whole)})\n/\n(${of(whole)} > 0)`;
}

/** How descriptions begin. */
export const OF_SERVER = 'Server {{ $labels.server }} (job {{ $labels.job }})';
export const AT_INSTANCE = 'The sidecar {{ $labels.instance }} (job {{ $labels.job }})';

export function all(...conditions: readonly string[]): string {
  return conditions.join('\nand\n');
}
