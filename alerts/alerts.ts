/**
 * The alerts as Prometheus reads them, in the order in which they matter. Each is a row in rows/, and has a runbook of its
 * name and cases in cases/, which tests enforce.
 */
import { itselfRows } from './rows/itself.ts';
import { protocolRows } from './rows/protocol.ts';
import { serverRows } from './rows/server.ts';
import { serviceRows } from './rows/service.ts';
import type { AlertingRule, Group, Row } from './rule.ts';
import { LINKS } from './thresholds.ts';

/** Of variables of boards, where it has another name. */
const LABEL_OF: Readonly<Record<string, string>> = { tool: 'gen_ai_tool_name' };

export const ALERTS: readonly Group<AlertingRule>[] = [
  { name: 'sidelight-server', rules: serverRows.map(ruleOf) },
  { name: 'sidelight-service', rules: serviceRows.map(ruleOf) },
  { name: 'sidelight-protocol', rules: protocolRows.map(ruleOf) },
  { name: 'sidelight-itself', rules: itselfRows.map(ruleOf) },
];

function ruleOf({
  alert,
  severity,
  expr,
  wait,
  labels,
  summary,
  description,
  board,
  narrowedBy,
}: Row): AlertingRule {
  const variables = narrowedBy.map(
    (name) => `var-${name}={{ $labels.${LABEL_OF[name] ?? name} | urlquery }}`,
  );
  return {
    alert,
    expr,
    for: wait,
    labels: { severity, ...labels },
    annotations: {
      summary,
      description,
      runbook_url: `${LINKS.runbooks}/${alert}.md`,
      dashboard_url: `${LINKS.grafana}/d/sidelight-${board}?${variables.join('&')}`,
    },
  };
}
