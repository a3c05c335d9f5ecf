/** The commands that put Sidelight into the configs of clients, as the command line has them. */
import type { Command } from 'commander';
import { type Context, examples } from './readers.ts';
import { Terminal } from './terminal.ts';
import type { WrapOptions } from './wrap.ts';

const CLIENTS_HELP =
  '\nClients: claude-desktop, claude-code, vscode, cursor, windsurf, codex, gemini, zed, opencode.';

/** Adds the commands; they read no configuration of ours. */
export function addClients(program: Command, { io, done }: Pick<Context, 'io' | 'done'>): void {
  const terminal = (): Terminal => new Terminal({ out: io.stdout(), err: io.stderr(), env: io.env });

  rewriting(program.command('wrap'))
    .description("put Sidelight in front of servers in a client's config; shows the change and asks first")
    .option('--command <words>', 'how Sidelight is started there (default: as it was started now)')
    .option('--listen <host:port>', 'for one server that speaks HTTP: where its sidelight http listens')
    .addHelpText(
      'after',
      examples(
        'sidelight wrap claude-code',
        'sidelight wrap cursor files --yes --command "npx -y sidelight"',
        'sidelight wrap vscode search --listen 127.0.0.1:8808',
      ) + CLIENTS_HELP,
    )
    .action(async (client: string | undefined, server: string | undefined, options: WrapOptions) => {
      const { wrap } = await import('./wrap.ts');
      done(await wrap('wrap', { client, server }, options, { io, terminal: terminal() }));
    });

  rewriting(program.command('unwrap'))
    .description("take Sidelight out of a client's config again: the same bytes as before")
    .addHelpText('after', examples('sidelight unwrap claude-code', 'sidelight unwrap --yes') + CLIENTS_HELP)
    .action(async (client: string | undefined, server: string | undefined, options: WrapOptions) => {
      const { wrap } = await import('./wrap.ts');
      done(await wrap('unwrap', { client, server }, options, { io, terminal: terminal() }));
    });

  named(program.command('status'))
    .description('which clients are there, which servers they have, and which go through Sidelight')
    .option('--json', 'as JSON')
    .addHelpText('after', examples('sidelight status', 'sidelight status codex --json') + CLIENTS_HELP)
    .action(
      async (
        client: string | undefined,
        server: string | undefined,
        options: { json?: true; file?: string },
      ) => {
        const { status } = await import('./clientStatus.ts');
        done(await status({ client, server }, options, { io, terminal: terminal() }));
      },
    );
}

function named(command: Command): Command {
  return command
    .argument('[client]', 'a client (default: all that are there)')
    .argument('[server]', 'the name of a server in its config (default: all)')
    .option('--file <path>', 'a config file of that client elsewhere');
}

function rewriting(command: Command): Command {
  return named(command)
    .option('--dry-run', 'only show the change')
    .option('-y, --yes', 'change it without asking');
}
