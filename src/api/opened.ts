/** What stands behind every way to the API: the store, who follows it, and replays where they are on. It listens nowhere. */
import type { Loaded } from '../config/load.ts';
import { openForWriting } from '../store/open.ts';
import type { ApiContext } from './handler.ts';
import { Live } from './live.ts';
import { Replays, type ReplaysOptions } from './replays.ts';
import { Stored } from './stored.ts';

export interface OpenOptions {
  readonly loaded: Loaded;
  readonly version: string;
  /** How Sidelight is run once more, to record, and what is passed on to servers. Undefined: replays are off. */
  readonly replay?: Pick<ReplaysOptions, 'self' | 'env'> | undefined;
  /** Takes one line about a failure that nobody foresaw. */
  readonly report: (line: string) => void;
}

export interface Opened {
  readonly context: ApiContext;
  /** Cancels replays that run. */
  readonly close: () => Promise<void>;
}

/** Rejects with a StoreError. */
export async function openApi({ loaded, version, replay, report }: OpenOptions): Promise<Opened> {
  const { dataDir, replayTargets: targets } = loaded.config;
  // Where nothing is recorded yet, what will be is shown.
  (await openForWriting(dataDir)).close();
  const now = (): number => Date.now();
  const stored = new Stored(dataDir);
  const live = new Live(stored, now, report);
  const nowUs = (): number => now() * 1000;
  const replays = replay && new Replays({ ...replay, targets, dataDir, nowUs });
  return {
    context: { loaded, version, stored, live, replays, now, startedAt: now() },
    close: async () => {
      live.close();
      await replays?.close();
      stored.close();
    },
  };
}
