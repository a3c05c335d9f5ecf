/** The two ways to the MCP server: Streamable HTTP below the API, behind what guards it, and the stdio of this process. */
import { type AuthInfo, createMcpHandler } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import type { Principal } from '../principal.ts';
import { type McpOptions, mcpServer } from './server.ts';

/** A call of a tool is a few names and a filter. */
const MAX_REQUEST_BYTES = 256 * 1024;
/** Each holds a stream open, and there is nothing to be told of on it. */
const MAX_SUBSCRIPTIONS = 8;

export interface McpOverHttp {
  readonly fetch: (request: Request, principal: Principal) => Promise<Response>;
  readonly close: () => Promise<void>;
}

export function mcpOverHttp(options: McpOptions): McpOverHttp {
  // The SDK makes a server for each request, and hands on to it who asks.
  const handler = createMcpHandler(({ authInfo }) => mcpServer(options, principalOf(authInfo)), {
    maxRequestBodySize: MAX_REQUEST_BYTES,
    maxSubscriptions: MAX_SUBSCRIPTIONS,
  });
  return {
    fetch: (request, principal) => handler.fetch(request, { authInfo: authInfoOf(principal) }),
    close: () => handler.close(),
  };
}

/** Without the token, which nothing here needs. */
function authInfoOf(principal: Principal): AuthInfo {
  return { token: '', clientId: principal.subject, scopes: [principal.role], extra: { principal } };
}

function principalOf(info: AuthInfo | undefined): Principal {
  const { principal } = info?.extra ?? {};
  if (principal === undefined) throw new TypeError('nobody asks');
  return principal as Principal;
}

/** Resolves when the client is gone or the signal aborts. */
export async function mcpOverStdio(
  options: McpOptions,
  principal: Principal,
  signal: AbortSignal,
): Promise<void> {
  const over = new Promise<void>((resolve) => {
    process.stdin.once('end', resolve).once('close', resolve);
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  const serving = serveStdio(() => mcpServer(options, principal), {
    maxSubscriptions: MAX_SUBSCRIPTIONS,
    onerror: ({ message }) => {
      options.report(`mcp: ${message}`);
    },
  });
  await over;
  await serving.close();
}
