/** Cases of the alerts about a server and its process. */
import type { Case } from '../cases.ts';

const ON = 'job="mcp", instance="a:9464", server="files"';
const HTTP = `${ON}, http_request_method="POST", http_response_status_code="502", end="complete"`;
const HERE = { job: 'mcp', instance: 'a:9464', server: 'files' };
const BOARD = 'process?var-job=mcp&var-instance=a%3A9464&var-server=files';
const exits = (instance: string, cause: string): string =>
  `sidelight_server_exits_total{job="mcp", instance="${instance}", server="files", cause="${cause}"}`;
const delays = 'sidelight_relay_delay_seconds_count{job="mcp", instance="a:9464"}';
const fds = `sidelight_server_open_fds{${ON}}`;
const memory = `sidelight_server_resident_memory_bytes{${ON}}`;

export const serverCases: Readonly<Record<string, readonly Case[]>> = {
  SidelightServerDown: [
    {
      name: 'fires when the process has ended for a minute',
      series: {
        [`sidelight_server_up{${ON}}`]: '1 1 1 0x10',
        [`sidelight_server_starts_total{${ON}}`]: '1x13',
      },
      at: {
        '2m': [],
        '3m': [],
        '4m': [
          {
            labels: { severity: 'critical', ...HERE },
            summary: 'MCP server files is down',
            description:
              'The process of files behind a:9464 has ended, and its sidecar is still there: 0 processes run.',
            dashboard: BOARD,
          },
        ],
      },
    },
    {
      name: 'is silent for a server on HTTP, which is no process of ours',
      series: {
        [`sidelight_server_up{${ON}}`]: '0x10',
        [`sidelight_server_starts_total{${ON}}`]: '0x10',
      },
      at: { '10m': [] },
    },
  ],
  SidelightServerUnreachable: [
    {
      name: 'fires when no request gets to the server',
      series: { [`sidelight_http_exchanges_total{${HTTP}, failure="refused"}`]: '0+3x15' },
      at: {
        '10m': [
          {
            labels: { severity: 'critical', job: 'mcp', server: 'files' },
            summary: 'MCP server files cannot be reached',
            description:
              'Server files (job mcp): 100% of the HTTP requests of 5 minutes did not get to it (refused, timeout, TLS and the like).',
            dashboard: 'overview?var-job=mcp&var-server=files',
          },
        ],
      },
    },
    {
      name: 'is silent while most requests get through, and at requests that the listener refused',
      series: {
        [`sidelight_http_exchanges_total{${HTTP}, failure="timeout"}`]: '0+1x15',
        [`sidelight_http_exchanges_total{${HTTP}, failure=""}`]: '0+9x15',
        [`sidelight_http_exchanges_total{job="mcp", instance="b:9464", server="notes", failure="forbidden"}`]:
          '0+9x15',
      },
      at: { '10m': [] },
    },
    {
      name: 'is silent at two failed requests',
      series: { [`sidelight_http_exchanges_total{${HTTP}, failure="refused"}`]: '0 1 2 2x12' },
      at: { '5m': [], '10m': [] },
    },
  ],
  SidelightServerCrashLoop: [
    {
      name: 'fires at three crashes, though each sidecar counts its own only and is gone soon',
      series: {
        [exits('a:1', 'exit_code')]: '1 1 stale',
        [exits('a:2', 'signal')]: '_ _ _ 1 1 stale',
        [exits('a:3', 'exit_code')]: '_ _ _ _ _ _ 1 1 stale',
      },
      at: {
        '5m': [],
        '8m': [
          {
            labels: { severity: 'critical', job: 'mcp', server: 'files' },
            summary: 'MCP server files crashes again and again',
            description: 'Server files (job mcp) crashed 3 times in 15 minutes.',
            dashboard: 'process?var-job=mcp&var-server=files',
          },
        ],
        '25m': [],
      },
    },
    {
      name: 'is silent at processes that ended as they should',
      series: Object.fromEntries([1, 2, 3, 4, 5].map((n) => [exits(`a:${n}`, 'normal'), '1x10'])),
      at: { '10m': [] },
    },
  ],
  SidelightRestarting: [
    {
      name: 'fires when counters began anew three times',
      series: { [delays]: '5 9 1 7 2 8 1 6 9' },
      at: {
        '5m': [],
        '8m': [
          {
            labels: { severity: 'warning', job: 'mcp', instance: 'a:9464' },
            summary: 'Sidecar a:9464 starts again and again',
            description:
              'The sidecar a:9464 (job mcp) started 3 times in 15 minutes; on stdio its server does, too.',
            dashboard: 'process?var-job=mcp&var-instance=a%3A9464',
          },
        ],
      },
    },
    {
      name: 'is silent at one restart, as a deployment has',
      series: { [delays]: '5 9 1 7 20 30x20' },
      at: { '8m': [], '20m': [] },
    },
  ],
  SidelightServerDescriptorsGrowing: [
    {
      name: 'fires when descriptors only become more',
      series: { [fds]: '100+3x240' },
      at: {
        '60m': [],
        '180m': [
          {
            labels: { severity: 'warning', ...HERE },
            summary: 'MCP server files does not close its descriptors',
            description:
              'The server files behind a:9464 has 595 open descriptors, and they became more for an hour.',
            dashboard: BOARD,
          },
        ],
      },
    },
    {
      name: 'is silent at many that stay, at few that grow, and at a peak',
      series: {
        [fds]: '900x240',
        'sidelight_server_open_fds{job="mcp", instance="b:9464", server="notes"}': '10+0.7x240',
        'sidelight_server_open_fds{job="mcp", instance="c:9464", server="peak"}': '300x170 2000x5 300x65',
      },
      at: { '180m': [], '240m': [] },
    },
  ],
  SidelightServerMemoryGrowing: [
    {
      name: 'fires when memory only becomes more',
      series: { [memory]: '104857600+2097152x300' },
      at: {
        '120m': [],
        '240m': [
          {
            labels: { severity: 'warning', ...HERE },
            summary: 'MCP server files uses more and more memory',
            description: 'The server files behind a:9464 holds 550MiB, and it became more for two hours.',
            dashboard: BOARD,
          },
        ],
      },
    },
    {
      name: 'is silent at much that stays, and at little that grows',
      series: {
        [memory]: '1073741824x300',
        'sidelight_server_resident_memory_bytes{job="mcp", instance="b:9464", server="notes"}':
          '20971520+524288x300',
      },
      at: { '240m': [], '300m': [] },
    },
  ],
};
