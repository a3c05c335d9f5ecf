/** The two ways to the MCP server: Streamable HTTP below the API, behind what guards it, and the stdio of this process. */
import { createMcpHandler } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { type McpOptions, mcpServer } from './server.ts';

/** A call of a tool is a few names and a filter. */
const MAX_REQUEST_BYTES = 256 * 1024;
/** Each holds a stream open, and there is nothing to be told of on it. */
const MAX_SUBSCRIPTIONS = 8;

export interface McpOverHttp {
  readonly fetch: (request: Request) => Promise<Response>;
  readonly close: () => Promise<void>;
}

export function mcpOverHttp(options: McpOptions): McpOverHttp {
  return createMcpHandler(() => mcpServer(options), {
    maxRequestBodySize: MAX_REQUEST_BYTES,
    maxSubscriptions: MAX_SUBSCRIPTIONS,
  });
}

/** Resolves when the client is gone or the signal aborts. */
export async function mcpOverStdio(options: McpOptions, signal: AbortSignal): Promise<void> {
  const over = new Promise<void>((resolve) => {
    process.stdin.once('end', resolve).once('close', resolve);
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  const serving = serveStdio(() => mcpServer(options), {
    maxSubscriptions: MAX_SUBSCRIPTIONS,
    onerror: ({ message }) => {
      options.report(`mcp: ${message}`);
    },
  });
  await over;
  await serving.close();
}
