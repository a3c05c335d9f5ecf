// Answers each call late, and a cancelled one too: its answer comes after the cancel, as from a server that does not
// listen. `wait` answers after so many milliseconds; `hold` when the next call comes.
import { createInterface } from 'node:readline';

const write = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
const done = (id) => write({ id, result: { content: [{ type: 'text', text: `answer to ${id}` }] } });
const held = [];
const methods = {
  initialize: ({ id, params }) =>
    write({
      id,
      result: {
        protocolVersion: params.protocolVersion,
        capabilities: { tools: {} },
        serverInfo: { name: 'slow', version: '1.0.0' },
      },
    }),
  'tools/list': ({ id }) => {
    const tools = ['wait', 'hold'].map((name) => ({ name, inputSchema: { type: 'object' } }));
    write({ id, result: { tools } });
  },
  'tools/call': ({ id, params }) => {
    for (const earlier of held.splice(0)) done(earlier);
    if (params.name === 'hold') held.push(id);
    else setTimeout(done, params.arguments?.ms ?? 0, id);
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const message = JSON.parse(line);
  const method = methods[message.method];
  if (method !== undefined) method(message);
  else if (message.id !== undefined)
    write({ id: message.id, error: { code: -32601, message: 'Method not found' } });
}
process.exit(0);
