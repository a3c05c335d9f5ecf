/** The commands that take a filter, and the shell's completion, as the command line has them. Each is loaded only when it is asked for. */
import { type Command, Option } from 'commander';
import { type Context, countOption, examples } from './readers.ts';
import { placeOf } from './place.ts';
import { addReading } from './settings.ts';
import { Terminal } from './terminal.ts';

interface ListFlags {
  readonly limit?: number;
  readonly after?: string;
  readonly json?: true;
}

const FILTER = 'server:, tool:, status:, is:failed, dur:>1s, since:2h, a text; all keys: docs/filter.md';
const COMMANDS: ReadonlySet<string> = new Set(['sessions', 'operations', 'stats', 'tail']);

/** Adds the commands; each reads the configuration first. */
export function addLists(program: Command, { io, load, done }: Context): void {
  const terminal = (): Terminal => new Terminal({ out: io.stdout(), err: io.stderr(), env: io.env });
  const filtered = (name: string): Command =>
    addReading(program.command(name)).argument('[filter...]', FILTER);
  const after = (): Option => new Option('--after <cursor>', 'go on where a list ended');

  filtered('sessions')
    .description('list the recorded sessions, newest first')
    .option('--failed', 'only sessions in which something failed, as is:failed')
    .addOption(countOption('--limit <number>', 'the newest so many (default: 20)'))
    .addOption(after())
    .option('--json', 'as JSON, one object in a line')
    .addHelpText(
      'after',
      examples(
        'sidelight sessions --failed',
        'sidelight sessions server:files since:1d tool:search',
        "sidelight sessions 'is:incomplete OR finding:late_result' --json",
      ),
    )
    .action(async (words: string[], options: ListFlags & { failed?: true }, command: Command) => {
      const place = placeOf(await load(command), command);
      const { sessions } = await import('./sessions.ts');
      done(await sessions(place, { ...options, words }, terminal()));
    });

  filtered('operations')
    .description('list the operations of all sessions, newest first')
    .addOption(countOption('--limit <number>', 'the newest so many (default: 50)'))
    .addOption(after())
    .option('--json', 'as JSON, one object in a line')
    .addHelpText(
      'after',
      examples(
        'sidelight operations status:tool_error,timeout since:2h',
        "sidelight operations tool:search 'dur:>500ms' -server:files",
        'sidelight operations \'"no such file"\' --limit 5 --json',
      ),
    )
    .action(async (words: string[], options: ListFlags, command: Command) => {
      const place = placeOf(await load(command), command);
      const { operations } = await import('./operations.ts');
      done(await operations(place, { ...options, words }, terminal()));
    });

  filtered('stats')
    .description('count operations by server and tool: calls, failures, durations, bytes')
    .addOption(countOption('--limit <number>', 'those with the most calls (default: 100)'))
    .option('--json', 'as JSON, one object in a line; durations in microseconds')
    .addHelpText(
      'after',
      examples('sidelight stats since:7d', "sidelight stats server:files 'tool:*' --json"),
    )
    .action(async (words: string[], options: ListFlags, command: Command) => {
      const place = placeOf(await load(command), command);
      const { stats } = await import('./stats.ts');
      done(await stats(place, { ...options, words }, terminal()));
    });

  filtered('tail')
    .description('follow all sessions of this machine as they happen')
    .addOption(countOption('--count <number>', 'end after so many lines'))
    .option('--json', 'as JSON, one object in a line')
    .addHelpText(
      'after',
      examples('sidelight tail', 'sidelight tail is:failed', 'sidelight tail --json --count 10'),
    )
    .action(async (words: string[], options: { count?: number; json?: true }, command: Command) => {
      const place = placeOf(await load(command), command);
      const { tail } = await import('./tail.ts');
      done(await tail(place, { ...options, words }, terminal(), io.interrupted()));
    });

  program
    .command('completion')
    .description('print what makes a shell complete commands, options and filters')
    .argument('<shell>', 'bash, zsh or fish')
    .addHelpText(
      'after',
      examples(
        'source <(sidelight completion bash)',
        'sidelight completion zsh > ~/.zfunc/_sidelight',
        'sidelight completion fish > ~/.config/fish/completions/sidelight.fish',
      ),
    )
    .action(async (shell: string) => {
      const { completion } = await import('./completion.ts');
      await terminal().line(completion(shell, program));
      done(0);
    });
}

/** `-tool:x` on its own is a term of a filter and no option: for the parser of options it is `NOT tool:x`. */
export function filterWords(argv: readonly string[]): readonly string[] {
  if (!COMMANDS.has(argv[0] ?? '')) return argv;
  return argv.map((word) => (/^-(?:[a-z]{2,}:|[("])/i.test(word) ? `NOT ${word.slice(1)}` : word));
}
