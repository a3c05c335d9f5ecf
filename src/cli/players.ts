/** The commands that play recordings to clients, as the command line has them. */
import { type Command, Option } from 'commander';
import { ConfigError, quote } from '../config/error.ts';
import type { MockOptions } from './mock.ts';
import { placeOf } from './place.ts';
import { type Context, examples } from './readers.ts';
import { collected, factor } from './replayOptions.ts';
import { addReading } from './settings.ts';
import { Terminal } from './terminal.ts';

/** Adds the commands; each reads the configuration first. */
export function addPlayers(program: Command, { io, load, done }: Context): void {
  addReading(program.command('mock'))
    .description('a recorded session as an MCP server: its answers again, and never a live call')
    .argument('<session>', 'an id or a part of one, last, or a file')
    .option('--listen <host:port>', 'over HTTP instead of stdio; port 0 picks a free one')
    .option('--allow-remote', 'let other machines reach it: it is not encrypted')
    .addOption(
      new Option('--match <strategy>', 'how a request finds its recorded answer')
        .choices(['strict', 'queue', 'best'])
        .default('queue'),
    )
    .option('--repeat-last', 'where the answers to a request are used up, the last one again')
    .addOption(
      new Option('--timing <timing>', 'as fast as it can, or when it was recorded')
        .choices(['fast', 'recorded'])
        .default('fast'),
    )
    .addOption(
      new Option('--speed <times>', 'with --timing recorded, so many times as fast').argParser(
        factor('--speed'),
      ),
    )
    .option('--stderr', 'with what the server wrote on stderr')
    .option('--crash', 'end as the server ended, where it did')
    .option(
      '--fault <kind[:tool=name][,p=0.1][,after=n][,p95=2s]>',
      'spoil answers: delay, drop, error, truncate, malformed, disconnect; repeatable',
      collected,
    )
    .addOption(new Option('--seed <number>', 'the same faults as a run before').argParser(seed))
    .option('--json-report <file>', 'what was asked for and what was not, as JSON')
    .option('--strict', 'exit code 1 where something was asked that is not recorded')
    .addHelpText(
      'after',
      [
        examples(
          'sidelight mock last',
          'sidelight mock 7f3a --listen 127.0.0.1:8900 --match best --timing recorded --speed 10',
          'sidelight mock recording.jsonl --fault delay:tool=search,p95=2s --fault drop:p=0.1 --seed 7',
        ),
        '\nExit codes: 0 its client is gone, 1 something unknown was asked (--strict), 2 usage, 3 it could not be played.',
      ].join('\n'),
    )
    .action(async (session: string, options: MockOptions, command: Command) => {
      const config = placeOf(await load(command), command);
      const { mock } = await import('./mock.ts');
      done(
        await mock(session, options, {
          config,
          terminal: new Terminal({ out: io.stdout(), err: io.stderr(), env: io.env }),
          input: io.stdin,
          output: io.stdout,
          stderr: io.stderr,
          endLike: io.endLike,
          signal: io.interrupted(),
        }),
      );
    });
}

function seed(written: string): number {
  if (/^\d{1,10}$/.test(written)) return Number(written);
  throw new ConfigError(`--seed: ${quote(written)} is not a whole number of up to ten digits`);
}
