/** `sidelight mcp`: the recordings for an agent, as an MCP server on stdio. stdout is the protocol's alone. */
import { mcpOverStdio } from '../api/mcp/serve.ts';
import { type Opened, openApi, type OpenOptions } from '../api/opened.ts';
import { StoreError } from '../store/error.ts';

/** Resolves to the exit code when the client is gone or the signal aborts. */
export async function mcp(options: OpenOptions, signal: AbortSignal): Promise<number> {
  let opened: Opened;
  try {
    opened = await openApi(options);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    options.report(error.message);
    return 1;
  }
  await mcpOverStdio({ context: opened.context, report: options.report }, signal);
  await opened.close();
  return 0;
}
