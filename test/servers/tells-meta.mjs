// Answers each request with the `_meta` and the `traceparent` header that came with it, by SDK v1, which passes both on as
// they came: `tells-meta.mjs` over stdio, `tells-meta.mjs http` over Streamable HTTP (says `listening <port>`, and stops
// on SIGTERM or the end of stdin).
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { CallToolRequestSchema, ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { createServer } from 'node:http';

function tellsMeta() {
  const server = new Server({ name: 'tells-meta', version: '1.0.0' }, { capabilities: { tools: {} } });
  const told = ({ params }, { requestInfo }) =>
    JSON.stringify({ meta: params?._meta ?? null, header: requestInfo?.headers.traceparent ?? null });
  server.setRequestHandler(CallToolRequestSchema, (request, extra) => ({
    content: [{ type: 'text', text: told(request, extra) }],
  }));
  server.setRequestHandler(ListToolsRequestSchema, (request, extra) => ({
    tools: [{ name: 'tell', description: told(request, extra), inputSchema: { type: 'object' } }],
  }));
  return server;
}

if (process.argv[2] !== 'http') await tellsMeta().connect(new StdioServerTransport());
else {
  const http = createServer(async (request, response) => {
    if (request.method !== 'POST') return void response.writeHead(405).end();
    const transport = new StreamableHTTPServerTransport({ enableJsonResponse: true });
    await tellsMeta().connect(transport);
    await transport.handleRequest(request, response);
  });
  http.listen(0, '127.0.0.1', () => console.log(`listening ${http.address().port}`));
  process.on('SIGTERM', () => process.exit(0));
  process.stdin.on('end', () => process.exit(0)).resume();
}
