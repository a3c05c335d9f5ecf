/**
 * The native format: what a header, a frame and the end of a recording hold, and the words that stand in them. The document of it
 * is docs/recording-format.md, its schema docs/recording.schema.json. Pure.
 */
import type { EndCause, FrameKind, Inferred } from '../event/event.ts';
import type { StoredFrame } from '../store/block.ts';
import type { Completeness } from '../store/completeness.ts';
import type { SessionRecord } from '../store/record.ts';

/** Raised when a member changes its meaning, or one that readers need is added; see versions.ts. */
export const RECORDING_VERSION = 1;

/** Who and what was recorded: everything of it that is not derived from the frames. */
export type RecordedSession = Pick<
  SessionRecord,
  | 'id'
  | 'transport'
  | 'startedAtUs'
  | 'endedAtUs'
  | 'endCause'
  | 'server'
  | 'serverInfo'
  | 'clientInfo'
  | 'protocolVersion'
  | 'era'
  | 'clientCapabilities'
  | 'serverCapabilities'
  | 'sessionIdHash'
  | 'inferred'
  | 'probe'
  | 'exitCode'
  | 'exitSignal'
  | 'lastStderr'
  | 'command'
  | 'cwd'
  | 'envNames'
  | 'target'
  | 'clientAddress'
  | 'hostname'
  | 'pid'
  | 'sidelightVersion'
>;

/** What the frames do not tell of themselves. */
export interface Missing extends Omit<
  Completeness,
  'complete' | 'bodies' | 'truncatedFrames' | 'redactions' | 'elidedMedia'
> {
  /** Of a session that may still lose its bodies, those that are there are in the file for good. */
  readonly bodies: Exclude<Completeness['bodies'], 'undecided'>;
}

export interface Header {
  readonly session: RecordedSession;
  readonly missing: Missing;
}

/** What the last line counts. */
export interface Totals {
  readonly frames: number;
  /** On the wire. */
  readonly bytes: number;
  readonly truncatedFrames: number;
  readonly redactions: number;
  readonly elidedMedia: number;
}

export interface End {
  readonly totals: Totals;
  /** Of every line before this one with its newline: hex. */
  readonly sha256: string;
}

/** `last`: no other frame of its exchange follows. */
export type FrameLine = StoredFrame & { readonly last: boolean };

export const TRANSPORTS = ['stdio', 'http'] as const;
export const ERAS = ['legacy', 'modern'] as const;
export const CHANNELS = ['client_to_server', 'server_to_client', 'stderr'] as const;
export const ENDINGS = ['', '\n', '\r\n'] as const;
export const RECORDS = ['full', 'failures', 'metadata'] as const;
export const BODIES = ['all', 'part', 'none'] as const;
export const KINDS: Readonly<Record<FrameKind, true>> = {
  request: true,
  notification: true,
  result: true,
  error: true,
  batch: true,
  malformed: true,
  blank: true,
  unterminated: true,
  stderr: true,
  gap: true,
  lifecycle: true,
  http: true,
  body: true,
};
export const CAUSES: Readonly<Record<EndCause, true>> = {
  client_closed: true,
  server_exited: true,
  server_crashed: true,
  start_failed: true,
  sidelight_stopped: true,
  deleted: true,
  expired: true,
  idle: true,
  evicted: true,
};
export const CONFIDENCES = ['high', 'medium', 'low'] as const;
export const EVIDENCE: readonly Inferred['evidence'][number][] = [
  'client_info',
  'credential',
  'address',
  'trace_id',
];
