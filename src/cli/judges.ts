/** The commands that judge and compare recordings, as the command line has them. */
import { type Command, Option } from 'commander';
import { CATEGORIES, DEFAULT_FAIL_ON } from '../check/gate.ts';
import { ConfigError, quote } from '../config/error.ts';
import { duration } from '../config/quantity.ts';
import { LEVELS } from '../replay/compare.ts';
import type { CheckOptions } from './check.ts';
import type { DiffOptions } from './diff.ts';
import { type Context, examples } from './readers.ts';
import { placeOf } from './place.ts';
import { addReading } from './settings.ts';
import { Terminal } from './terminal.ts';

const MAX_DURATION_MS = 24 * 60 * 60_000;

/** Adds the commands; each reads the configuration first. */
export function addJudges(program: Command, { io, load, done }: Context): void {
  const terminal = (): Terminal => new Terminal({ out: io.stdout(), err: io.stderr(), env: io.env });

  addReading(program.command('check'))
    .description('a gate for CI: whether recorded sessions hold what is asked of them')
    .argument('[session...]', 'ids or parts of them, last, or files (default: last)')
    .option('--filter <filter>', 'sessions of the store that a filter finds; see sidelight sessions --help')
    .option(
      '--fail-on <words>',
      `categories (${CATEGORIES.join(', ')}) and ids of findings, with commas; none for nothing (default: ${DEFAULT_FAIL_ON.join(',')})`,
    )
    .addOption(
      new Option('--max-duration <duration>', 'the longest that an operation may take').argParser(
        milliseconds,
      ),
    )
    .option('--expect-tool <tool>', 'a tool that must have been called with success; repeatable', collected)
    .option('--forbid-tool <tool>', 'a tool that must not have been called; repeatable', collected)
    .addOption(
      new Option('--format <format>', 'how it is told')
        .choices(['text', 'json', 'junit', 'sarif'])
        .default('text'),
    )
    .addHelpText(
      'after',
      [
        examples(
          'sidelight check last --fail-on error,tool_error,drift --max-duration 2s',
          "sidelight check --filter 'server:files since:1d' --fail-on error,hung",
          'sidelight check recording.jsonl --expect-tool search --format junit > report.xml',
        ),
        '\nExit codes: 0 everything holds, 1 something does not, 2 usage, 3 it could not be read.',
      ].join('\n'),
    )
    .action(async (wanted: readonly string[], options: CheckOptions, command: Command) => {
      const config = placeOf(await load(command), command);
      const { checkSessions } = await import('./check.ts');
      done(await checkSessions(config, wanted, options, io.version, terminal()));
    });

  addReading(program.command('diff'))
    .description('what changed between two sessions: tools, calls, outcomes, answers')
    .argument('<before>', 'an id or a part of one, last, or a file')
    .argument('<after>', 'the same')
    .addOption(
      new Option('--level <level>', 'how closely answers are compared').choices(LEVELS).default('semantic'),
    )
    .option('--ignore <path>', 'a path or the name of a member that may differ; repeatable', collected)
    .option('--type-only <path>', 'where only the type counts; repeatable', collected)
    .option('--unordered <path>', 'an array whose order says nothing; repeatable', collected)
    .addOption(
      new Option('--max-slowdown <times>', 'a call that takes so many times as long is a change').argParser(
        times,
      ),
    )
    .option('--json', 'as JSON')
    .addHelpText(
      'after',
      [
        examples(
          'sidelight diff 7f3a last --ignore timestamp',
          'sidelight diff before.jsonl after.jsonl --level shape',
        ),
        '\nExit codes: 0 nothing changed, 1 something did, 2 usage, 3 it could not be read.',
      ].join('\n'),
    )
    .action(async (before: string, after: string, options: DiffOptions, command: Command) => {
      const config = placeOf(await load(command), command);
      const { diff } = await import('./diff.ts');
      done(await diff(config, [before, after], options, terminal()));
    });
}

function collected(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

function milliseconds(written: string): number {
  const { schema, expected } = duration(1, MAX_DURATION_MS);
  const result = schema().safeParse(written);
  if (result.success) return result.data;
  throw new ConfigError(`--max-duration: ${quote(written)} is not ${expected}`);
}

function times(written: string): number {
  const value = Number(written.replace(/x$/, ''));
  if (Number.isFinite(value) && value >= 1) return value;
  throw new ConfigError(`--max-slowdown: ${quote(written)} is not a number from 1, such as 1.5`);
}
