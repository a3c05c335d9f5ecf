// Lists as many tools as its argument says, and answers calls of any name: those of a tool that it lists with a result,
// all others as unknown, every other one in the way of each era.
import { createInterface } from 'node:readline';

const count = Number(process.argv[2] ?? 1);
const listed = new Set(Array.from({ length: count }, (_, index) => `listed-${index}`));

const results = {
  initialize: ({ protocolVersion }) => ({
    protocolVersion,
    capabilities: { tools: {} },
    serverInfo: { name: 'any-tool', version: '1.0.0' },
  }),
  'tools/list': () => ({ tools: [...listed].map((name) => ({ name, inputSchema: { type: 'object' } })) }),
};
const unknown = (id, name) =>
  id % 2 === 0
    ? { error: { code: -32_602, message: `Unknown tool: ${name}` } }
    : { result: { isError: true, content: [{ type: 'text', text: `Unknown tool: ${name}` }] } };
const answerOf = ({ id, method, params }) => {
  if (method !== 'tools/call') return { result: results[method]?.(params) ?? {} };
  return listed.has(params.name) ? { result: { content: [] } } : unknown(id, params.name);
};

for await (const line of createInterface({ input: process.stdin })) {
  const message = JSON.parse(line);
  if (message.id === undefined) continue;
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id: message.id, ...answerOf(message) })}\n`);
}
