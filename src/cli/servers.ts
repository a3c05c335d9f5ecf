/** The commands that listen, as the command line has them. Each is loaded only when it is asked for. */
import type { Command } from 'commander';
import { type Context, examples } from './readers.ts';
import type { ServeOptions } from './serve.ts';
import { addSettings, REDACTION_SETTINGS } from './settings.ts';
import { Terminal } from './terminal.ts';

/** Adds the commands; each reads the configuration first. */
export function addServers(program: Command, { io, load, done }: Context): void {
  addSettings(program.command('serve'), REDACTION_SETTINGS)
    .description('serve the recordings of this machine: an API with a live view, behind a token')
    .option('--listen <host:port>', 'where; port 0 picks a free one', '127.0.0.1:4320')
    .option('--allow-remote', 'let other machines reach it: it is not encrypted')
    .option('--allowed-hosts <hosts>', 'further names by which it is asked for, separated by commas')
    .option('--enable-replay', 'let clients run sessions again against the servers in replay.targets')
    .addHelpText('after', examples('sidelight serve', 'sidelight serve --listen 0 --data-dir ./recordings'))
    .action(async (options: ServeOptions, command: Command) => {
      const loaded = await load(command);
      const { serve } = await import('./serve.ts');
      const terminal = new Terminal({ out: io.stdout(), err: io.stderr(), env: io.env });
      const { version, self, env } = io;
      done(await serve(loaded, options, { terminal, version, self, env, signal: io.interrupted() }));
    });

  addSettings(program.command('mcp'), REDACTION_SETTINGS)
    .description('serve the recordings of this machine to an agent, as an MCP server on stdio')
    .option('--enable-replay', 'let the agent run sessions again against the servers in replay.targets')
    .addHelpText('after', examples('sidelight mcp', 'claude mcp add sidelight -- sidelight mcp'))
    .action(async ({ enableReplay }: { readonly enableReplay?: true }, command: Command) => {
      const loaded = await load(command);
      const { mcp } = await import('./mcp.ts');
      const terminal = new Terminal({ out: io.stderr(), err: io.stderr(), env: io.env });
      const { version, self, env } = io;
      const options = {
        loaded,
        version,
        replay: enableReplay === true ? { self, env } : undefined,
        report: (line: string) => {
          terminal.problem(line);
        },
      };
      done(await mcp(options, io.interrupted()));
    });
}
