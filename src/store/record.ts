/** What the store gives back: rows as values in the words of the events. Pure. */
import type {
  EndCause,
  FindingRaised,
  Inferred,
  Leg,
  OperationFinished,
  OperationHttp,
  Subscription,
  TaskCourse,
  SessionDescribed,
  Target,
} from '../event/event.ts';
import { type Completeness, completenessOf } from './completeness.ts';
import type { Recorded, StoredSessionRow } from './session.ts';

export type SessionStatus =
  /** It is being recorded right now. */
  | 'live'
  | 'ok'
  /** It holds a failed operation, or its server could not be started. */
  | 'failed'
  /** Its server died. */
  | 'crashed'
  /** Sidelight was gone before the session ended: killed, or the machine went down. */
  | 'interrupted';

export interface Party {
  readonly name: string | undefined;
  readonly version: string | undefined;
}

/** Times are microseconds since the Unix epoch. */
export interface SessionRecord {
  readonly id: string;
  readonly status: SessionStatus;
  readonly completeness: Completeness;
  readonly startedAtUs: number;
  readonly endedAtUs: number | undefined;
  readonly transport: 'stdio' | 'http';
  /** `--name`, else the server's own name, else its command. */
  readonly server: string;
  readonly serverInfo: Party;
  readonly clientInfo: Party;
  readonly protocolVersion: string | undefined;
  readonly era: SessionDescribed['era'];
  readonly clientCapabilities: readonly string[];
  readonly serverCapabilities: readonly string[];
  readonly command: readonly string[];
  readonly cwd: string;
  readonly envNames: readonly string[];
  /** Of Sidelight. */
  readonly pid: number;
  readonly hostname: string;
  readonly sidelightVersion: string;
  readonly eventVersion: number;
  readonly record: Recorded;
  readonly endCause: EndCause | undefined;
  readonly exitCode: number | undefined;
  readonly exitSignal: string | undefined;
  readonly lastStderr: readonly string[];
  /** HTTP: URL of the server, and the address of the client that opened the session. */
  readonly target: string | undefined;
  readonly clientAddress: string | undefined;
  /** HTTP: hash of `Mcp-Session-Id`; a session that has none was inferred. */
  readonly sessionIdHash: string | undefined;
  readonly inferred: Inferred | undefined;
  readonly probe: boolean;
  readonly frames: number;
  /** On the wire, of all frames. */
  readonly bytes: number;
  readonly operations: number;
  readonly failedOperations: number;
  readonly findings: number;
  /** Somebody wants to keep it, whatever the rules of retention say. */
  readonly pinned: boolean;
  readonly note: string | undefined;
  /** Id of the session that this one was a replay of. */
  readonly replayOf: string | undefined;
}

export type OperationRecord = Pick<
  OperationFinished,
  | 'sessionId'
  | 'operationId'
  | 'initiator'
  | 'method'
  | 'target'
  | 'requestId'
  | 'startedAtUs'
  | 'endedAtUs'
  | 'outcome'
  | 'error'
  | 'parentOperationId'
  | 'stream'
  | 'requestBytes'
  | 'resultBytes'
  | 'progressCount'
  | 'firstSeq'
  | 'lastSeq'
  | 'http'
  | 'task'
  | 'subscription'
> & {
  /** Grows in the order in which operations were stored, over all sessions. */
  readonly number: number;
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for the one leg that most operations have. */
  readonly legs: readonly Leg[];
};

export type FindingRecord = Omit<FindingRaised, 'type'>;

export interface OperationRow {
  readonly number: number;
  readonly session_id: string;
  readonly operation_id: number;
  readonly initiator: OperationFinished['initiator'];
  readonly method: string;
  readonly target_kind: Target['kind'] | null;
  readonly target: string | null;
  readonly request_id: string;
  readonly started_at: number;
  readonly ended_at: number;
  readonly outcome: OperationFinished['outcome'];
  readonly trace_id: string;
  readonly span_id: string;
  readonly request_bytes: number;
  readonly result_bytes: number;
  readonly first_seq: number;
  readonly last_seq: number;
  readonly progress: number;
  readonly stream: number;
  readonly parent_operation_id: number | null;
  readonly error_code: number | null;
  readonly error_type: string | null;
  readonly error_message: string | null;
  readonly legs: string | null;
  readonly task: string | null;
  readonly subscription: string | null;
  readonly http: string | null;
}

export interface FindingRow {
  readonly session_id: string;
  readonly at: number;
  readonly rule: FindingRaised['rule'];
  readonly channel: FindingRaised['channel'];
  readonly seq: number;
  readonly operation_id: number | null;
  readonly detail: string;
}

/** `live`: whether the process that records it is still there. */
export function sessionRecord(row: StoredSessionRow, live: boolean): SessionRecord {
  const status = statusOf(row, live);
  return {
    id: row.id,
    status,
    completeness: completenessOf(row, status === 'interrupted'),
    startedAtUs: row.started_at,
    endedAtUs: row.ended_at ?? undefined,
    transport: row.transport,
    server: row.server,
    serverInfo: { name: row.server_name ?? undefined, version: row.server_version ?? undefined },
    clientInfo: { name: row.client_name ?? undefined, version: row.client_version ?? undefined },
    protocolVersion: row.protocol_version ?? undefined,
    era: (row.era ?? undefined) as SessionDescribed['era'] | undefined,
    clientCapabilities: list(row.client_capabilities),
    serverCapabilities: list(row.server_capabilities),
    command: list(row.command),
    cwd: row.cwd,
    envNames: list(row.env_names),
    pid: row.pid,
    hostname: row.hostname,
    sidelightVersion: row.sidelight_version,
    eventVersion: row.event_version,
    record: row.record,
    endCause: (row.end_cause ?? undefined) as EndCause | undefined,
    exitCode: row.exit_code ?? undefined,
    exitSignal: row.exit_signal ?? undefined,
    lastStderr: list(row.last_stderr),
    target: row.target ?? undefined,
    clientAddress: row.client_address ?? undefined,
    sessionIdHash: row.session_id_hash ?? undefined,
    inferred: row.inferred === null ? undefined : (JSON.parse(row.inferred) as Inferred),
    probe: row.probe === 1,
    frames: row.frames,
    bytes: row.bytes,
    operations: row.operations,
    failedOperations: row.failed,
    findings: row.findings,
    pinned: row.pinned === 1,
    note: row.note ?? undefined,
    replayOf: row.replay_of ?? undefined,
  };
}

export function operationRecord(row: OperationRow): OperationRecord {
  return {
    number: row.number,
    sessionId: row.session_id,
    operationId: row.operation_id,
    initiator: row.initiator,
    method: row.method,
    target: row.target_kind === null ? undefined : { kind: row.target_kind, name: row.target ?? '' },
    requestId: JSON.parse(row.request_id) as OperationRecord['requestId'],
    startedAtUs: row.started_at,
    endedAtUs: row.ended_at,
    outcome: row.outcome,
    error:
      row.error_type === null
        ? undefined
        : {
            code: row.error_code ?? undefined,
            type: row.error_type,
            message: row.error_message ?? undefined,
          },
    parentOperationId: row.parent_operation_id ?? undefined,
    stream: row.stream === 1,
    requestBytes: row.request_bytes,
    resultBytes: row.result_bytes,
    progressCount: row.progress,
    firstSeq: row.first_seq,
    lastSeq: row.last_seq,
    traceId: row.trace_id,
    spanId: row.span_id,
    legs: row.legs === null ? [] : (JSON.parse(row.legs) as Leg[]),
    ...(row.task !== null && { task: JSON.parse(row.task) as TaskCourse }),
    ...(row.subscription !== null && { subscription: JSON.parse(row.subscription) as Subscription }),
    ...(row.http !== null && { http: JSON.parse(row.http) as OperationHttp }),
  };
}

export function findingRecord(row: FindingRow): FindingRecord {
  return {
    sessionId: row.session_id,
    atUs: row.at,
    rule: row.rule,
    channel: row.channel,
    seq: row.seq,
    operationId: row.operation_id ?? undefined,
    detail: row.detail,
  };
}

function statusOf(row: StoredSessionRow, live: boolean): SessionStatus {
  if (row.ended_at === null) return live ? 'live' : 'interrupted';
  if (row.end_cause === 'server_crashed') return 'crashed';
  return row.failed > 0 || row.end_cause === 'start_failed' ? 'failed' : 'ok';
}

function list(json: string): readonly string[] {
  return JSON.parse(json) as string[];
}
