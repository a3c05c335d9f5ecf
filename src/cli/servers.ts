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
    .addHelpText('after', examples('sidelight serve', 'sidelight serve --listen 0 --data-dir ./recordings'))
    .action(async (options: ServeOptions, command: Command) => {
      const loaded = await load(command);
      const { serve } = await import('./serve.ts');
      const terminal = new Terminal({ out: io.stdout(), err: io.stderr(), env: io.env });
      const [, program = ''] = io.self;
      done(
        await serve(loaded, options, { terminal, version: io.version, program, signal: io.interrupted() }),
      );
    });
}
