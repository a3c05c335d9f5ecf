/** Where a command reads recordings: on this machine, or in the fleet's store if that is named to it. */
import type { Command } from 'commander';
import type { Config } from '../config/config.ts';
import type { Loaded } from '../config/load.ts';
import { type Remote, remoteName } from '../config/remote.ts';
import { openStore } from '../store/read.ts';
import { localRecordings, type Recordings } from '../store/recordings.ts';
import { safe } from './terminal.ts';

export interface FleetPlace {
  readonly remote: Remote;
  readonly password: string | undefined;
}

export interface Place {
  readonly dataDir: string;
  /** Undefined: the recordings of this machine. */
  readonly from?: FleetPlace | undefined;
}

/** Who names the fleet to commands: a configuration file is a sidecar's, which records on this machine. */
const NAMED = /^(?:flag|env) /;

/** What a command reads. */
export function placeOf({ config, sources }: Loaded, command: Command): Config & Place {
  const { store: remote, password } = config.fleet;
  const { local } = command.opts<{ readonly local?: true }>();
  const isMeant = local !== true && NAMED.test(sources.get('store')?.source ?? '');
  return { ...config, from: isMeant && remote !== undefined ? { remote, password } : undefined };
}

/** Rejects with a StoreError. Whoever opens it closes it. */
export async function openPlace({ dataDir, from }: Place): Promise<Recordings> {
  if (from === undefined) return localRecordings(await openStore(dataDir));
  const { openFleet } = await import('../fleet/reading.ts');
  const fleet = openFleet(from);
  const recordings = fleet.recordings(from.remote.org);
  return {
    ...recordings,
    close: async () => {
      await recordings.close();
      await fleet.close();
    },
  };
}

/** As it is told. */
export function nameOf({ dataDir, from }: Place): string {
  return safe(from === undefined ? dataDir : remoteName(from.remote));
}
