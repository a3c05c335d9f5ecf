/**
 * The row of one session, as a projection of its events. Counts tell what happened, also where a frame or an operation
 * could not be stored; `dropped_events` says how many of them are missing.
 */
import { EVENT_VERSION, type FrameKind, type McpEvent, type SessionDescribed } from '../event/event.ts';
import { FINDINGS } from '../event/findings.ts';
import { isFailure } from '../event/outcome.ts';

/** What somebody wants to be recorded: of `failures`, bodies only of sessions in which something failed. */
export type Recorded = 'full' | 'failures' | 'metadata';

/** Which bodies there are: `undecided` has all and may lose them at its end, `part` lost the oldest before it failed. */
export type Bodies = 'all' | 'undecided' | 'part' | 'none';

/** Columns of the table `session`, but for its number. JSON where a column holds a list. */
export type SessionRow = ReturnType<typeof emptyRow>;

/** Findings of which a session's bodies are kept, as of a failure; the others are only worth to know. */
const TELLING: ReadonlySet<string> = new Set(
  FINDINGS.filter(({ severity }) => severity !== 'info').map(({ rule }) => rule),
);

/** With what only the store knows: writing a session's row never changes these. */
export type StoredSessionRow = SessionRow & {
  readonly pinned: number;
  readonly note: string | null;
};

/** What a frame of these holds is our own account of what happened, and was not on the wire. */
const NOTES: ReadonlySet<FrameKind> = new Set(['gap', 'lifecycle', 'http']);

export class SessionProjection {
  readonly #row: SessionRow;
  readonly #processMark: (pid: number) => string | null;
  #nextSeq = 0;
  /** Of bodies, while it is not decided whether they are kept. */
  #spooledBytes = 0;
  #isKept = false;

  constructor(first: McpEvent, record: Recorded, processMark: (pid: number) => string | null) {
    this.#row = emptyRow(first, record);
    this.#processMark = processMark;
  }

  get row(): Readonly<SessionRow> {
    return this.#row;
  }

  /** More bodies are kept than `maxBytes` while nothing has failed: so many bytes of the oldest are to go. */
  spoolExcess(maxBytes: number): number {
    const isSpool = this.#row.record === 'failures' && !this.#isKept;
    return isSpool ? Math.max(0, this.#spooledBytes - maxBytes) : 0;
  }

  /** The oldest bodies are gone. */
  spoolCut(bytes: number): void {
    this.#spooledBytes -= bytes;
    this.#row.bodies = 'part';
  }

  get ended(): boolean {
    return this.#row.ended_at !== null;
  }

  /** Events that were to be stored and could not be. */
  lost(events: number): void {
    this.#row.dropped_events += events;
    // What is not known may have failed.
    if (events > 0) this.#keeps();
  }

  apply(event: McpEvent): void {
    const row = this.#row;
    switch (event.type) {
      case 'frame_recorded':
        // Frames are numbered without gaps: one that is not there was dropped before it came here.
        this.lost(Math.max(0, event.seq - this.#nextSeq));
        this.#nextSeq = event.seq + 1;
        row.frames = this.#nextSeq;
        if (!NOTES.has(event.kind)) row.bytes += event.sizeBytes;
        row.truncated_frames += event.truncated ? 1 : 0;
        row.redactions += event.redactions;
        row.elided_media += event.elided;
        this.#spooledBytes += event.bytes.length;
        return;
      case 'operation_finished':
        row.operations += 1;
        if (isFailure(event.outcome)) {
          row.failed += 1;
          this.#keeps();
        }
        return;
      case 'finding_raised':
        row.findings += 1;
        if (TELLING.has(event.rule)) this.#keeps();
        return;
      case 'exchanges_missed':
        row.missed_exchanges += event.exchanges;
        return;
      case 'copies_dropped':
        row.dropped_chunks += event.chunks;
        row.dropped_bytes += event.bytes;
        return;
      case 'session_started':
        row.started_at = event.atUs;
        row.transport = event.transport;
        row.configured_name = event.configuredName ?? null;
        row.server ||= event.configuredName ?? event.command[0] ?? event.target ?? '';
        row.command = JSON.stringify(event.command);
        row.cwd = event.cwd;
        row.env_names = JSON.stringify(event.envNames);
        row.pid = event.pid;
        row.process_mark = this.#processMark(event.pid);
        row.hostname = event.hostname;
        row.sidelight_version = event.sidelightVersion;
        row.target = event.target ?? null;
        row.replay_of = event.replayOf ?? null;
        row.client_address = event.clientAddress ?? null;
        this.#recognised(event);
        return;
      case 'session_described':
        row.server = event.server;
        row.server_name = event.serverInfo?.name ?? null;
        row.server_version = event.serverInfo?.version ?? null;
        row.client_name = event.clientInfo?.name ?? null;
        row.client_version = event.clientInfo?.version ?? null;
        row.protocol_version = event.protocolVersion ?? null;
        row.era = event.era ?? null;
        row.client_capabilities = JSON.stringify(event.clientCapabilities);
        row.server_capabilities = JSON.stringify(event.serverCapabilities);
        this.#recognised(event);
        return;
      case 'server_exited':
        row.exit_code = event.code;
        row.exit_signal = event.signal;
        row.last_stderr = JSON.stringify(event.lastStderr);
        return;
      case 'session_ended':
        row.ended_at = event.atUs;
        row.end_cause = event.cause;
        row.exit_code = event.exitCode;
        row.exit_signal = event.exitSignal;
        row.probe = event.probe ? 1 : 0;
        this.lost(Math.max(0, event.operations - row.operations));
        this.lost(Math.max(0, event.findings - row.findings));
        row.operations = event.operations;
        row.failed = event.failedOperations;
        row.findings = event.findings;
        if (event.failedOperations > 0 || event.cause === 'server_crashed' || event.cause === 'start_failed')
          this.#keeps();
        if (row.record === 'failures' && !this.#isKept) row.bodies = 'none';
        return;
      default:
    }
  }

  /** Something failed: its bodies stay. */
  #keeps(): void {
    this.#isKept = true;
    if (this.#row.bodies === 'undecided') this.#row.bodies = 'all';
  }

  /** By what an HTTP session is known: an id, once there is one, stands instead of what was inferred. */
  #recognised({ sessionIdHash, inferred }: Pick<SessionDescribed, 'sessionIdHash' | 'inferred'>): void {
    const row = this.#row;
    row.session_id_hash = sessionIdHash ?? row.session_id_hash;
    row.inferred =
      row.session_id_hash === null && inferred !== undefined ? JSON.stringify(inferred) : row.inferred;
    if (row.session_id_hash !== null) row.inferred = null;
  }
}

const BODIES: Readonly<Record<Recorded, Bodies>> = { full: 'all', failures: 'undecided', metadata: 'none' };

/** What stands there until events say better. */
function emptyRow(first: McpEvent, record: Recorded) {
  const none = null as string | null;
  return {
    id: first.sessionId,
    started_at: first.atUs,
    ended_at: null as number | null,
    transport: 'stdio' as 'stdio' | 'http',
    server: '',
    configured_name: none,
    server_name: none,
    server_version: none,
    client_name: none,
    client_version: none,
    protocol_version: none,
    era: none,
    client_capabilities: '[]',
    server_capabilities: '[]',
    command: '[]',
    cwd: '',
    env_names: '[]',
    pid: 0,
    process_mark: none,
    hostname: '',
    sidelight_version: '',
    event_version: EVENT_VERSION,
    record,
    end_cause: none,
    exit_code: null as number | null,
    exit_signal: none,
    last_stderr: '[]',
    target: none,
    client_address: none,
    session_id_hash: none,
    inferred: none,
    probe: 0,
    frames: 0,
    bytes: 0,
    operations: 0,
    failed: 0,
    findings: 0,
    dropped_chunks: 0,
    dropped_bytes: 0,
    dropped_events: 0,
    missed_exchanges: 0,
    truncated_frames: 0,
    redactions: 0,
    bodies: BODIES[record],
    replay_of: none,
    elided_media: 0,
  };
}
