/** Cases of the alerts about how well operations do. */
import type { Case, Expected } from '../cases.ts';

const SERVER = 'job="mcp", instance="a:9464", server="files"';
const CALL = `${SERVER}, mcp_method_name="tools/call", gen_ai_tool_name="read"`;
const count = (errorType: string): string =>
  `mcp_server_operation_duration_seconds_count{${CALL}, error_type="${errorType}"}`;
const quick = (bound: string): string =>
  `mcp_server_operation_duration_seconds_bucket{${CALL}, error_type="", le="${bound}"}`;
const outcome = (word: string, labels = CALL): string =>
  `sidelight_operations_total{${labels}, outcome="${word}"}`;
const asked = `sidelight_operation_input_required_total{${CALL}, input="elicitation/create"}`;
const oldest = (initiator: string): string =>
  `sidelight_oldest_operation_age_seconds{${SERVER}, initiator="${initiator}"}`;
const ofServer = { job: 'mcp', server: 'files' };

const FACTORS: Readonly<Record<string, { readonly factor: number; readonly severity: string }>> = {
  '1h': { factor: 14.4, severity: 'critical' },
  '6h': { factor: 6, severity: 'critical' },
  '1d': { factor: 3, severity: 'warning' },
  '3d': { factor: 1, severity: 'warning' },
};

const burning =
  (summary: string, what: string) =>
  (share: string, ...windows: readonly string[]): readonly Expected[] =>
    windows.map((window) => ({
      labels: { severity: FACTORS[window]?.severity ?? '', window, ...ofServer },
      summary: `MCP server files ${summary}`,
      description: `Server files (job mcp): ${share} ${what} within ${window}, so that the budget of 30 days is spent ${FACTORS[window]?.factor} times too fast or worse.`,
      dashboard: 'overview?var-job=mcp&var-server=files',
    }));
const broke = burning('breaks too many operations', 'of its operations broke');
const slow = burning('is too slow', 'of its operations took longer than 10 s');

/** Of 1000 operations a minute. */
const breaking = (perMinute: number): Case['series'] => ({
  [count('')]: `0+${1000 - perMinute}x300`,
  [count('-32603')]: `0+${perMinute}x300`,
});
const slowing = (perMinute: number, bound = '10'): Case['series'] => ({
  [count('')]: '0+1000x300',
  [quick(bound)]: `0+${1000 - perMinute}x300`,
});

export const serviceCases: Readonly<Record<string, readonly Case[]>> = {
  SidelightErrorBudgetBurn: [
    {
      name: 'pages within minutes when a fifth breaks, and by the longer windows later',
      series: breaking(200),
      at: {
        '1m': [],
        '10m': broke('20%', '1h'),
        '30m': broke('20%', '1h', '6h'),
        '90m': broke('20%', '1h', '6h', '1d'),
        '240m': broke('20%', '1h', '6h', '1d', '3d'),
      },
    },
    { name: 'pages by six hours at 8 %', series: breaking(80), at: { '60m': broke('8%', '6h') } },
    { name: 'makes a ticket by a day at 4 %', series: breaking(40), at: { '90m': broke('4%', '1d') } },
    { name: 'makes a ticket by three days at 2 %', series: breaking(20), at: { '240m': broke('2%', '3d') } },
    { name: 'is silent within the budget', series: breaking(5), at: { '30m': [], '240m': [] } },
    {
      name: 'is silent when tools say that they failed, and at mistakes of the caller',
      series: { [count('tool_error')]: '0+500x60', [count('')]: '0+500x60' },
      at: { '60m': [] },
    },
    {
      name: 'is silent at a few operations that all broke',
      series: { [count('_OTHER')]: '0 1 2 3 4 5 5x60' },
      at: { '5m': [], '10m': [], '60m': [] },
    },
    {
      name: 'stops paging soon after the server is well again',
      series: { [count('')]: '0+800x30 24800+1000x60', [count('timeout')]: '0+200x30 6000x60' },
      at: { '20m': broke('20%', '1h', '6h'), '40m': broke('15.08%', '6h'), '85m': broke('7.075%', '1d') },
    },
  ],
  SidelightLatencyBudgetBurn: [
    {
      name: 'pages within minutes when most are slow, and by the longer windows later',
      series: slowing(800),
      at: {
        '1m': [],
        '10m': slow('80%', '1h'),
        '30m': slow('80%', '1h', '6h'),
        '240m': slow('80%', '1h', '6h', '1d', '3d'),
      },
    },
    {
      name: 'knows the bound as Prometheus 3 writes it',
      series: slowing(400, '10.0'),
      at: { '60m': slow('40%', '6h') },
    },
    { name: 'makes a ticket by a day at 20 %', series: slowing(200), at: { '90m': slow('20%', '1d') } },
    { name: 'makes a ticket by three days at 10 %', series: slowing(100), at: { '240m': slow('10%', '3d') } },
    { name: 'is silent within the budget', series: slowing(40), at: { '30m': [], '240m': [] } },
    {
      name: 'is silent at a few operations that all were slow',
      series: { [count('')]: '0 1 2 3 4 5 5x60', [quick('10')]: '0x66' },
      at: { '5m': [], '60m': [] },
    },
  ],
  SidelightToolFailing: [
    {
      name: 'fires when most calls of a tool fail, by tool errors too',
      series: { [count('tool_error')]: '0+3x40', [count('')]: '0+1x40' },
      at: {
        '30m': [
          {
            labels: { severity: 'warning', gen_ai_tool_name: 'read', ...ofServer },
            summary: 'Tool read of files fails most of the time',
            description:
              'Server files (job mcp): 75% of the calls of read failed in 30 minutes, tool errors included.',
            dashboard: 'tools?var-job=mcp&var-server=files&var-tool=read',
          },
        ],
      },
    },
    {
      name: 'is silent when some calls fail, and at names that models made up',
      series: {
        [count('tool_error')]: '0+1x40',
        [count('')]: '0+3x40',
        [`mcp_server_operation_duration_seconds_count{${SERVER}, mcp_method_name="tools/call", gen_ai_tool_name="_other", error_type="tool_error"}`]:
          '0+9x40',
      },
      at: { '30m': [] },
    },
    {
      name: 'is silent at a few calls that all failed',
      series: { [count('tool_error')]: '0 1 2 3 4 4x40' },
      at: { '10m': [], '30m': [] },
    },
  ],
  SidelightCallsHung: [
    {
      name: 'fires when a request has waited for more than five minutes',
      series: { [oldest('client_to_server')]: '0+60x20' },
      at: {
        '5m': [],
        '10m': [
          {
            labels: { severity: 'warning', instance: 'a:9464', ...ofServer },
            summary: 'A request to MCP server files hangs',
            description: 'The oldest request to files behind a:9464 has had no answer for 10m 0s.',
            dashboard: 'process?var-job=mcp&var-instance=a%3A9464&var-server=files',
          },
        ],
      },
    },
    {
      name: 'is silent at long calls that end, and while the server waits for its client',
      series: {
        [oldest('client_to_server')]: '0 60 120 180 240 0 60 120 180 240 0',
        [oldest('server_to_client')]: '0+60x20',
      },
      at: { '6m': [], '10m': [] },
    },
  ],
  SidelightInputAbandoned: [
    {
      name: 'fires when input does not come for every second question',
      series: { [asked]: '0+2x70', [outcome('input_required')]: '0+1x70', [outcome('ok')]: '0+1x70' },
      at: {
        '60m': [
          {
            labels: { severity: 'warning', ...ofServer },
            summary: 'Questions of MCP server files are not answered',
            description:
              'Server files (job mcp): 50% of what it asked people or models for in an hour never came.',
            dashboard: 'interaction?var-job=mcp&var-server=files',
          },
        ],
      },
    },
    {
      name: 'is silent when nearly all are answered',
      series: { [asked]: '0+10x70', [outcome('input_required')]: '0+1x70', [outcome('ok')]: '0+9x70' },
      at: { '60m': [] },
    },
    {
      name: 'is silent at two questions that nobody answered',
      series: { [asked]: '0 1 2 2x60', [outcome('input_required')]: '0 1 2 2x60' },
      at: { '30m': [], '60m': [] },
    },
  ],
  SidelightCancellationsRising: [
    {
      name: 'fires when a quarter is given up and a day ago it was next to nothing',
      series: {
        [outcome('ok')]: '0+99x1440 142560+75x180',
        [outcome('cancelled')]: '0+1x1440 1440+15x180',
        [outcome('timeout')]: '0x1440 0+10x180',
      },
      at: {
        '1440m': [],
        '1560m': [
          {
            labels: { severity: 'warning', ...ofServer },
            summary: 'Clients give up on MCP server files',
            description:
              'Server files (job mcp): 25% of the calls of an hour were cancelled or timed out, 3 times more than a day ago.',
            dashboard: 'interaction?var-job=mcp&var-server=files',
          },
        ],
      },
    },
    {
      name: 'is silent where it has always been so',
      series: { [outcome('ok')]: '0+75x1620', [outcome('cancelled')]: '0+25x1620' },
      at: { '1560m': [] },
    },
    {
      name: 'is silent at a few calls, and at little that rises',
      series: {
        [outcome('cancelled')]: '0 1 2 3 4 4x90',
        'sidelight_operations_total{job="mcp", server="notes", mcp_method_name="tools/call", outcome="cancelled"}':
          '0+1x90',
        'sidelight_operations_total{job="mcp", server="notes", mcp_method_name="tools/call", outcome="ok"}':
          '0+9x90',
      },
      at: { '30m': [], '80m': [] },
    },
  ],
};
