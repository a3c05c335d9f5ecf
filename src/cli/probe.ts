/**
 * The session before a session: clients that speak several revisions start a server on stdio once to ask for them, and once more to
 * use it. What they asked first is recorded as a session of its own, a probe.
 */
import { type Source, sourceOf } from '../formats/source.ts';
import { StoreError } from '../store/error.ts';
import { openStore } from '../store/read.ts';
import type { SessionRecord } from '../store/record.ts';

/** Between a probe and its session other sessions may have started, and some time may have gone by. */
const LOOKED_AT = 50;
const MAX_BEFORE_US = 60_000_000;

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
    const before = store.listSessions({ limit: LOOKED_AT, beforeUs: session.startedAtUs });
    const probe = before.find((one) => isProbeOf(one, session));
    return use(probe && sourceOf(store, probe));
  } finally {
    store.close();
  }
}

function isProbeOf(one: SessionRecord, session: SessionRecord): boolean {
  return (
    one.probe &&
    session.startedAtUs - one.startedAtUs <= MAX_BEFORE_US &&
    one.cwd === session.cwd &&
    JSON.stringify(one.command) === JSON.stringify(session.command)
  );
}
