/** The commands that show something, as the command line has them. Each is loaded only when it is asked for. */
import { type Command, Option } from 'commander';
import { ConfigError, quote } from '../config/error.ts';
import type { Loaded } from '../config/load.ts';
import type { Io } from './io.ts';
import { placeOf } from './place.ts';
import {
  addLocal,
  addReading,
  addSettings,
  ALL_SETTINGS,
  READER_SETTINGS,
  REDACTION_SETTINGS,
  showWords,
} from './settings.ts';
import type { Terminal } from './terminal.ts';

/** What every command gets. */
export interface Context {
  readonly io: Io;
  readonly load: (command: Command) => Promise<Loaded>;
  /** Takes the exit code of the command that was run. */
  readonly done: (exitCode: number) => void;
}

/** Adds the commands; each reads the configuration first. */
export function addReaders(program: Command, { io, load, done }: Context): void {
  const terminal = async (): Promise<Terminal> => {
    const { Terminal } = await import('./terminal.ts');
    return new Terminal({ out: io.stdout(), err: io.stderr(), env: io.env });
  };

  addReading(program.command('show'))
    .description('show one session: who spoke, its operations and how they ended, its frames')
    .argument('[session]', 'an id or a part of one, or last', 'last')
    .option('--full', 'frames whole and indented with HTTP headers, instead of a line of each')
    .option('--no-frames', 'operations only')
    .option('--json', 'as JSON')
    .addHelpText('after', examples('sidelight show last', 'sidelight show 7f3a --no-frames'))
    .action(
      async (session: string, options: { full?: true; frames: boolean; json?: true }, command: Command) => {
        const place = placeOf(await load(command), command);
        const { show } = await import('./show.ts');
        done(await show(place, session, options, await terminal()));
      },
    );

  addReading(program.command('explain'))
    .description('say what went wrong in a session: what failed first, why, and what to try')
    .argument('[session]', 'an id or a part of one, or last', 'last')
    .option('--json', 'as JSON')
    .addHelpText('after', examples('sidelight explain last', 'sidelight explain 7f3a --json'))
    .action(async (session: string, options: { json?: true }, command: Command) => {
      const place = placeOf(await load(command), command);
      const { explain } = await import('./explain.ts');
      done(await explain(place, session, options, await terminal()));
    });

  addReading(program.command('export'), REDACTION_SETTINGS)
    .description('write one session to a file: native, HTML, HAR, OTLP or a report in Markdown')
    .argument('[session]', 'an id or a part of one, or last', 'last')
    .addOption(
      showWords(new Option('--format <format>', 'of the file (default: by its name, else jsonl)'), [
        'jsonl',
        'html',
        'har',
        'otlp',
        'md',
      ]),
    )
    .option('-o, --output <path>', 'the file, or - for stdout', '-')
    .option('--no-redact', 'do not look for secrets once more on the way out')
    .addHelpText(
      'after',
      examples(
        'sidelight export last -o session.jsonl',
        'sidelight export 7f3a --format md',
        'sidelight export last -o session.html',
      ),
    )
    .action(
      async (
        session: string,
        options: { format?: string; output: string; redact: boolean },
        command: Command,
      ) => {
        const config = placeOf(await load(command), command);
        const { exportFormat, exportSession } = await import('./export.ts');
        const { format, output, redact } = options;
        const chosen = { output, redact, ...(format !== undefined && { format: exportFormat(format) }) };
        const to = { terminal: await terminal(), out: io.stdout(), err: io.stderr(), version: io.version };
        done(await exportSession(config, session, chosen, to));
      },
    );

  addLocal(program.command('import'), REDACTION_SETTINGS)
    .description('put recorded sessions of files into the store: native, HAR, mcpsnoop or mcp-recorder')
    .argument('<file...>', 'paths, or - for stdin')
    .addOption(
      showWords(new Option('--format <format>', 'of the file').default('auto'), [
        'auto',
        'jsonl',
        'har',
        'mcpsnoop',
        'cassette',
      ]),
    )
    .option('--no-redact', 'store what is in the file as it is, secrets included')
    .addHelpText('after', examples('sidelight import session.jsonl', 'sidelight import --format har -'))
    .action(async (files: string[], options: { format: string; redact: boolean }, command: Command) => {
      const { config } = await load(command);
      const { importFormat, importRecording } = await import('./import.ts');
      const format = importFormat(options.format);
      const chosen = { redact: options.redact, ...(format !== undefined && { format }) };
      const codes: number[] = [];
      for (const file of files) codes.push(await importRecording(file, chosen, config, await terminal()));
      done(Math.max(...codes));
    });

  const baseline = program
    .command('baseline')
    .description('the definitions of tools that are trusted, and what has changed since');
  addSettings(baseline.command('show', { isDefault: true }), READER_SETTINGS)
    .description('list tools with what is trusted of them; the exit code is 1 when something is not')
    .argument('[server]', 'only this server’s')
    .option('--full', 'both definitions of what changed')
    .option('--json', 'as JSON')
    .addHelpText('after', examples('sidelight baseline show', 'sidelight baseline show everything --full'))
    .action(async (server: string | undefined, options: { full?: true; json?: true }, command: Command) => {
      const { config } = await load(command);
      const { baselineShow } = await import('./baseline.ts');
      done(await baselineShow(config.dataDir, server, options, await terminal()));
    });
  addSettings(baseline.command('accept'), READER_SETTINGS)
    .description('trust what was seen last of a server’s tools, or of one tool')
    .argument('<server>', 'as baseline show names it')
    .argument('[tool]', 'only this tool')
    .addHelpText(
      'after',
      examples('sidelight baseline accept everything', 'sidelight baseline accept everything echo'),
    )
    .action(async (server: string, tool: string | undefined, _options, command: Command) => {
      const { config } = await load(command);
      const { baselineAccept } = await import('./baseline.ts');
      done(await baselineAccept(config.dataDir, server, tool, await terminal()));
    });
  addSettings(baseline.command('reset'), READER_SETTINGS)
    .description('forget a server’s tools: what it lists next is trusted')
    .argument('<server>', 'as baseline show names it')
    .addHelpText('after', examples('sidelight baseline reset everything'))
    .action(async (server: string, _options, command: Command) => {
      const { config } = await load(command);
      const { baselineReset } = await import('./baseline.ts');
      done(await baselineReset(config.dataDir, server, await terminal()));
    });

  addSettings(program.command('redact'), REDACTION_SETTINGS)
    .description('show what the rules of redaction do to a sample')
    .option('--test [file]', 'the sample: a file, or - for stdin', '-')
    .option('--json', 'as JSON, one object for each line of the sample')
    .addHelpText(
      'after',
      examples('sidelight redact --test sample.jsonl', 'printenv | sidelight redact --test - --redact-email'),
    )
    .action(async (options: { test: string | true; json?: true }, command: Command) => {
      const { config } = await load(command);
      const { redactTest } = await import('./redact.ts');
      done(await redactTest(config, options.test === true ? '-' : options.test, options, await terminal()));
    });

  const config = program.command('config').description('show the configuration');
  addSettings(config.command('print', { isDefault: true }), ALL_SETTINGS)
    .description('print every setting, its value and where it came from, secrets masked')
    .option('--json', 'as JSON')
    .addHelpText('after', examples('sidelight config print', 'sidelight config print --config s.yaml --json'))
    .action(async (options: { json?: true }, command: Command) => {
      const loaded = await load(command);
      const { configPrint } = await import('./configPrint.ts');
      done(await configPrint(loaded, options, await terminal()));
    });
}

/** A section of help texts. */
export function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}`;
}

export function countOption(flags: string, help: string): Option {
  return new Option(flags, help).argParser((written: string) => {
    if (/^[1-9]\d{0,8}$/.test(written)) return Number(written);
    throw new ConfigError(`${flags.replace(/ .*/, '')}: ${quote(written)} is not a whole number from 1`);
  });
}
