/** The commands about tokens, as the command line has them. */
import type { Command } from 'commander';
import { type Context, examples } from './readers.ts';
import { addSettings } from './settings.ts';
import { Terminal } from './terminal.ts';
import type { CreateOptions } from './token.ts';

const FILE = ['tokensFile'] as const;

/** Adds the commands; each reads the configuration first. */
export function addTokenCommands(program: Command, { io, load, done }: Context): void {
  const token = program.command('token').description('tokens for sidelight serve, each of an org and a role');
  const terminal = (): Terminal => new Terminal({ out: io.stdout(), err: io.stderr(), env: io.env });

  addSettings(token.command('create'), FILE)
    .description('make one, show it once, and keep its hash')
    .option('--org <name>', 'whose recordings it reads')
    .option('--role <role>', 'reader, replayer (runs replays, too) or admin (changes and deletes, too)')
    .option('--subject <text>', 'whose token it is: the audit log names it')
    .option('--expires <duration>', 'it is good for so long, such as 90d; without this until it is revoked')
    .addHelpText(
      'after',
      examples('sidelight token create --tokens-file tokens.json --org payments --role reader --subject ada'),
    )
    .action(async (options: CreateOptions, command: Command) => {
      const { config } = await load(command);
      const { createToken } = await import('./token.ts');
      done(await createToken(options, config, terminal()));
    });

  addSettings(token.command('list'), FILE)
    .description('list them, without what they are')
    .option('--json', 'as JSON')
    .addHelpText('after', examples('sidelight token list --tokens-file tokens.json'))
    .action(async (options: { readonly json?: true }, command: Command) => {
      const { config } = await load(command);
      const { listTokens } = await import('./token.ts');
      done(await listTokens(options, config, terminal()));
    });

  addSettings(token.command('revoke'), FILE)
    .description('let nobody in by it any more, from now on')
    .argument('<id>', 'of the list')
    .addHelpText('after', examples('sidelight token revoke 0a1b2c3d --tokens-file tokens.json'))
    .action(async (id: string, _options, command: Command) => {
      const { config } = await load(command);
      const { revokeToken } = await import('./token.ts');
      done(await revokeToken(id, config, terminal()));
    });
}
