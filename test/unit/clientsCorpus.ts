/**
 * Config files as people have them, one for each client and way of writing; and each of them again with other line ends, a byte order
 * mark, and without a line end at its end.
 */

export interface Sample {
  readonly title: string;
  readonly client: string;
  readonly path: string;
  readonly text: string;
}

type Row = readonly [client: string, title: string, text: string, path?: string];

const JSON_ROWS: readonly Row[] = [
  [
    'claude-desktop',
    'as its documentation has it',
    `{
  "mcpServers": {
    "filesystem": {
      "command": "npx",
      "args": [
        "-y",
        "@modelcontextprotocol/server-filesystem",
        "/Users/me/Desktop"
      ]
    }
  }
}
`,
  ],
  [
    'claude-desktop',
    'Windows: cmd /c npx, backslashes, environment',
    `{
    "mcpServers": {
        "brave-search": {
            "command": "cmd",
            "args": ["/c", "npx", "-y", "@modelcontextprotocol/server-brave-search"],
            "env": { "BRAVE_API_KEY": "BSA-very-secret" }
        },
        "local": { "command": "C:\\\\Program Files\\\\nodejs\\\\node.exe", "args": ["C:\\\\me\\\\server.js"] }
    },
    "globalShortcut": ""
}
`,
  ],
  ['claude-desktop', 'a single line', '{"mcpServers":{"a":{"command":"uvx","args":["mcp-server-git"]}}}'],
  [
    'claude-desktop',
    'a single line, no args',
    '{"mcpServers":{"a":{"command":"my-server"},"b":{"command":"x","args":[]}}}',
  ],
  [
    'claude-desktop',
    'no args, with environment behind',
    `{
  "mcpServers": {
    "one": {
      "command": "/opt/one",
      "env": {
        "TOKEN": "ghp_abcdefghijklmnopqrstuvwxyz0123456789"
      }
    },
    "two": {
      "env": {},
      "command": "/opt/two"
    }
  }
}
`,
  ],
  [
    'claude-desktop',
    'tabs',
    '{\n\t"mcpServers": {\n\t\t"a": {\n\t\t\t"command": "npx",\n\t\t\t"args": [\n\t\t\t\t"-y",\n\t\t\t\t"x"\n\t\t\t]\n\t\t},\n\t\t"b": {\n\t\t\t"command": "y"\n\t\t}\n\t}\n}\n',
  ],
  ['claude-desktop', 'no servers yet', '{\n  "mcpServers": {}\n}\n'],
  ['claude-desktop', 'empty object', '{}'],
  ['claude-desktop', 'empty file', ''],
  ['claude-desktop', 'blank file', '\n\n'],
  [
    'claude-desktop',
    'odd spacing',
    '{ "mcpServers" :\n{ "a"\n:\n{"args"   :[ "1"\n, "2" ] , "command"  :  "c" } } }',
  ],
  [
    'claude-desktop',
    'escapes and unicode in names and words',
    '{"mcpServers":{"d\\u00e9j\\u00e0 vu":{"command":"\\u006epx","args":["\\"q\\"","日本語","\\ud83d\\ude00","a\\/b"]},"🚀 launch":{"command":"x y","args":["a b"]},"quo\\"te\\\\":{"command":"z"}}}',
  ],
  [
    'claude-desktop',
    'a name that no option takes',
    '{"mcpServers":{"":{"command":"x","args":["1"]},"--":{"command":"y"},"a\\nb":{"command":"z"}}}',
  ],
  [
    'claude-desktop',
    'args before command, empty args over lines',
    '{"mcpServers": {\n "a": { "args": [\n ], "command": "c" },\n "b": {"args": [], "command": "d"}\n}}\n',
  ],
  [
    'claude-desktop',
    'keys of other tools',
    '{"theme":"dark","mcpServers":{"a":{"command":"node","args":["s.js"],"disabled":true,"autoApprove":["x"],"x-note":{"deep":[1,2,{"k":null}]}}},"z":[true,false,1.5e3]}',
  ],
  [
    'claude-code',
    'user, local and HTTP servers, and much else',
    `{
  "numStartups": 184,
  "oauthAccount": { "accountUuid": "11111111-2222-3333-4444-555555555555", "emailAddress": "me@example.com" },
  "projects": {
    "/home/me/work": {
      "allowedTools": [],
      "history": [{ "display": "add a server \\"command\\": \\"x\\"" }],
      "mcpServers": {
        "db": { "type": "stdio", "command": "uv", "args": ["run", "db.py"], "env": { "PGPASSWORD": "hunter2" } },
        "files": { "command": "npx", "args": ["-y", "files", "."] }
      }
    },
    "/home/me/other": { "mcpServers": {} },
    "/home/me/bare": {}
  },
  "mcpServers": {
    "files": { "type": "stdio", "command": "npx", "args": ["-y", "files", "/"], "env": {} },
    "sentry": { "type": "http", "url": "https://mcp.sentry.dev/mcp", "headers": { "Authorization": "Bearer s3cr3t" } },
    "old": { "type": "sse", "url": "https://example.com:8443/sse?key=abc" }
  }
}
`,
  ],
  [
    'claude-code',
    'a project, with variables',
    `{
  "mcpServers": {
    "api": { "type": "http", "url": "\${API_BASE_URL:-https://api.example.com}/mcp", "headers": { "X-Key": "\${KEY}" } },
    "tool": { "command": "\${CLAUDE_PROJECT_DIR}/bin/tool", "args": ["--root", "\${HOME}"] }
  }
}
`,
    '.mcp.json',
  ],
  [
    'vscode',
    'comments, inputs, trailing commas',
    `// Servers of this workspace
{
  "inputs": [
    { "type": "promptString", "id": "key", "description": "API key", "password": true }, // asked once
  ],
  "servers": {
    /* the local one */
    "fetch": {
      "type": "stdio", // it is
      "command": "uvx", // no npx
      "args": [
        // what it is
        "mcp-server-fetch", /* and */
        "--key=\${input:key}",
      ],
    },
    "bare": {
      // nothing else
      "command": "bare", // here
    },
    "github": {
      "type": "http",
      "url": "https://api.githubcopilot.com/mcp/",
    },
    // "off": { "command": "x" },
  },
}
`,
  ],
  [
    'vscode',
    'comments in empty arrays',
    '{"servers": {"a": {"command": "x", "args": [ /* none */ ]}, "b": {"command": "y", "args": [ // none\n ]}}}',
  ],
  [
    'vscode',
    'a comment before the colon',
    '{"servers": {"a": {"command" /* c */ : /* d */ "x" /* e */, "args" /* f */ : /* g */ [ /* h */ "1" /* i */ , /* j */ ] /* k */}}}',
  ],
  ['vscode', 'only a comment', '// nothing yet\n'],
  [
    'cursor',
    'stdio and url without a type',
    `{
  "mcpServers": {
    "docs": { "url": "http://localhost:3000/mcp" },
    "files": {
      "command": "node",
      "args": ["\${workspaceFolder}/server.js", "--token", "abc"],
      "env": { "A": "1" }
    }
  }
}
`,
  ],
  [
    'windsurf',
    'serverUrl',
    '{\n  "mcpServers": {\n    "remote": { "serverUrl": "https://mcp.example.com/v1/sse", "headers": { "API_KEY": "v" } },\n    "escaped": { "serverUrl": "https:\\/\\/mcp.example.com\\/mcp?a=1#frag" },\n    "local": { "command": "docker", "args": ["run", "-i", "--rm", "-e", "TOKEN=abc", "mcp/x"], "disabled": false }\n  }\n}\n',
  ],
  [
    'gemini',
    'httpUrl, url and command',
    '{\n  "theme": "GitHub",\n  "mcpServers": {\n    "h": { "httpUrl": "https://x.example/mcp", "timeout": 5000 },\n    "s": { "url": "https://x.example/sse" },\n    "c": { "command": "python", "args": ["-m", "server"], "cwd": "./s", "trust": true }\n  }\n}\n',
  ],
  [
    'zed',
    'settings with comments',
    '// Zed settings\n//\n// For information, see the documentation\n{\n  "ui_font_size": 16,\n  "context_servers": {\n    "a": { "source": "custom", "command": "node", "args": ["s.js"], "env": {} },\n    "older": {\n      "command": {\n        "path": "uvx",\n        "args": ["mcp"],\n        "env": null\n      }\n    },\n    "from-extension": { "source": "extension", "settings": {} },\n    "r": { "url": "https://r.example/mcp", },\n  },\n}\n',
  ],
  [
    'opencode',
    'arrays of words',
    '{\n  "$schema": "https://opencode.ai/config.json",\n  "mcp": {\n    "everything": {\n      "type": "local",\n      "command": ["npx", "-y", "@modelcontextprotocol/server-everything"],\n      "enabled": true,\n      "environment": { "MY_ENV_VAR": "my_env_var_value" }\n    },\n    "long": {\n      "type": "local",\n      "command": [\n        "bun",\n        "x",\n        "my-mcp",\n      ],\n    },\n    "one": { "type": "local", "command": ["serve"] },\n    "far": { "type": "remote", "url": "https://far.example/mcp", "headers": { "Authorization": "Bearer k" } }\n  }\n}\n',
  ],
  [
    'opencode',
    'servers in a table of their own',
    '{\n  "mcp": {\n    "servers": {\n      "a": { "type": "local", "command": ["npx", "a"] },\n    },\n  },\n}\n',
  ],
];

const TOML_ROWS: readonly Row[] = [
  [
    'codex',
    'as its documentation has it',
    '# Codex\nmodel = "gpt-5"\n\n[mcp_servers.context7]\ncommand = "npx"\nargs = ["-y", "@upstash/context7-mcp"]\n\n[mcp_servers.context7.env]\nKEY = "secret-value"\n\n[profiles.fast]\nmodel = "mini"\n',
  ],
  [
    'codex',
    'args over lines, with comments and a last comma',
    '[mcp_servers.a]\ncommand = "uvx" # the runner\nargs = [\n  # what\n  "mcp-server-git", # the server\n  "--repository", "/r",\n]\nstartup_timeout_sec = 20\n',
  ],
  [
    'codex',
    'inline tables',
    'mcp_servers = { a = { command = "x", args = ["1", "2"] }, "b c" = { command = \'y\' } }\n',
  ],
  [
    'codex',
    'inline tables below a header',
    '[mcp_servers]\na = { command = "x", args = [], env = { "K" = "v" } }\nb = {command="y"}\nc = { url = "https://c.example/mcp", http_headers = { "X-Key" = "k" } }\n',
  ],
  [
    'codex',
    'dotted keys',
    'mcp_servers.a.command = "x"\nmcp_servers.a.args = ["1"]\nmcp_servers."b.c".command = "y"\n\n[other]\nk = 1\n',
  ],
  [
    'codex',
    'quoted names',
    '[mcp_servers."my server"]\ncommand = "x"\nargs = [ ]\n[mcp_servers.\'dé"jà\']\ncommand = "y"\n[ mcp_servers . spaced ]\ncommand = "z"\n',
  ],
  [
    'codex',
    'literal strings, as Windows paths are written',
    "[mcp_servers.win]\ncommand = 'C:\\Program Files\\nodejs\\node.exe'\nargs = ['C:\\me\\server.js', \"--x\"]\n",
  ],
  [
    'codex',
    'strings over lines',
    '[mcp_servers.a]\ncommand = """x"""\nargs = ["""\\\n   long \\\n   one""", \'\'\'raw\'\'\', """two\nlines"""]\n',
  ],
  [
    'codex',
    'no args, indented, a comment behind',
    '[mcp_servers.a]\n  command = "x" # here\n  env = { A = "1" }\n\n[mcp_servers.b]\n\tcommand="y"',
  ],
  [
    'codex',
    'a table in between',
    '[mcp_servers.a]\ncommand = "x"\n[tui]\ntheme = "d"\n[mcp_servers.b]\nargs = ["1"]\ncommand = "y"\n[[notices]]\nat = 2026-01-01T10:00:00Z\n[[notices]]\nat = 2026-01-01 10:00:00\nf = [1_000, 0x1f, inf, { a = [[1], [2]] }]\n',
  ],
  [
    'codex',
    'HTTP servers',
    '[mcp_servers.figma]\nurl = "https://mcp.figma.com/mcp"\nbearer_token_env_var = "FIGMA"\nhttp_headers = { "X-Figma-Region" = "us-east-1" }\n\n[mcp_servers.lit]\nurl = \'https://lit.example/mcp?x=1\'\n',
  ],
  ['codex', 'no servers', 'model = "o3"\n[mcp_servers]\n'],
  ['codex', 'an empty file', ''],
  ['codex', 'only a comment', '# nothing'],
];

/** Ways of keeping a text. */
const WAYS: readonly (readonly [title: string, way: (text: string) => string])[] = [
  ['', (text) => text],
  ['CRLF', (text) => text.replace(/\n/g, '\r\n')],
  ['BOM', (text) => `\ufeff${text}`],
  ['BOM, CRLF', (text) => `\ufeff${text.replace(/\n/g, '\r\n')}`],
  ['no last line end', (text) => text.replace(/\s+$/, '')],
];

export const CORPUS: readonly Sample[] = [...JSON_ROWS, ...TOML_ROWS].flatMap(([client, title, text, path]) =>
  WAYS.map(([way, write]) => ({
    title: [client, title, way].filter((part) => part !== '').join(', '),
    client,
    path: path ?? (client === 'codex' ? 'config.toml' : 'config.json'),
    text: write(text),
  })),
);
