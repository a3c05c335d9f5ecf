/** docs/config.md, from the table of settings: a test holds the file to it. */
import {
  CONFIG_ENV,
  CONFIG_FLAG,
  envOf,
  fallbackOf,
  flagOf,
  type Key,
  KEYS,
  OWN_KEYS,
  rowOf,
  usageOf,
} from './options.ts';

const INTRO = `# Configuration

Every setting has a flag (but for a secret), an environment variable and a key in a config file. Where several say something, the first of these counts:

1. the flag, before \`--\` and the server's command
2. the \`SIDELIGHT_*\` variable
3. the standard OpenTelemetry variable (\`OTEL_*\`) that says the same; the one for traces goes before the general one
4. the config file
5. the default

An empty variable counts as not set. A wrong key or value in a flag, a \`SIDELIGHT_*\` variable or the config file ends Sidelight before it relays anything: exit code 2 and one line that names it and the nearest right one. \`OTEL_*\` variables are shared with other programs: a value that Sidelight cannot use is told in one line and ignored. \`sidelight config print\` shows each value and where it came from.

## Config file

One file is read: the one named by \`${CONFIG_FLAG} FILE\`, else by \`${CONFIG_ENV}\`, else \`sidelight.yaml\` in the current directory, else \`sidelight/sidelight.yaml\` in \`$XDG_CONFIG_HOME\` (\`~/.config\`; macOS: \`~/Library/Application Support\`; Windows: \`%APPDATA%\`). Relative paths in it start from its own directory, elsewhere from the current one; \`~/\` is the home directory.

\`\`\`yaml
name: files
record: full
admin: 127.0.0.1:9464
otlp:
  endpoint: http://localhost:4318
  headersFile: otlp-headers
log:
  level: info
\`\`\`

## Secrets

\`otlp.headers\` has no flag, since a command line can be read by every user of a machine. Give it in \`${envOf('otlp.headers')}\`, in the config file, or in a file of its own that \`otlp.headersFile\` names. \`config print\` shows the names of headers and never their values. The server's environment is Sidelight's own without \`${envOf('otlp.headers')}\`; \`OTEL_*\` variables stay, since the server may use them itself.

## OpenTelemetry variables

\`OTEL_SDK_DISABLED=true\` and \`OTEL_TRACES_EXPORTER=none\` turn the export off, unless a flag or a \`SIDELIGHT_*\` variable names an endpoint. \`OTEL_TRACES_EXPORTER=otlp\` without any endpoint exports to \`http://localhost:4318\`. \`service.name\` in \`OTEL_RESOURCE_ATTRIBUTES\` counts where \`OTEL_SERVICE_NAME\` is not set. Values of headers and resource attributes are percent-decoded. An endpoint of a stronger source goes before a traces endpoint of a weaker one: \`--otlp-endpoint\` means what it says, and \`--otlp-endpoint none\` turns the export off.
`;

/** Markdown, ending in a newline. */
export function renderConfigDoc(): string {
  const own: ReadonlySet<Key> = new Set(Object.values(OWN_KEYS).flat());
  const shared = KEYS.filter((key) => !own.has(key));
  return [
    INTRO,
    chapter('Settings', 'Of `sidelight run` and `sidelight http`.', shared),
    chapter('Settings of `sidelight run`', OTHERS, OWN_KEYS.run),
    chapter('Settings of `sidelight http`', OTHERS, OWN_KEYS.http),
    chapter('Settings of `sidelight serve`', OTHERS, OWN_KEYS.serve),
  ].join('\n');
}

const OTHERS = 'In the environment and in a config file other commands pass over them.';

function chapter(title: string, intro: string, keys: readonly Key[]): string {
  return [`## ${title}\n\n${intro}\n`, ...keys.map(section)].join('\n');
}

function section(key: Key): string {
  const { kind, description, otel, fallbackText, bare } = rowOf(key);
  const flag = flagOf(key);
  const fallback = fallbackOf(key);
  const facts = [
    ...(flag === undefined
      ? []
      : [`flag: ${code(usageOf(key))}${bare === undefined ? '' : `, without a value ${code(bare)}`}`]),
    `environment: ${code(envOf(key))}`,
    ...(otel === undefined ? [] : [`OpenTelemetry: ${otel.map(code).join(', ')}`]),
    `value: ${kind.expected}`,
    `default: ${fallbackText === undefined ? code(fallback) : fallback}`,
  ];
  return `### ${code(key)}\n\n${description}\n\n${facts.map((fact) => `- ${fact}\n`).join('')}`;
}

function code(text: string): string {
  return `\`${text}\``;
}
