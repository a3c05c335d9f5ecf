// A server that asks back, with SDK v1: the model (sampling), the person (elicitation) and for roots, while it works on a
// call. `all` asks everything, one after the other. With QUIET in the environment it asks nobody.
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';

const mcp = new McpServer({ name: 'asks-the-client', version: '1.0.0' });
const { server } = mcp;

const questions = {
  model: () =>
    server.createMessage({
      messages: [{ role: 'user', content: { type: 'text', text: 'What is six times seven?' } }],
      maxTokens: 10,
    }),
  person: () =>
    server.elicitInput({
      message: 'What is your name?',
      requestedSchema: { type: 'object', properties: { name: { type: 'string' } } },
    }),
  roots: () => server.listRoots(),
};
const tool = (name, run) =>
  mcp.registerTool(name, {}, async () => ({
    content: [{ type: 'text', text: process.env.QUIET ? 'nothing asked' : JSON.stringify(await run()) }],
  }));
for (const [name, ask] of Object.entries(questions)) tool(name, ask);
tool('all', async () => {
  const answers = [];
  for (const ask of Object.values(questions)) answers.push(await ask());
  return answers;
});
await mcp.connect(new StdioServerTransport());
