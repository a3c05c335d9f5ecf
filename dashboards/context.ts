/** What a server costs the context of a model: its list of tools and the results of calls. Only what is measured. */
import type { Board } from './board.ts';
import { graph, number, table, text } from './panels.ts';
import { BY_SERVER, counted, happened, rate, share, where } from './queries.ts';

const OF_TOOLS = where('gen_ai_tool_name=~"$tool"');
const RESULTS = `sidelight_tool_result_bytes_total${OF_TOOLS}`;
const CALLS = `sidelight_operations_total${where('mcp_method_name="tools/call"', 'gen_ai_tool_name=~"$tool"')}`;
const TOOL = ['server', 'gen_ai_tool_name'];
const LEGEND = '{{server}} {{gen_ai_tool_name}}';
/** As sidelight_tools_list_estimated_tokens estimates. */
const BYTES_PER_TOKEN = 4;

export const contextCost: Board = {
  name: 'context',
  title: 'Context cost',
  description:
    'What servers put into the context of a model: the list of their tools with every turn, and results.',
  byTool: true,
  rows: [
    {
      title: 'At a glance',
      panels: [
        number({
          title: 'Tokens of all lists',
          description:
            'Estimated, of the servers that are selected: a client that has all of them pays this with each turn.',
          unit: 'short',
          width: 8,
          expr: `sum(max by (server) (sidelight_tools_list_estimated_tokens${BY_SERVER}))`,
          steps: [{ color: 'green' }, { color: 'orange', from: 10_000 }, { color: 'red', from: 25_000 }],
        }),
        number({
          title: 'Tokens of results',
          description: 'Estimated as a token for each four bytes, in the range that is shown.',
          unit: 'short',
          width: 8,
          expr: `${counted(RESULTS)} / ${BYTES_PER_TOKEN}`,
        }),
        number({
          title: 'Tools with very large results',
          description:
            'Tools that gave a result above 100 KB, in the range; told once for each tool of a session.',
          unit: 'short',
          width: 8,
          expr: happened(`sidelight_findings_total${where('rule="oversized_result"')}`),
          steps: [{ color: 'green' }, { color: 'orange', from: 1 }],
        }),
      ],
    },
    {
      title: 'Lists of tools',
      panels: [
        graph({
          title: 'Tokens of tools/list by server',
          description:
            'Estimated, of the latest list (one page of it, where the server pages). A jump is a server that changed its tools.',
          unit: 'short',
          queries: [
            {
              expr: `max by (server) (sidelight_tools_list_estimated_tokens${BY_SERVER})`,
              legend: '{{server}}',
            },
          ],
        }),
        graph({
          title: 'Bytes of tools/list by server',
          description: 'What the tokens are estimated from.',
          unit: 'bytes',
          queries: [
            { expr: `max by (server) (sidelight_tools_list_bytes${BY_SERVER})`, legend: '{{server}}' },
          ],
        }),
      ],
    },
    {
      title: 'Results',
      panels: [
        graph({
          title: 'Bytes of results by tool',
          description: 'For each second: what is called often counts as well as what returns much.',
          unit: 'Bps',
          stacked: true,
          queries: [{ expr: rate(RESULTS, TOOL), legend: LEGEND }],
        }),
        graph({
          title: 'Tokens of a result by tool',
          description: 'Estimated, on average.',
          unit: 'short',
          queries: [
            { expr: `${share(rate(RESULTS, TOOL), rate(CALLS, TOOL))} / ${BYTES_PER_TOKEN}`, legend: LEGEND },
          ],
        }),
        table({
          title: 'Tools by cost',
          description: 'The 25 tools whose results came to most in the range that is shown.',
          unit: 'short',
          columns: { server: 'Server', gen_ai_tool_name: 'Tool' },
          queries: [
            { expr: `topk(25, ${counted(RESULTS, TOOL)})`, legend: 'Bytes of results', unit: 'bytes' },
            { expr: counted(CALLS, TOOL), legend: 'Calls', unit: 'short' },
            {
              expr: share(counted(RESULTS, TOOL), counted(CALLS, TOOL)),
              legend: 'Bytes of a result',
              unit: 'bytes',
            },
          ],
        }),
        graph({
          title: 'Findings about size',
          description: 'tool_list_cost: a list above 40 KB. oversized_result: a result above 100 KB.',
          unit: 'ops',
          width: 24,
          queries: [
            {
              expr: rate(`sidelight_findings_total${where('rule=~"tool_list_cost|oversized_result"')}`, [
                'server',
                'rule',
              ]),
              legend: '{{server}} {{rule}}',
            },
          ],
        }),
        text(
          'What is not here',
          'What this board cannot say, since it is not measured.',
          [
            'Sidelight sees the traffic between client and server, not the model. There is no metric for',
            '',
            '- tokens as a tokenizer counts them, and what they cost: they are estimated as one for each four bytes',
            '- the share of a single tool in the list: `sidelight baseline show` has the definitions',
            '- prompts and resources: only results of tools are counted by size; recordings have the others',
            '- what the client really gave to the model, which may leave tools out or cut results',
          ].join('\n'),
        ),
      ],
    },
  ],
};
