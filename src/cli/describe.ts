/** Words and colours for what was recorded, the same in every command. */
import type { EndCause, Inferred } from '../event/event.ts';
import type { Outcome } from '../event/outcome.ts';
import type { Completeness } from '../store/completeness.ts';
import { StoreError } from '../store/error.ts';
import type { Recordings } from '../store/recordings.ts';
import { openPlace, type Place } from './place.ts';
import type { Bodies } from '../store/session.ts';
import type { OperationRecord, Party, SessionRecord, SessionStatus } from '../store/record.ts';
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

/** However long a name before it is, so much is seen of what went wrong. */
export const MIN_NOTE_COLUMNS = 24;

const END: Readonly<Record<EndCause, string>> = {
  client_closed: 'client closed',
  server_exited: 'server exited',
  server_crashed: 'server crashed',
  start_failed: 'start failed',
  sidelight_stopped: 'sidelight stopped',
  deleted: 'deleted by the client',
  expired: 'expired, the server did not know its id any more',
  idle: 'idle for too long',
  evicted: 'evicted, there were too many sessions',
};

/** The end of an id: its start is the time, which sessions that began together share. */
export function shortId(id: string): string {
  return id.slice(-8);
}

const BODIES: Readonly<Record<Bodies, string>> = {
  all: '',
  undecided: '',
  part: 'the oldest bodies missing',
  none: 'no bodies',
};

/** `complete`, or what is missing. */
export function recordingOf(completeness: Completeness): string {
  const { bodies, interrupted, droppedChunks, missedExchanges } = completeness;
  const { droppedEvents, truncatedFrames, elidedMedia, redactions } = completeness;
  const missing = [
    BODIES[bodies],
    interrupted ? 'no end' : '',
    droppedChunks > 0 ? `${droppedChunks} copies dropped` : '',
    missedExchanges > 0 ? `perhaps some of ${missedExchanges} exchanges that were lost` : '',
    droppedEvents > 0 ? `${droppedEvents} events dropped` : '',
    truncatedFrames > 0 && bodies !== 'none' ? `${truncatedFrames} cut` : '',
    elidedMedia > 0 && bodies !== 'none' ? `${elidedMedia} media elided` : '',
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

/** What stands behind Sidelight: the server's command, or its URL. */
export function serverAt({ command, target }: Pick<SessionRecord, 'command' | 'target'>): string {
  return safe(target ?? command.join(' '));
}

export function endOf(cause: EndCause): string {
  return END[cause];
}

/** `from client info, address (confidence: medium)`. */
export function inferredOf({ evidence, confidence }: Inferred): string {
  const from = evidence.map((word) => word.replaceAll('_', ' ')).join(', ');
  return safe(`from ${from} (confidence: ${confidence})`);
}

/** `HTTP 404`; empty where it says nothing. The HTTP+SSE transport answers 202 and the result comes elsewhere. */
export function httpStatusOf({ http, outcome }: Pick<OperationRecord, 'http' | 'outcome'>): string {
  const status = http?.status;
  const usual = status === undefined || status === 200 || (status === 202 && outcome === 'ok');
  return usual ? '' : `HTTP ${status}`;
}

/** Opens the store for one command. When it cannot be read that is said in one line, and the exit code is 1. */
export async function withStore(
  place: Place,
  terminal: Terminal,
  use: (recordings: Recordings) => Promise<number>,
): Promise<number> {
  let recordings: Recordings | undefined;
  try {
    recordings = await openPlace(place);
    return await use(recordings);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    const hint = error.code === 'store_missing' ? '; record with: sidelight -- <server command>' : '';
    terminal.problem(error.message + hint);
    return 1;
  } finally {
    await recordings?.close();
  }
}
