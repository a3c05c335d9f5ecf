/** Words and colours for what was recorded, the same in every command. */
import type { Outcome } from '../event/outcome.ts';
import type { Completeness } from '../store/completeness.ts';
import { StoreError } from '../store/error.ts';
import { openStore, type StoreReader } from '../store/read.ts';
import type { OperationRecord, Party, SessionStatus } from '../store/record.ts';
import { safe, type Style, type Terminal } from './terminal.ts';

export const STATUS_STYLE: Readonly<Record<SessionStatus, Style>> = {
  live: 'cyan',
  ok: 'green',
  failed: 'red',
  crashed: 'red',
  interrupted: 'yellow',
};

export const OUTCOME_STYLE: Readonly<Record<Outcome, Style>> = {
  ok: 'green',
  tool_error: 'red',
  protocol_error: 'red',
  cancelled: 'yellow',
  timeout: 'red',
  input_required: 'cyan',
  abandoned: 'yellow',
  server_crashed: 'red',
  http_error: 'red',
  disconnected: 'red',
  unknown: 'yellow',
};

/** The end of an id: its start is the time, which sessions that began together share. */
export function shortId(id: string): string {
  return id.slice(-8);
}

/** `complete`, or what is missing. */
export function recordingOf(completeness: Completeness): string {
  const { record, interrupted, droppedChunks, droppedEvents, truncatedFrames, redactions } = completeness;
  const missing = [
    record === 'full' ? '' : 'no bodies',
    interrupted ? 'no end' : '',
    droppedChunks > 0 ? `${droppedChunks} copies dropped` : '',
    droppedEvents > 0 ? `${droppedEvents} events dropped` : '',
    truncatedFrames > 0 && record === 'full' ? `${truncatedFrames} cut` : '',
    redactions > 0 ? `${redactions} redacted` : '',
  ].filter((word) => word !== '');
  return missing.length === 0 ? 'complete' : missing.join(', ');
}

/** `name version`, as the peer says it. */
export function partyOf({ name = '', version = '' }: Party): string {
  return safe(`${name} ${version}`.trim());
}

/** `tools/call echo`. */
export function callOf({ method, target }: Pick<OperationRecord, 'method' | 'target'>): string {
  return safe(target === undefined ? method : `${method} ${target.name}`);
}

/** Opens the store for one command. When it cannot be read that is said in one line, and the exit code is 1. */
export async function withStore(
  dataDir: string,
  terminal: Terminal,
  use: (reader: StoreReader) => Promise<number>,
): Promise<number> {
  let reader: StoreReader | undefined;
  try {
    reader = await openStore(dataDir);
    return await use(reader);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    const hint = error.code === 'store_missing' ? '; record with: sidelight -- <server command>' : '';
    terminal.problem(error.message + hint);
    return 1;
  } finally {
    reader?.close();
  }
}
