/** The commands that listen, as the command line has them. Each is loaded only when it is asked for. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import type { Loaded } from '../config/load.ts';
import { placeOf } from './place.ts';
import { type Context, examples } from './readers.ts';
import type { ServeContext, ServeOptions } from './serve.ts';
import { OWN_KEYS } from '../config/options.ts';
import { addReading, REDACTION_SETTINGS } from './settings.ts';
import { Terminal } from './terminal.ts';

/** Adds the commands; each reads the configuration first. */
export function addServers(program: Command, { io, load, done }: Context): void {
  addReading(program.command('serve'), [...REDACTION_SETTINGS, ...OWN_KEYS.serve])
    .description('serve recordings, of this machine or of a fleet: an API with a live view, behind a token')
    .option('--listen <host:port>', 'where; port 0 picks a free one', '127.0.0.1:4320')
    .option('--allow-remote', 'let other machines reach it: it is not encrypted')
    .option('--allowed-hosts <hosts>', 'further names by which it is asked for, separated by commas')
    .option('--enable-replay', 'let clients run sessions again against the servers in replay.targets')
    .addHelpText(
      'after',
      examples(
        'sidelight serve',
        'sidelight serve --listen 0 --data-dir ./recordings',
        'sidelight serve --store clickhouse://sidelight@db.example:8443/sidelight --tokens-file tokens.json',
      ),
    )
    .action(async (options: ServeOptions, command: Command) => {
      const loaded = await load(command);
      const { serve } = await import('./serve.ts');
      const terminal = new Terminal({ out: io.stdout(), err: io.stderr(), env: io.env });
      const { version, self, env } = io;
      const fleet = await fleetOf(loaded, command);
      const context = { terminal, version, self, env, fleet: fleet?.recordings, signal: io.interrupted() };
      try {
        done(await serve(fleet?.loaded ?? loaded, options, context));
      } finally {
        await fleet?.close();
      }
    });

  addReading(program.command('mcp'), REDACTION_SETTINGS)
    .description('serve recordings, of this machine or of a fleet, to an agent, as an MCP server on stdio')
    .option('--enable-replay', 'let the agent run sessions again against the servers in replay.targets')
    .addHelpText('after', examples('sidelight mcp', 'claude mcp add sidelight -- sidelight mcp'))
    .action(async ({ enableReplay }: { readonly enableReplay?: true }, command: Command) => {
      const loaded = await load(command);
      const { mcp } = await import('./mcp.ts');
      const terminal = new Terminal({ out: io.stderr(), err: io.stderr(), env: io.env });
      const { version, self, env } = io;
      const fleet = await fleetOf(loaded, command);
      const options = {
        loaded: fleet?.loaded ?? loaded,
        version,
        fleet: fleet?.recordings,
        replay: enableReplay === true ? { self, env } : undefined,
        report: (line: string) => {
          terminal.problem(line);
        },
      };
      try {
        done(await mcp(options, fleet?.org, io.interrupted()));
      } finally {
        await fleet?.close();
      }
    });
}

/** What a query node reads; it closes with everything that it needed on the disk. */
interface Fleet {
  /** With a data folder of its own, which is gone with it. */
  readonly loaded: Loaded;
  /** Of the address. */
  readonly org: string;
  readonly recordings: NonNullable<ServeContext['fleet']>;
  readonly close: () => Promise<void>;
}

/** Undefined where the recordings of this machine are meant. */
async function fleetOf(loaded: Loaded, command: Command): Promise<Fleet | undefined> {
  const { from } = placeOf(loaded, command);
  if (from === undefined) return undefined;
  const { openFleet } = await import('../fleet/reading.ts');
  const { recordings, close } = openFleet(from);
  const dataDir = mkdtempSync(join(tmpdir(), 'sidelight-serve-'));
  return {
    loaded: { ...loaded, config: { ...loaded.config, dataDir } },
    org: from.remote.org,
    recordings,
    close: async () => {
      await close();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
