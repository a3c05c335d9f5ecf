/** The commands about the fleet's store, as the command line has them. */
import type { Command } from 'commander';
import type { Key } from '../config/options.ts';
import { type Context, examples } from './readers.ts';
import { addSettings, READER_SETTINGS } from './settings.ts';
import type { FleetContext, JsonOption, MigrateOptions } from './store.ts';
import { Terminal } from './terminal.ts';

const ADDRESS: readonly Key[] = ['store', 'storePasswordFile'];
const RULES: readonly Key[] = [
  ...(['ship.payloads', 'ship.payloadsByServer', 'ship.slow', 'ship.sample'] as const),
  ...(['ship.maxRate', 'ship.maxSpoolSize', 'ship.maxSpoolAge'] as const),
];
const URL = 'clickhouse://sidelight@db.example:8443/sidelight?org=payments';

/** Adds the commands; each reads the configuration first. */
export function addFleetCommands(program: Command, { io, load, done }: Context): void {
  const store = program
    .command('store')
    .description("the fleet's store in ClickHouse: set it up, bring this machine's recordings to it");
  const contextOf = async (command: Command): Promise<FleetContext> => {
    const { config } = await load(command);
    const terminal = new Terminal({ out: io.stdout(), err: io.stderr(), env: io.env });
    return { config, terminal, signal: io.interrupted() };
  };

  addSettings(store.command('migrate'), [...READER_SETTINGS, ...ADDRESS])
    .description('make its database and tables, or bring them to this version; safe to run again')
    .option('--keep-days <days>', 'rows that are older are deleted')
    .option('--payload-days <days>', 'payloads that are older are deleted, and their rows stay')
    .option('--cold-after-days <days>', 'rows that are older go to another volume')
    .option('--cold-volume <name>', 'that volume, of the storage policy')
    .option(
      '--storage-policy <name>',
      'of ClickHouse, with both volumes; its first one is as the default one is',
    )
    .option('--print', 'only print the statements')
    .addHelpText('after', examples(`sidelight store migrate --store '${URL}' --keep-days 30`))
    .action(async (options: MigrateOptions, command: Command) => {
      const { migrateFleet } = await import('./store.ts');
      done(await migrateFleet(options, await contextOf(command)));
    });

  addSettings(store.command('status'), [...READER_SETTINGS, ...ADDRESS, ...RULES])
    .description('say whether it answers, what is there and what waits')
    .option('--json', 'as JSON')
    .addHelpText('after', examples('sidelight store status', 'sidelight store status --json'))
    .action(async (options: JsonOption, command: Command) => {
      const { fleetStatus } = await import('./store.ts');
      done(await fleetStatus(options, await contextOf(command)));
    });

  addSettings(store.command('ship'), [...READER_SETTINGS, ...ADDRESS, ...RULES])
    .description('bring there what is not there yet, oldest first; safe to interrupt and to run again')
    .option('--json', 'as JSON')
    .addHelpText('after', examples('sidelight store ship', 'sidelight store ship --ship-payloads all'))
    .action(async (options: JsonOption, command: Command) => {
      const { shipToFleet } = await import('./store.ts');
      done(await shipToFleet(options, await contextOf(command)));
    });

  addSettings(store.command('verify'), [...READER_SETTINGS, ...ADDRESS])
    .description('count whether all that was brought there is there')
    .option('--json', 'as JSON')
    .addHelpText('after', examples('sidelight store verify'))
    .action(async (options: JsonOption, command: Command) => {
      const { verifyFleet } = await import('./store.ts');
      done(await verifyFleet(options, await contextOf(command)));
    });
}
