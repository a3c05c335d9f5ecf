/**
 * The command line: says which command is meant and hands it what it needs. What is wrong in it is told in one line on
 * stderr. It is on the way to the server's start, so what only other commands need is loaded only when it is asked for.
 */
import { Command, CommanderError } from 'commander';
import { serverEnv } from '../config/environment.ts';
import { ConfigError, maskUserinfo, plain } from '../config/error.ts';
import { type Loaded, loadConfig } from '../config/load.ts';
import { flagOf, OWN_KEYS } from '../config/options.ts';
import { propagatesOnStdio } from '../config/propagate.ts';
import { didYouMean, nearest } from '../config/suggest.ts';
import { addClients } from './clients.ts';
import type { Io } from './io.ts';
import { addFleetCommands } from './fleetCommands.ts';
import { addJudges } from './judges.ts';
import { addKeepers } from './keepers.ts';
import { addLists, filterWords } from './lists.ts';
import { addPlayers } from './players.ts';
import { addReaders, examples } from './readers.ts';
import { addReplay } from './replayCommand.ts';
import { addServers } from './servers.ts';
import { addSettings, flagsOf, settingsOf } from './settings.ts';
import { addTokenCommands } from './tokenCommands.ts';

/** What was asked for could not be understood. */
const USAGE_EXIT_CODE = 2;

const USAGE = 'sidelight [run] [options] -- <command> [args...]';
const HTTP_USAGE = 'sidelight http --target <url> [options]';
const GLOBAL_OPTIONS: ReadonlySet<string> = new Set(['-h', '--help', '-V', '--version']);

/**
 * Does what the arguments (without node and script) say; resolves to the exit code. `run` and `http` end the process
 * themselves.
 */
export async function runCli(argv: readonly string[], io: Io): Promise<number> {
  let exitCode = 0;
  const program = createProgram(argv, io, (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync(filterWords(withCommand(argv)), { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    const fail = (message: string): number => {
      io.stderr().write(`sidelight: ${message}\n`);
      return USAGE_EXIT_CODE;
    };
    // Which command of several was not said; they were shown.
    if (error instanceof CommanderError && error.code === 'commander.help') return USAGE_EXIT_CODE;
    if (error instanceof CommanderError) return fail(explain(error, program, argv));
    if (error instanceof ConfigError) return fail(error.message);
    throw error;
  }
}

function createProgram(argv: readonly string[], io: Io, done: (exitCode: number) => void): Command {
  const show = (text: string): void => {
    // Whoever stops reading a help text, such as `head`, has seen enough.
    io.stdout()
      .once('error', () => undefined)
      .write(text);
  };
  const load = (command: Command): Promise<Loaded> => loadConfig({ ...io, flags: flagsOf(command) });
  const program = new Command('sidelight')
    .description(
      'See what an MCP client and server say to each other: traces, metrics, logs and a recording.',
    )
    .usage('[run] [options] -- <command> [args...]')
    .version(io.version)
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ writeOut: show, writeErr: show, outputError: () => undefined })
    .addHelpText('after', HELP);

  addSettings(program.command('run'), settingsOf('run'))
    .description('run an MCP stdio server and observe it (the default command)')
    .usage('[options] -- <command> [args...]')
    .argument('[command...]', 'the server and its arguments')
    .passThroughOptions()
    .addHelpText('after', RUN_HELP)
    .action(async (operands: string[], _options, command: Command) => {
      const server = serverOf(argv, operands);
      const { config, sources, warnings } = await load(command);
      propagatesOnStdio(config, sources);
      await io.run({ config, ...server, env: serverEnv(io.env), warnings });
    });

  addSettings(program.command('http'), settingsOf('http'))
    .description('stand in front of an MCP server that speaks HTTP and observe it')
    .usage('--target <url> [options]')
    // It has none: that is told in words of our own.
    .allowExcessArguments()
    .addHelpText('after', HTTP_HELP)
    .action(async (_options, command: Command) => {
      const [operand] = command.args;
      if (operand !== undefined) throw notForHttp(operand);
      const loaded = await load(command);
      const { httpSetup } = await import('../config/http.ts');
      const setup = httpSetup(loaded);
      await io.http({
        ...setup,
        config: loaded.config,
        warnings: [...loaded.warnings, ...setup.warnings],
      });
    });
  addLists(program, { io, load, done });
  addReaders(program, { io, load, done });
  addJudges(program, { io, load, done });
  addReplay(program, argv, { io, load, done });
  addPlayers(program, { io, load, done });
  addKeepers(program, { io, load, done });
  addServers(program, { io, load, done });
  addFleetCommands(program, { io, load, done });
  addTokenCommands(program, { io, load, done });
  addClients(program, { io, done });
  return program;
}

/** What starts servers. */
const RUNNERS: ReadonlySet<string> = new Set([
  'node',
  'npx',
  'npm',
  'bun',
  'bunx',
  'deno',
  'python',
  'python3',
  'uv',
  'uvx',
  'docker',
  'go',
  'java',
]);

/** `run` is the default: whatever starts with one of its options, or with `--`, is a run. */
function withCommand(argv: readonly string[]): readonly string[] {
  const [first] = argv;
  return first === undefined || (first.startsWith('-') && !GLOBAL_OPTIONS.has(first))
    ? ['run', ...argv]
    : argv;
}

/** Without `run` the server's command must follow `--`: a mistyped command of ours is never started as a server. */
function serverOf(
  argv: readonly string[],
  [command, ...args]: readonly string[],
): { readonly command: string; readonly args: readonly string[] } {
  if (command === undefined || command === '') {
    throw new ConfigError(`the server's command is missing; usage: ${USAGE}`);
  }
  if (argv[0] !== 'run' && argv.at(-args.length - 2) !== '--') {
    throw new ConfigError(`write -- before the server's command ${plain(command)}; usage: ${USAGE}`);
  }
  return { command, args };
}

/** The server's URL without `--target`, or a server's command, which is for `run`. */
function notForHttp(operand: string): ConfigError {
  return new ConfigError(
    isUrl(operand)
      ? `write --target before the server's URL ${plain(maskUserinfo(operand))}; usage: ${HTTP_USAGE}`
      : `${plain(operand)}: http starts no server; usage: ${HTTP_USAGE}; to start one: ${USAGE}`,
  );
}

function isUrl(text: string): boolean {
  return /^https?:\/\//i.test(text);
}

/** One line for what commander found wrong. It never repeats an option's value. */
function explain(error: CommanderError, program: Command, argv: readonly string[]): string {
  const [, named = ''] = /'([^'=\s]*)/.exec(error.message) ?? [];
  const commands = program.commands.map((command) => command.name());
  switch (error.code) {
    case 'commander.unknownOption': {
      const command = program.commands.find((one) => one.name() === withCommand(argv)[0]) ?? program;
      const other = modeOf(named);
      if (other !== undefined) return `${named}: an option of sidelight ${other}, not of ${command.name()}`;
      const options = [command, ...command.commands].flatMap((one) =>
        one.options.map(({ long }) => long ?? ''),
      );
      return `${plain(named)}: no such option${didYouMean(nearest(named, options))}`;
    }
    case 'commander.unknownCommand': {
      if (isUrl(named)) return notForHttp(named).message;
      // A forgotten `--` is far likelier than a misspelt command of ours.
      const near = RUNNERS.has(named) ? undefined : nearest(named, commands);
      return `${plain(named)}: no such command${didYouMean(near) || `; to run a server: ${USAGE}`}`;
    }
    case 'commander.optionMissingArgument':
      return `${named}: its value is missing`;
    default:
      return plain(error.message.replace(/^error: /, ''));
  }
}

/** The command that alone has an option. */
function modeOf(flag: string): string | undefined {
  return Object.entries(OWN_KEYS).find(([, keys]) => keys.some((key) => flagOf(key) === flag))?.[0];
}

const HELP = `
The options of a command: sidelight help <command>; each setting: docs/config.md.
${examples(
  'sidelight -- npx -y @modelcontextprotocol/server-everything',
  'sidelight --name files --otlp-endpoint http://localhost:4318 -- node server.js',
  'sidelight http --target http://127.0.0.1:3000',
  'sidelight show last',
)}`;

const RUN_HELP = `
Each setting is also a SIDELIGHT_* variable and a key of sidelight.yaml: docs/config.md.
${examples(
  'sidelight -- node server.js',
  'sidelight run --admin 9464 --log-file stderr -- python3 server.py',
  'sidelight --otlp-endpoint http://localhost:4318 --otlp-headers-file ~/otlp-headers -- node server.js',
  'sidelight --record metadata --max-body 64KiB -- npx -y @modelcontextprotocol/server-everything',
)}`;

const HTTP_HELP = `
In front of --target https://mcp.example a client's URL is http://127.0.0.1:8808/mcp instead of https://mcp.example/mcp.
Each setting is also a SIDELIGHT_* variable and a key of sidelight.yaml: docs/config.md.
${examples(
  'sidelight http --target http://127.0.0.1:3000',
  'sidelight http --target https://mcp.example --listen 9000 --admin 9464 --log-file stderr',
  'sidelight http --target http://mcp:3000 --listen 0.0.0.0:443 --allow-remote --tls-cert c.pem --tls-key k.pem',
  'sidelight http --target http://127.0.0.1:3000 --listen unix:/run/sidelight/mcp.sock --mount /files',
)}`;
