/** What each alert must and must not fire at, as unit tests that promtool runs over the generated rules. */
import { ALERTS } from './alerts.ts';
import { itselfCases } from './cases/itself.ts';
import { protocolCases } from './cases/protocol.ts';
import { serverCases } from './cases/server.ts';
import { serviceCases } from './cases/service.ts';
import { RECORDING } from './recording.ts';
import { LINKS } from './thresholds.ts';

export interface Expected {
  readonly labels: Readonly<Record<string, string>>;
  readonly summary: string;
  readonly description: string;
  /** What follows the address of Grafana and /d/sidelight-. */
  readonly dashboard: string;
}

export interface Case {
  readonly name: string;
  /** Samples a minute apart, in the notation of promtool. */
  readonly series: Readonly<Record<string, string>>;
  /** By the time at which it is asked; none means that the alert is silent. */
  readonly at: Readonly<Record<string, readonly Expected[]>>;
}

export const CASES: Readonly<Record<string, readonly Case[]>> = {
  ...serverCases,
  ...serviceCases,
  ...protocolCases,
  ...itselfCases,
};

/** Those that go over hours or days need not be looked at each minute. */
const SELDOM: ReadonlySet<string> = new Set([
  'SidelightErrorBudgetBurn',
  'SidelightLatencyBudgetBurn',
  'SidelightCancellationsRising',
  'SidelightInputAbandoned',
  'SidelightServerDescriptorsGrowing',
  'SidelightServerMemoryGrowing',
]);

export function testsOf(alert: string): object {
  return {
    rule_files: ['../generated/recording.yaml', '../generated/alerts.yaml'],
    // In any other order an alert would see what was recorded at the evaluation before, and now and then it would not.
    group_eval_order: [...RECORDING, ...ALERTS].map((group) => group.name),
    evaluation_interval: SELDOM.has(alert) ? '5m' : '1m',
    tests: (CASES[alert] ?? []).map(({ name, series, at }) => ({
      name,
      interval: '1m',
      input_series: Object.entries(series).map(([one, values]) => ({ series: one, values })),
      alert_rule_test: Object.entries(at).map(([time, expected]) => ({
        eval_time: time,
        alertname: alert,
        exp_alerts: expected.map(({ labels, summary, description, dashboard }) => ({
          exp_labels: labels,
          exp_annotations: {
            summary,
            description,
            runbook_url: `${LINKS.runbooks}/${alert}.md`,
            dashboard_url: `${LINKS.grafana}/d/sidelight-${dashboard}`,
          },
        })),
      })),
    })),
  };
}
