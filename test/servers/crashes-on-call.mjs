// Dies in the middle of a call, with last words on stderr: `exit` with code 3, `kill` by SIGKILL, `throw` as an uncaught
// error does. `stay` says when it was called and never answers.
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';

const mcp = new McpServer({ name: 'crashes-on-call', version: '1.0.0' });
const deaths = {
  exit: () => process.exit(3),
  kill: () => process.kill(process.pid, 'SIGKILL'),
  throw: () =>
    setImmediate(() => {
      throw new Error('out of luck');
    }),
  stay: () => undefined,
};
for (const [name, die] of Object.entries(deaths)) {
  mcp.registerTool(name, {}, () => {
    console.error(`last words before ${name}`);
    die();
    return new Promise(() => undefined);
  });
}
await mcp.connect(new StdioServerTransport());
