// A server with one tool, whose description is what stands in the file that it is started with.
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { readFileSync } from 'node:fs';

const mcp = new McpServer({ name: 'changes', version: '1.0.0' });
const description = readFileSync(process.argv[2], 'utf8');
mcp.registerTool('read', { description }, () => ({ content: [{ type: 'text', text: 'read' }] }));
await mcp.connect(new StdioServerTransport());
