/** Alerts about a server and its process. Every number stands in thresholds.ts. */
import { all, AT_INSTANCE, BY_INSTANCE, BY_SERVER, OF_SERVER, type Row } from '../rule.ts';
import { THRESHOLDS as T } from '../thresholds.ts';

const EXCHANGES = 'sidelight_http_exchanges_total';
const UNREACHABLE = `${EXCHANGES}{failure=~"refused|unresolved|unreachable|tls|timeout|closed|garbage"}`;
const FDS = 'sidelight_server_open_fds';
const MEMORY = 'sidelight_server_resident_memory_bytes';

export const serverRows: readonly Row[] = [
  {
    alert: 'SidelightServerDown',
    severity: 'critical',
    expr: all('sidelight_server_up == 0', 'sidelight_server_starts_total > 0'),
    wait: '1m',
    summary: 'MCP server {{ $labels.server }} is down',
    description:
      'The process of {{ $labels.server }} behind {{ $labels.instance }} has ended, and its sidecar is still there: {{ $value }} processes run.',
    board: 'process',
    narrowedBy: ['job', 'instance', 'server'],
  },
  {
    alert: 'SidelightServerUnreachable',
    severity: 'critical',
    expr: all(
      `sum ${BY_SERVER} (rate(${UNREACHABLE}[5m])) / sum ${BY_SERVER} (rate(${EXCHANGES}[5m])) > ${T.unreachableShare}`,
      `sum ${BY_SERVER} (increase(${EXCHANGES}[5m])) >= ${T.minRequests}`,
    ),
    wait: '2m',
    summary: 'MCP server {{ $labels.server }} cannot be reached',
    description: `${OF_SERVER}: {{ $value | humanizePercentage }} of the HTTP requests of 5 minutes did not get to it (refused, timeout, TLS and the like).`,
    board: 'overview',
    narrowedBy: ['job', 'server'],
  },
  {
    alert: 'SidelightServerCrashLoop',
    severity: 'critical',
    expr: `sum ${BY_SERVER} (max_over_time(sidelight_server_exits_total{cause!="normal"}[15m])) >= ${T.restarts}`,
    wait: '0m',
    summary: 'MCP server {{ $labels.server }} crashes again and again',
    description: `${OF_SERVER} crashed {{ $value }} times in 15 minutes.`,
    board: 'process',
    narrowedBy: ['job', 'server'],
  },
  {
    alert: 'SidelightRestarting',
    severity: 'warning',
    expr: `max ${BY_INSTANCE} (resets(sidelight_relay_delay_seconds_count[15m])) >= ${T.restarts}`,
    wait: '0m',
    summary: 'Sidecar {{ $labels.instance }} starts again and again',
    description: `${AT_INSTANCE} started {{ $value }} times in 15 minutes; on stdio its server does, too.`,
    board: 'process',
    narrowedBy: ['job', 'instance'],
  },
  {
    alert: 'SidelightServerDescriptorsGrowing',
    severity: 'warning',
    expr: all(
      `min_over_time(${FDS}[15m]) > max_over_time(${FDS}[15m] offset 1h) + ${T.descriptorGrowth}`,
      `min_over_time(${FDS}[15m]) > ${T.descriptors}`,
    ),
    wait: '30m',
    summary: 'MCP server {{ $labels.server }} does not close its descriptors',
    description:
      'The server {{ $labels.server }} behind {{ $labels.instance }} has {{ $value }} open descriptors, and they became more for an hour.',
    board: 'process',
    narrowedBy: ['job', 'instance', 'server'],
  },
  {
    alert: 'SidelightServerMemoryGrowing',
    severity: 'warning',
    expr: all(
      `min_over_time(${MEMORY}[15m]) > max_over_time(${MEMORY}[15m] offset 2h) + ${T.memoryGrowthBytes}`,
      `min_over_time(${MEMORY}[15m]) > ${T.memoryBytes}`,
    ),
    wait: '30m',
    summary: 'MCP server {{ $labels.server }} uses more and more memory',
    description:
      'The server {{ $labels.server }} behind {{ $labels.instance }} holds {{ $value | humanize1024 }}B, and it became more for two hours.',
    board: 'process',
    narrowedBy: ['job', 'instance', 'server'],
  },
];
