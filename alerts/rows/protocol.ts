/** Alerts about what is said on the wire. Every number stands in thresholds.ts. */
import { BY_SERVER, grown, OF_SERVER, type Row } from '../rule.ts';
import { THRESHOLDS as T } from '../thresholds.ts';

export const protocolRows: readonly Row[] = [
  {
    alert: 'SidelightToolsChanged',
    severity: 'warning',
    expr: `${grown(BY_SERVER, 'sidelight_findings_total{rule="tool_changed"}', '1h')} > 0`,
    wait: '0m',
    summary: 'MCP server {{ $labels.server }} changed tools that were trusted',
    description: `${OF_SERVER}: {{ $value | humanize }} tools are not what was trusted for it (sidelight baseline).`,
    board: 'interaction',
    narrowedBy: ['job', 'server'],
  },
  {
    alert: 'SidelightContextBudget',
    severity: 'info',
    expr: `max ${BY_SERVER} (sidelight_tools_list_estimated_tokens) > ${T.toolsListTokens}`,
    wait: '15m',
    summary: 'The tools of MCP server {{ $labels.server }} fill the context of models',
    description: `${OF_SERVER}: its list of tools is some {{ $value | humanize }} tokens, which models read with every turn.`,
    board: 'context',
    narrowedBy: ['job', 'server'],
  },
  {
    alert: 'SidelightInvalidFrames',
    severity: 'warning',
    expr: `${grown(BY_SERVER, 'sidelight_findings_total{rule=~"invalid_frame|stray_stdout"}', '15m')} >= ${T.invalidFrames}`,
    wait: '0m',
    summary: 'MCP server {{ $labels.server }} or its client says what is no message',
    description: `${OF_SERVER}: {{ $value | humanize }} lines or bodies of 15 minutes were no JSON-RPC.`,
    board: 'interaction',
    narrowedBy: ['job', 'server'],
  },
  {
    alert: 'SidelightHeaderMismatches',
    severity: 'warning',
    expr: `${grown(BY_SERVER, 'sidelight_findings_total{rule="header_mismatch"}', '15m')} >= ${T.headerMismatches}`,
    wait: '0m',
    summary: 'Headers of requests to MCP server {{ $labels.server }} contradict their bodies',
    description: `${OF_SERVER}: {{ $value | humanize }} requests of 15 minutes had headers that say something else than their message.`,
    board: 'interaction',
    narrowedBy: ['job', 'server'],
  },
];
