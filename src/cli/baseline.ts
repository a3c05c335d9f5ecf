/** `sidelight baseline show|accept|reset`: which definitions of tools are trusted, and what has changed since. */
import { accept, definitions, reset, type ToolDefinition } from '../store/baseline.ts';
import { StoreError } from '../store/error.ts';
import { openForReading, openForWriting } from '../store/open.ts';
import { changed } from '../event/toolDefinition.ts';
import { json, localTime, pad, safe, type Terminal } from './terminal.ts';

interface Tool {
  readonly server: string;
  readonly tool: string;
  readonly trusted: ToolDefinition | undefined;
  /** What was seen last, where that is something else. */
  readonly pending: ToolDefinition | undefined;
}

/** Prints every server's tools, or one server's; resolves to the exit code: 1 when something is not trusted. */
export function baselineShow(
  dataDir: string,
  server: string | undefined,
  options: { readonly json?: boolean; readonly full?: boolean },
  terminal: Terminal,
): Promise<number> {
  return guarded(terminal, async () => {
    const db = await openForReading(dataDir);
    try {
      const tools = toolsOf(definitions(db, server));
      if (options.json === true) {
        await terminal.line(json({ tools }));
      } else if (tools.length === 0) {
        await terminal.line(
          server === undefined ? 'no tools were seen yet' : `no tools of ${safe(server)} were seen`,
        );
      } else await list(tools, options.full === true, terminal);
      return tools.some(({ pending }) => pending !== undefined) ? 1 : 0;
    } finally {
      db.close();
    }
  });
}

/** Trusts what was seen last; resolves to the exit code. */
export function baselineAccept(
  dataDir: string,
  server: string,
  tool: string | undefined,
  terminal: Terminal,
): Promise<number> {
  return change(dataDir, server, tool, terminal, (db) => {
    const count = accept(db, server, tool);
    return `${count} ${count === 1 ? 'definition' : 'definitions'} of ${safe(server)} accepted`;
  });
}

/** Forgets a server: what it lists next is trusted; resolves to the exit code. */
export function baselineReset(dataDir: string, server: string, terminal: Terminal): Promise<number> {
  return change(dataDir, server, undefined, terminal, (db) => {
    reset(db, server);
    return `the tools of ${safe(server)} are forgotten; what it lists next is trusted`;
  });
}

function change(
  dataDir: string,
  server: string,
  tool: string | undefined,
  terminal: Terminal,
  act: (db: Awaited<ReturnType<typeof openForWriting>>) => string,
): Promise<number> {
  return guarded(terminal, async () => {
    // Not made where there is none.
    (await openForReading(dataDir)).close();
    const db = await openForWriting(dataDir);
    try {
      const known = definitions(db);
      const isKnown = known.some((one) => one.server === server && (tool === undefined || one.tool === tool));
      if (!isKnown) {
        const servers = [...new Set(known.map((one) => one.server))].map(safe).join(', ');
        const what = tool === undefined ? safe(server) : `${safe(tool)} of ${safe(server)}`;
        terminal.problem(`nothing is known of ${what}; servers: ${servers === '' ? 'none yet' : servers}`);
        return 1;
      }
      await terminal.line(act(db));
      return 0;
    } finally {
      db.close();
    }
  });
}

async function list(tools: readonly Tool[], full: boolean, terminal: Terminal): Promise<void> {
  let server: string | undefined;
  for (const tool of tools) {
    if (terminal.gone) return;
    if (tool.server !== server) {
      await terminal.line(terminal.paint('bold', `${server === undefined ? '' : '\n'}${safe(tool.server)}`));
      server = tool.server;
    }
    await terminal.line(`  ${pad(safe(tool.tool), 32)} ${stateOf(tool, terminal)}`);
    if (!full || tool.pending === undefined) continue;
    for (const [mark, definition] of [
      ['-', tool.trusted],
      ['+', tool.pending],
    ] as const) {
      if (definition !== undefined) await terminal.line(`    ${mark} ${safe(definition.definition)}`);
    }
  }
  if (tools.some(({ pending }) => pending !== undefined))
    await terminal.line(
      `\nLook at what changed with --full; trust it: sidelight baseline accept <server> [tool]`,
    );
}

function stateOf({ trusted, pending }: Tool, terminal: Terminal): string {
  if (pending === undefined) return `trusted since ${localTime(trusted?.firstSeenUs ?? 0)}`;
  const what = trusted === undefined ? 'NEW' : `CHANGED: ${changed(trusted.definition, pending.definition)}`;
  return terminal.paint('yellow', `${what}, seen ${localTime(pending.lastSeenUs)}`);
}

function toolsOf(all: readonly ToolDefinition[]): Tool[] {
  const byTool = new Map<string, ToolDefinition[]>();
  for (const definition of all) {
    const key = JSON.stringify([definition.server, definition.tool]);
    byTool.set(key, [...(byTool.get(key) ?? []), definition]);
  }
  return [...byTool.values()].flatMap((versions) => {
    const trusted = versions.find((version) => version.trusted);
    const latest = versions.reduce((a, b) => (b.lastSeenUs > a.lastSeenUs ? b : a));
    const { server, tool } = latest;
    return [{ server, tool, trusted, pending: latest.trusted ? undefined : latest }];
  });
}

async function guarded(terminal: Terminal, act: () => Promise<number>): Promise<number> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    terminal.problem(error.message);
    return 1;
  }
}
