/** The commands that say what of the recording is kept, as the command line has them. */
import type { Command } from 'commander';
import type { Key } from '../config/options.ts';
import type { HealthOptions } from './health.ts';
import { type Context, examples } from './readers.ts';
import { addLocal, addSettings, ALL_SETTINGS, READER_SETTINGS } from './settings.ts';
import { Terminal } from './terminal.ts';

const RETENTION: readonly Key[] = [
  ...READER_SETTINGS,
  'retention.age',
  'retention.failedAge',
  'retention.size',
  'retention.sessions',
];

/** Adds the commands; each reads the configuration first. */
export function addKeepers(program: Command, { io, load, done }: Context): void {
  const terminal = (): Terminal => new Terminal({ out: io.stdout(), err: io.stderr(), env: io.env });

  addLocal(program.command('pin'))
    .description('keep a session, whatever the rules of retention say')
    .argument('[session]', 'an id or a part of one, or last', 'last')
    .option('--off', 'do not keep it any more')
    .addHelpText('after', examples('sidelight pin 7f3a', 'sidelight pin 7f3a --off'))
    .action(async (session: string, options: { off?: true }, command: Command) => {
      const { config } = await load(command);
      const { pin } = await import('./marks.ts');
      done(await pin(config.dataDir, session, options.off !== true, terminal()));
    });

  addLocal(program.command('note'))
    .description('write a note on a session, or show it; an empty one takes it away')
    .argument('<session>', 'an id or a part of one, or last')
    .argument('[text]', 'the note')
    .addHelpText('after', examples('sidelight note last "fails with two files"', 'sidelight note last ""'))
    .action(async (session: string, text: string | undefined, _options, command: Command) => {
      const { config } = await load(command);
      const { note } = await import('./marks.ts');
      done(await note(config.dataDir, session, text, terminal()));
    });

  addSettings(program.command('doctor'), ALL_SETTINGS)
    .description('look whether everything is there and well, and say what to do where it is not')
    .option('--json', 'as JSON')
    .addHelpText(
      'after',
      examples('sidelight doctor', 'sidelight doctor --otlp-endpoint http://localhost:4318'),
    )
    .action(async (options: { json?: true }, command: Command) => {
      const loaded = await load(command);
      const { doctor } = await import('./doctor.ts');
      done(await doctor(loaded, options, { terminal: terminal(), version: io.version }));
    });

  addSettings(program.command('health'), ['admin'])
    .description('ask a Sidelight that runs on this machine whether it is well, as a health check does')
    .option('--live', 'ask only whether it runs, not whether every output works')
    .addHelpText('after', examples('sidelight health --admin 9464', 'sidelight health --live'))
    .action(async (options: HealthOptions, command: Command) => {
      const loaded = await load(command);
      const { health } = await import('./health.ts');
      done(await health(loaded, options, terminal()));
    });

  addLocal(program.command('prune'), [...RETENTION, 'fullText'])
    .description('delete what the rules of retention do not keep, as sidecars do every ten minutes')
    .option('--dry-run', 'only say what would be deleted')
    .option('--vacuum', 'write the whole file anew: nobody can record meanwhile')
    .option('--json', 'as JSON, one object in a line')
    .addHelpText(
      'after',
      examples('sidelight prune --dry-run', 'sidelight prune --retention-age 1d --retention-size 500MiB'),
    )
    .action(async (options: { dryRun?: true; vacuum?: true; json?: true }, command: Command) => {
      const { config } = await load(command);
      const { prune } = await import('./prune.ts');
      done(await prune(config, options, terminal()));
    });
}
