/** `sidelight replay` as the command line has it. */
import { type Command, Option } from 'commander';
import { ConfigError, quote } from '../config/error.ts';
import { duration } from '../config/quantity.ts';
import { LEVELS } from '../replay/compare.ts';
import type { Server } from '../replay/target.ts';
import { type Context, examples } from './readers.ts';
import type { ReplayOptions } from './replay.ts';
import { addSettings, READER_SETTINGS } from './settings.ts';
import { Terminal } from './terminal.ts';

interface Written extends ReplayOptions {
  readonly target?: string;
  readonly header?: readonly string[];
  readonly unrecorded?: true;
}

const MAX_MS = 24 * 60 * 60_000;
const HEADER = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?([\t\x20-\x7e\x80-\xff]*)$/;

/** Adds the command; it reads the configuration first. */
export function addReplay(program: Command, { io, load, done }: Context): void {
  const milliseconds = (flag: string) => (written: string) => {
    const { schema, expected } = duration(0, MAX_MS);
    const result = schema().safeParse(written);
    if (result.success) return result.data;
    throw new ConfigError(`${flag}: ${quote(written)} is not ${expected}`);
  };
  addSettings(program.command('replay'), READER_SETTINGS)
    .description('do a recorded session again against a server, and say whether the same comes of it')
    .usage('<session> [options] [-- <command> [args...]]')
    .argument('<session>', 'an id or a part of one, last, or a file')
    .argument('[command...]', 'the server on stdio and its arguments')
    // Named by what it is here: elsewhere it is the URL of a server to stand in front of.
    .option('--target <url>', 'the URL of a server that speaks HTTP, with its path')
    .option('--header <header>', 'NAME: VALUE, sent with each request to it; repeatable', collected)
    .option('--execute', 'do it; without this only the plan is shown')
    .option(
      '--allow <tool>',
      'a tool that may be called although it does not say that it only reads; repeatable',
      collected,
    )
    .option('--allow-all', 'any tool may be called')
    .option('--skip-blocked', 'leave out what cannot be sent, instead of nothing being run')
    .option('--secret <mark=env:name>', 'the value of something that was redacted; repeatable', collected)
    .option('--bind <step:path=value>', 'send this value instead of the recorded one; repeatable', collected)
    .option(
      '--keep-recorded <step:path>',
      'send the recorded value here; all for every place; repeatable',
      collected,
    )
    .addOption(
      new Option('--level <level>', 'how closely answers are compared').choices(LEVELS).default('semantic'),
    )
    .option('--ignore <path>', 'a path or the name of a member that may differ; repeatable', collected)
    .option('--type-only <path>', 'where only the type counts; repeatable', collected)
    .option('--unordered <path>', 'an array whose order says nothing; repeatable', collected)
    .option('--learn', 'run it twice before, and do not compare what differs between the two')
    .addOption(
      new Option('--repeat <times>', 'run it so many times, and say how often it was reproduced').argParser(
        times,
      ),
    )
    .addOption(
      new Option('--speed <times>', 'keep the recorded gaps, so many times as fast').argParser(
        factor('--speed'),
      ),
    )
    .addOption(
      new Option('--max-gap <duration>', 'no gap is longer than this').argParser(milliseconds('--max-gap')),
    )
    .addOption(
      new Option('--deadline <duration>', 'for each step (default: 30s)').argParser(
        milliseconds('--deadline'),
      ),
    )
    .addOption(
      new Option('--asks <policy>', 'what the server is told when it asks something that was not recorded')
        .choices(['decline', 'last', 'fail'])
        .default('decline'),
    )
    .addOption(
      new Option('--max-slowdown <times>', 'a step that takes so many times as long fails').argParser(
        factor('--max-slowdown'),
      ),
    )
    .option('--unrecorded', 'do not record the replay as a session of its own')
    .addOption(
      new Option('--format <format>', 'how it is told').choices(['text', 'json', 'junit']).default('text'),
    )
    .addHelpText(
      'after',
      [
        examples(
          'sidelight replay last',
          'sidelight replay 7f3a --execute --allow create_issue -- node server.js',
          'sidelight replay 7f3a --execute --learn --repeat 10 --target http://127.0.0.1:3001/mcp',
        ),
        '\nExit codes: 0 reproduced, 1 not reproduced, 2 usage, 3 it could not be run.',
      ].join('\n'),
    )
    .action(async (session: string, command: readonly string[], written: Written, self: Command) => {
      const { config } = await load(self);
      const { replay } = await import('./replay.ts');
      const server = serverOf(command, written, io.cwd);
      done(
        await replay(session, written, {
          config,
          server,
          env: io.env,
          signal: io.interrupted(),
          terminal: new Terminal({ out: io.stdout(), err: io.stderr(), env: io.env }),
          recording:
            written.unrecorded !== true
              ? (id) => ({ self: io.self, flags: ['--data-dir', config.dataDir, '--replay-of', id] })
              : undefined,
        }),
      );
    });
}

function serverOf(
  command: readonly string[],
  { target, header = [] }: Written,
  cwd: string,
): Server | undefined {
  const [program, ...args] = command;
  if (target !== undefined && program !== undefined)
    throw new ConfigError('--target: a server is named by its URL or by its command, not by both');
  if (target === undefined) return program === undefined ? undefined : { command: program, args, cwd };
  if (!URL.canParse(target) || !/^https?:$/.test(new URL(target).protocol))
    throw new ConfigError(`--target: ${quote(target)} is not an http or https URL`);
  return { url: new URL(target), headers: Object.fromEntries(header.map(headerFrom)) };
}

function headerFrom(written: string): [string, string] {
  const [, name, value] = HEADER.exec(written) ?? [];
  if (name !== undefined && value !== undefined) return [name, value];
  throw new ConfigError('--header: expected NAME: VALUE');
}

function collected(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

function times(written: string): number {
  if (/^[1-9]\d{0,3}$/.test(written)) return Number(written);
  throw new ConfigError(`--repeat: ${quote(written)} is not a whole number from 1 to 9999`);
}

function factor(flag: string): (written: string) => number {
  return (written) => {
    const value = Number(written.replace(/x$/, ''));
    if (Number.isFinite(value) && value > 0) return value;
    throw new ConfigError(`${flag}: ${quote(written)} is not a number above 0, such as 2`);
  };
}
