/** Cases of the alerts about what is said on the wire. */
import type { Case } from '../cases.ts';

const finding = (rule: string): string =>
  `sidelight_findings_total{job="mcp", instance="a:9464", server="files", rule="${rule}"}`;
const tokens = (instance: string): string =>
  `sidelight_tools_list_estimated_tokens{job="mcp", instance="${instance}", server="files"}`;
const labels = { severity: 'warning', job: 'mcp', server: 'files' };
const dashboard = 'interaction?var-job=mcp&var-server=files';

export const protocolCases: Readonly<Record<string, readonly Case[]>> = {
  SidelightToolsChanged: [
    {
      name: 'fires at the first tool that changed, and ends after an hour',
      series: { [finding('tool_changed')]: '_x10 2x90' },
      at: {
        '9m': [],
        '12m': [
          {
            labels,
            summary: 'MCP server files changed tools that were trusted',
            description:
              'Server files (job mcp): 2 tools are not what was trusted for it (sidelight baseline).',
            dashboard,
          },
        ],
        '80m': [],
      },
    },
    {
      name: 'is silent at tools that are new, and at changes of long ago',
      series: { [finding('tool_added')]: '_x10 2x90', [finding('tool_changed')]: '7x100' },
      at: { '90m': [] },
    },
  ],
  SidelightContextBudget: [
    {
      name: 'fires when the list of tools is large for a while, once for all instances',
      series: { [tokens('a:9464')]: '12500x30', [tokens('b:9464')]: '12500x30' },
      at: {
        '10m': [],
        '20m': [
          {
            labels: { ...labels, severity: 'info' },
            summary: 'The tools of MCP server files fill the context of models',
            description:
              'Server files (job mcp): its list of tools is some 12.5k tokens, which models read with every turn.',
            dashboard: 'context?var-job=mcp&var-server=files',
          },
        ],
      },
    },
    {
      name: 'is silent at a list of usual size',
      series: { [tokens('a:9464')]: '4000x30' },
      at: { '20m': [] },
    },
  ],
  SidelightInvalidFrames: [
    {
      name: 'fires at broken frames and stray output together',
      series: { [finding('invalid_frame')]: '_ _ 2x10', [finding('stray_stdout')]: '_ _ _ 4x10' },
      at: {
        '2m': [],
        '4m': [
          {
            labels,
            summary: 'MCP server files or its client says what is no message',
            description: 'Server files (job mcp): 6 lines or bodies of 15 minutes were no JSON-RPC.',
            dashboard,
          },
        ],
      },
    },
    {
      name: 'is silent at a banner of a few lines when the server starts',
      series: { [finding('stray_stdout')]: '_ _ 3x30' },
      at: { '4m': [], '30m': [] },
    },
  ],
  SidelightHeaderMismatches: [
    {
      name: 'fires when headers contradict their messages',
      series: { [finding('header_mismatch')]: '_ 1 2 5x10' },
      at: {
        '2m': [],
        '4m': [
          {
            labels,
            summary: 'Headers of requests to MCP server files contradict their bodies',
            description:
              'Server files (job mcp): 5 requests of 15 minutes had headers that say something else than their message.',
            dashboard,
          },
        ],
      },
    },
    {
      name: 'is silent at one',
      series: { [finding('header_mismatch')]: '_ 1x30' },
      at: { '4m': [], '30m': [] },
    },
  ],
};
