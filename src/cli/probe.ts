/** The probe of a session that commands read: from the store, whether the session itself is from it or not. */
import { type Source, sourceOf } from '../formats/source.ts';
import { StoreError } from '../store/error.ts';
import { probeBefore } from '../store/probe.ts';
import { openStore } from '../store/read.ts';

/** Hands over the probe of the same command before the session; undefined: there is none, or the session is from a file. */
export async function withProbe<T>(
  dataDir: string,
  { session }: Source,
  use: (probe: Source | undefined) => T,
): Promise<T> {
  if (session.transport !== 'stdio' || session.era !== 'modern') return use(undefined);
  const store = await openStore(dataDir).catch((error: unknown) => {
    if (error instanceof StoreError) return undefined;
    throw error;
  });
  if (store === undefined) return use(undefined);
  try {
    const probe = probeBefore(store, session);
    return use(probe && sourceOf(store, probe));
  } finally {
    store.close();
  }
}
