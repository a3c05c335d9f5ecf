/** `sidelight mcp`: recordings for an agent, as an MCP server on stdio. stdout is the protocol's alone. */
import { mcpOverStdio } from '../api/mcp/serve.ts';
import { type Opened, openApi, type OpenOptions } from '../api/opened.ts';
import { OWNER } from '../api/principal.ts';
import { StoreError } from '../store/error.ts';

/** `org`: of a fleet; undefined: this machine. Resolves to the exit code when the client is gone or the signal aborts. */
export async function mcp(
  options: OpenOptions,
  org: string | undefined,
  signal: AbortSignal,
): Promise<number> {
  let opened: Opened;
  try {
    opened = await openApi(options);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    options.report(error.message);
    return 1;
  }
  // Whoever starts it has the password of the store, or the files of this machine.
  const principal = org === undefined ? OWNER : { ...OWNER, org };
  const { context } = opened.orgOf(principal);
  await mcpOverStdio({ context, report: options.report }, principal, signal);
  await opened.close();
  return 0;
}
