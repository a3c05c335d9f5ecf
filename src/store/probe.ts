/**
 * The session before a session: clients that speak several revisions start a server on stdio once to ask for them, and once more to
 * use it. What they asked first is recorded as a session of its own, a probe.
 */
import type { StoreReader } from './read.ts';
import type { SessionRecord } from './record.ts';

/** Between a probe and its session other sessions may have started, and some time may have gone by. */
const LOOKED_AT = 50;
const MAX_BEFORE_US = 60_000_000;

/** Of the same command; undefined: there is none. */
export function probeBefore(reader: StoreReader, session: SessionRecord): SessionRecord | undefined {
  if (session.transport !== 'stdio' || session.era !== 'modern') return undefined;
  const before = reader.listSessions({ limit: LOOKED_AT, beforeUs: session.startedAtUs });
  return before.find((one) => isProbeOf(one, session));
}

function isProbeOf(one: SessionRecord, session: SessionRecord): boolean {
  return (
    one.probe &&
    session.startedAtUs - one.startedAtUs <= MAX_BEFORE_US &&
    one.cwd === session.cwd &&
    JSON.stringify(one.command) === JSON.stringify(session.command)
  );
}
