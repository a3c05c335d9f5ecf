/** `sidelight replay`, `minimize`, `bisect`, `case` and `test` as the command line has them. */
import { type Command, Option } from 'commander';
import { ConfigError, quote } from '../config/error.ts';
import type { BisectWritten } from './versions.ts';
import type { CaseImportOptions } from './caseFiles.ts';
import type { Loaded } from '../config/load.ts';
import { type Context, examples } from './readers.ts';
import {
  collected,
  count,
  factor,
  milliseconds,
  serverOf,
  withComparing,
  withPermissions,
  withServer,
  type Written,
} from './replayOptions.ts';
import { placeOf } from './place.ts';
import { addReading } from './settings.ts';
import { Terminal } from './terminal.ts';

/** Adds the commands; each reads the configuration first. */
export function addReplay(program: Command, argv: readonly string[], { io, load, done }: Context): void {
  const recordingOf = ({ unrecorded }: Written, { config, file }: Loaded) => {
    if (unrecorded === true) return undefined;
    const flags = ['--data-dir', config.dataDir, ...(file === undefined ? [] : ['--config', file])];
    return (id: string) => ({ self: io.self, flags: [...flags, '--replay-of', id] });
  };
  const contextOf = () => ({
    env: io.env,
    ask: io.ask,
    signal: io.interrupted(),
    terminal: new Terminal({ out: io.stdout(), err: io.stderr(), env: io.env }),
  });

  withComparing(withPermissions(withServer(addReading(program.command('replay')))))
    .description('do a recorded session again against a server, and say whether the same comes of it')
    .usage('<session> [options] [-- <command> [args...]]')
    .argument('<session>', 'an id or a part of one, last, or a file')
    .argument('[command...]', 'the server on stdio and its arguments')
    .option('--execute', 'do it; without this only the plan is shown')
    .option('--step', 'do it one step at a time, and ask before each')
    .option('--learn', 'run it twice before, and do not compare what differs between the two')
    .addOption(
      new Option('--repeat <times>', 'run it so many times, and say how often it was reproduced').argParser(
        count('--repeat'),
      ),
    )
    .addOption(
      new Option('--asap', 'as fast as the order of the steps allows (default)').conflicts([
        'speed',
        'maxGap',
      ]),
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
        .choices(['decline', 'last', 'fail', 'ask'])
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
      const loaded = await load(self);
      const config = placeOf(loaded, self);
      const { replay } = await import('./replay.ts');
      const server = serverOf(command, written, io.cwd);
      done(
        await replay(session, written, {
          ...contextOf(),
          config,
          server,
          recording: recordingOf(written, loaded),
        }),
      );
    });

  withComparing(withPermissions(withServer(addReading(program.command('minimize')))), 'outcome')
    .description('find the smallest part of a session that still fails the same way')
    .usage('<session> [options] -- <command> [args...]')
    .argument('<session>', 'an id or a part of one, last, or a file')
    .argument('[command...]', 'the server on stdio and its arguments; started anew for each trial')
    .addOption(
      new Option('--at-step <number>', 'the step that fails (default: the first that did)').argParser(
        stepNumber,
      ),
    )
    .addOption(
      new Option('--max-trials <number>', 'at most so many runs (default: 500)').argParser(
        count('--max-trials'),
      ),
    )
    .addOption(
      new Option('--deadline <duration>', 'for each step (default: 30s)').argParser(
        milliseconds('--deadline'),
      ),
    )
    .option('-o, --output <path>', 'the case that is written (default: <id>.case.yaml)')
    .addHelpText(
      'after',
      [
        examples('sidelight minimize 7f3a --allow-all -- node server.js'),
        '\nExit codes: 0 made smaller, 1 it does not fail, 2 usage, 3 it could not be run.',
      ].join('\n'),
    )
    .action(async (session: string, command: readonly string[], written: Written, self: Command) => {
      const config = placeOf(await load(self), self);
      const { minimizeSession } = await import('./shrink.ts');
      const server = serverOf(command, written, io.cwd);
      const context = { ...contextOf(), config, server, recording: undefined };
      done(await minimizeSession(session, { skipBlocked: true, ...written }, context));
    });

  withComparing(withPermissions(addReading(program.command('bisect'))))
    .description('run a session against several servers or commits, and say which is the first that differs')
    .usage('<session> --servers <command> | --git <good..bad> [--build <commands>] -- <command> [args...]')
    .argument('<session>', 'an id or a part of one, last, or a file')
    .argument('[command...]', 'with --git: what starts the server in a working tree')
    .option(
      '--servers <command>',
      "a command with {alternatives,in,braces}, in their order, such as 'npx -y pkg@{1.2,1.3}'; repeatable",
      collected,
    )
    .option('--git <good..bad>', 'commits of the repository here, along first parents, halved')
    .option('--build <commands>', 'run in each working tree first; && separates commands, no shell is asked')
    .option('--learn', 'run the first server twice before, and do not compare what differs between the two')
    .addOption(
      new Option('--deadline <duration>', 'for each step (default: 30s)').argParser(
        milliseconds('--deadline'),
      ),
    )
    .option('--json', 'as JSON')
    .addHelpText(
      'after',
      [
        examples(
          "sidelight bisect 7f3a --allow-all --servers 'node server-{1,2,3}.js'",
          "sidelight bisect 7f3a --git v1.2..HEAD --build 'npm ci && npm run build' -- node dist/server.js",
        ),
        '\nExit codes: 0 all reproduce it, 1 some differ, 2 usage, 3 it could not be run.',
      ].join('\n'),
    )
    .action(
      async (
        session: string,
        command: readonly string[],
        written: Written & BisectWritten,
        self: Command,
      ) => {
        const config = placeOf(await load(self), self);
        const [{ bisect }, { versionsFrom }] = await Promise.all([
          import('./bisect.ts'),
          import('./versions.ts'),
        ]);
        const context = { ...contextOf(), config, server: undefined, recording: undefined, cwd: io.cwd };
        done(await bisect(session, versionsFrom(written, serverOf(command, {}, io.cwd)), written, context));
      },
    );

  const cases = program.command('case').description('files that keep a failure fixed');
  withComparing(withPermissions(withServer(addReading(cases.command('create')))))
    .description('make a case of a recorded session')
    .usage('<session> [options] [-- <command> [args...]]')
    .argument('<session>', 'an id or a part of one, last, or a file')
    .argument('[command...]', 'the server that it is about, which the case then names')
    .option('-o, --output <path>', 'the file, .yaml or .json, or - for stdout (default: <name>.case.yaml)')
    .option('--name <name>', 'what the case is called')
    .option('--learn', 'run it twice, and do not compare what differs between the two')
    .addHelpText(
      'after',
      examples('sidelight case create 7f3a --learn -o cases/login.case.yaml -- node server.js'),
    )
    .action(async (session: string, command: readonly string[], written: Written, self: Command) => {
      const config = placeOf(await load(self), self);
      const { caseCreate } = await import('./caseFiles.ts');
      const server = serverOf(command, written, io.cwd);
      done(await caseCreate(session, written, { ...contextOf(), config, server, recording: undefined }));
    });

  cases
    .command('import')
    .description('make cases of the scenarios of mcp-recorder')
    .argument('<file>', 'a file of scenarios (YAML)')
    .option('-o, --output <folder>', 'where the cases are written', 'cases')
    .option('--allow <tool>', 'a tool that the cases may call; repeatable', collected)
    .option('--allow-all', 'the cases may call any tool that they name')
    .addHelpText('after', examples('sidelight case import scenarios.yml --allow add -o cases/'))
    .action(async (file: string, written: CaseImportOptions) => {
      const { caseImport } = await import('./caseFiles.ts');
      done(await caseImport(file, written, contextOf()));
    });

  withServer(program.command('test'))
    .description('run cases, each against a server of its own')
    .usage('<path...> [options] [-- <command> [args...]]')
    .argument('<path...>', 'cases, or folders of them (*.case.yaml, *.case.json)')
    .addOption(new Option('--jobs <number>', 'so many at a time (default: 4)').argParser(count('--jobs')))
    .addOption(
      new Option('--deadline <duration>', 'for each step (default: 30s)').argParser(
        milliseconds('--deadline'),
      ),
    )
    .option('--update', 'write what comes now into the cases that fail, or that expect nothing')
    .option('--learn', 'with --update: run those twice more, and write what differs as what may differ')
    .option('--secret <mark=env:name>', 'the value of something that was redacted; repeatable', collected)
    .addOption(
      new Option('--format <format>', 'how it is told')
        .choices(['text', 'json', 'junit', 'sarif'])
        .default('text'),
    )
    .addHelpText(
      'after',
      [
        examples(
          'sidelight test cases/',
          'sidelight test cases/ --format junit -- node server.js > report.xml',
        ),
        '\nExit codes: 0 all passed, 1 some did not, 2 usage, 3 some could not be run.',
      ].join('\n'),
    )
    .action(
      async (
        operands: readonly string[],
        written: Written & { jobs?: number; update?: true; learn?: true },
      ) => {
        const { testCases } = await import('./cases.ts');
        const [paths, command] = around(operands, argv);
        const server = serverOf(command, written, io.cwd);
        const { format = 'text', ...options } = written;
        done(await testCases(paths, { ...options, format }, { ...contextOf(), server, version: io.version }));
      },
    );
}

/** What stands before `--` and behind it: commander hands both over as one list. */
function around(
  operands: readonly string[],
  argv: readonly string[],
): [readonly string[], readonly string[]] {
  const end = argv.indexOf('--');
  const behind = end === -1 ? 0 : argv.length - end - 1;
  return [operands.slice(0, operands.length - behind), operands.slice(operands.length - behind)];
}

/** Steps are numbered from 0. */
function stepNumber(written: string): number {
  if (/^\d{1,6}$/.test(written)) return Number(written);
  throw new ConfigError(`--at-step: ${quote(written)} is not the number of a step`);
}
