// Tells what it was given wherever a server can: in its result, on stderr as an environment has it, between the
// messages, in a log notification and in an error message. The only tool is `leak`; `refuse` is a prompt that fails.
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { z } from 'zod';

const mcp = new McpServer({ name: 'leaks-secrets', version: '1.0.0' }, { capabilities: { logging: {} } });
const { server } = mcp;
const secrets = z.record(z.string(), z.string());

mcp.registerTool('leak', { inputSchema: { secrets, padding: z.number().default(0) } }, async (given) => {
  for (const [name, value] of Object.entries(given.secrets)) {
    console.error(`${name}=${value}`);
    // Where only messages belong.
    console.log(`debug: ${name}=${value}`);
  }
  await server.sendLoggingMessage({ level: 'error', data: given.secrets });
  const env = `MY_API_KEY=${process.env.MY_API_KEY}`;
  const said = `${'.'.repeat(given.padding)}${JSON.stringify(given.secrets)} ${env}`;
  return { content: [{ type: 'text', text: said }], structuredContent: given.secrets };
});
mcp.registerPrompt('refuse', { argsSchema: { header: z.string() } }, ({ header }) => {
  throw new Error(`upstream said no to ${header}`);
});
await mcp.connect(new StdioServerTransport());
