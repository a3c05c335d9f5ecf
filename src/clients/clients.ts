/**
 * The clients: where each keeps its servers and how it writes them. A new client is a row. Nothing here touches the disk.
 */
import { posix, win32 } from 'node:path';

/** What paths begin with. */
export interface Where {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absolute; undefined when the system cannot tell. */
  readonly homedir: string | undefined;
  readonly platform: NodeJS.Platform;
  /** Absolute. */
  readonly cwd: string;
}

/** `~` is the home, `project` the current folder, `settings` where the platform has applications keep theirs. */
type Base = '~' | 'project' | 'settings' | 'xdg';

interface FileRow {
  readonly base: Base;
  readonly path: string;
  /** A variable that names another folder instead of the base and the path's own folder. */
  readonly folder?: string;
}

export interface Client {
  readonly id: string;
  readonly title: string;
  readonly files: readonly FileRow[];
  /** Ways to tables of servers by their names; `*` is any key. */
  readonly servers: readonly (readonly string[])[];
  /** Keys of a server's URL, the one that the client prefers first; none: it speaks stdio only. */
  readonly urls: readonly string[];
  /** Key of a server's command: a text with `args` beside it, or an array of all words. */
  readonly command: string;
}

const MCP_SERVERS = [['mcpServers']];

export const CLIENTS: readonly Client[] = [
  {
    id: 'claude-desktop',
    title: 'Claude Desktop',
    files: [{ base: 'settings', path: 'Claude/claude_desktop_config.json' }],
    servers: MCP_SERVERS,
    urls: [],
    command: 'command',
  },
  {
    id: 'claude-code',
    title: 'Claude Code',
    files: [
      { base: '~', path: '.claude.json', folder: 'CLAUDE_CONFIG_DIR' },
      { base: 'project', path: '.mcp.json' },
    ],
    servers: [['mcpServers'], ['projects', '*', 'mcpServers']],
    urls: ['url'],
    command: 'command',
  },
  {
    id: 'vscode',
    title: 'VS Code',
    files: [
      { base: 'settings', path: 'Code/User/mcp.json' },
      { base: 'settings', path: 'Code - Insiders/User/mcp.json' },
      { base: 'project', path: '.vscode/mcp.json' },
    ],
    servers: [['servers']],
    urls: ['url'],
    command: 'command',
  },
  {
    id: 'cursor',
    title: 'Cursor',
    files: [
      { base: '~', path: '.cursor/mcp.json' },
      { base: 'project', path: '.cursor/mcp.json' },
    ],
    servers: MCP_SERVERS,
    urls: ['url'],
    command: 'command',
  },
  {
    id: 'windsurf',
    title: 'Windsurf',
    files: [{ base: '~', path: '.codeium/windsurf/mcp_config.json' }],
    servers: MCP_SERVERS,
    urls: ['serverUrl', 'url'],
    command: 'command',
  },
  {
    id: 'codex',
    title: 'Codex',
    files: [
      { base: '~', path: '.codex/config.toml', folder: 'CODEX_HOME' },
      { base: 'project', path: '.codex/config.toml' },
    ],
    servers: [['mcp_servers']],
    urls: ['url'],
    command: 'command',
  },
  {
    id: 'gemini',
    title: 'Gemini CLI',
    files: [
      { base: '~', path: '.gemini/settings.json' },
      { base: 'project', path: '.gemini/settings.json' },
    ],
    servers: MCP_SERVERS,
    urls: ['httpUrl', 'url'],
    command: 'command',
  },
  {
    id: 'zed',
    title: 'Zed',
    files: [
      { base: 'xdg', path: 'zed/settings.json' },
      { base: 'project', path: '.zed/settings.json' },
    ],
    servers: [['context_servers']],
    urls: ['url'],
    command: 'command',
  },
  {
    id: 'opencode',
    title: 'OpenCode',
    files: [
      { base: 'xdg', path: 'opencode/opencode.json' },
      { base: 'xdg', path: 'opencode/opencode.jsonc' },
      { base: 'project', path: 'opencode.json' },
      { base: 'project', path: 'opencode.jsonc' },
    ],
    servers: [['mcp', 'servers'], ['mcp']],
    urls: ['url'],
    command: 'command',
  },
];

/** Where a client's files would be on this platform, each once: the project may be the home. */
export function filesOf(client: Client, where: Where): readonly string[] {
  const paths = client.files.flatMap((row) => pathOf(row, where) ?? []);
  return [...new Set(paths)];
}

function pathOf({ base, path, folder }: FileRow, where: Where): string | undefined {
  const paths = where.platform === 'win32' ? win32 : posix;
  const other = folder === undefined ? undefined : where.env[folder];
  if (other !== undefined && paths.isAbsolute(other)) return paths.join(other, paths.basename(path));
  const start = BASES[base](where);
  return start === undefined ? undefined : paths.join(start, path);
}

const BASES: Readonly<Record<Base, (where: Where) => string | undefined>> = {
  '~': ({ homedir }) => homedir,
  project: ({ cwd }) => cwd,
  settings: (where) => {
    if (where.platform === 'darwin') return inHome(where, 'Library/Application Support');
    return where.platform === 'win32' ? appData(where) : xdgConfig(where);
  },
  // What comes from Linux keeps to its folder on a Mac, too.
  xdg: (where) => (where.platform === 'win32' ? appData(where) : xdgConfig(where)),
};

function appData(where: Where): string | undefined {
  return where.env.APPDATA ?? inHome(where, 'AppData/Roaming');
}

/** A relative path in the variable is to be ignored, says the XDG base directory specification. */
function xdgConfig(where: Where): string | undefined {
  const named = where.env.XDG_CONFIG_HOME;
  return named !== undefined && posix.isAbsolute(named) ? named : inHome(where, '.config');
}

function inHome({ homedir, platform }: Where, folder: string): string | undefined {
  return homedir === undefined ? undefined : (platform === 'win32' ? win32 : posix).join(homedir, folder);
}
