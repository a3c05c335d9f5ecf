/**
 * What the lines of the log say, but for those of operations (log-operation.ts): a level, a sentence and fields. Never a
 * payload.
 */
import type { ExchangeFinished, McpEvent, SessionStarted } from '../event/event.ts';
import { findingInfo } from '../event/findings.ts';
import type { RecordingUrl } from './recording-url.ts';

export type LineLevel = 'debug' | 'info' | 'warn' | 'error';

export interface LogLine {
  readonly level: LineLevel;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

type LoggedType =
  | 'session_started'
  | 'session_described'
  | 'finding_raised'
  | 'server_logged'
  | 'exchange_finished'
  | 'copies_dropped'
  | 'exchanges_missed'
  | 'session_ended';

type Logged = Extract<McpEvent, { readonly type: LoggedType }>;

/** MCP's levels are syslog's (RFC 5424); the exact one stays in the field `mcp_level`. */
const LEVEL: ReadonlyMap<string, LineLevel> = new Map([
  ['debug', 'debug'],
  ['info', 'info'],
  ['notice', 'info'],
  ['warning', 'warn'],
  ['error', 'error'],
  ['critical', 'error'],
  ['alert', 'error'],
  ['emergency', 'error'],
]);

const LINES: {
  readonly [T in LoggedType]: (
    event: Extract<Logged, { readonly type: T }>,
    recordingUrl?: RecordingUrl,
  ) => LogLine;
} = {
  session_started: (event, recordingUrl) => ({
    level: 'info',
    message: 'session started',
    fields: {
      transport: event.transport,
      ...(event.transport === 'stdio'
        ? { command: event.command, cwd: event.cwd }
        : { target: event.target, client_address: event.clientAddress, ...knownBy(event) }),
      pid: event.pid,
      hostname: event.hostname,
      sidelight_version: event.sidelightVersion,
      recording_url: recordingUrl?.(event.sessionId),
    },
  }),
  session_described: (event) => ({
    level: 'info',
    message: 'session described',
    fields: {
      server: event.server,
      server_info: event.serverInfo,
      client_info: event.clientInfo,
      protocol_version: event.protocolVersion,
      era: event.era,
      ...knownBy(event),
    },
  }),
  finding_raised: (event, recordingUrl) => ({
    level: LEVEL.get(findingInfo(event.rule)?.severity ?? 'warning') ?? 'warn',
    message: `finding: ${event.rule}`,
    fields: {
      rule: event.rule,
      severity: findingInfo(event.rule)?.severity,
      channel: event.channel,
      seq: event.seq,
      operation: event.operationId,
      detail: event.detail,
      hint: findingInfo(event.rule)?.hint,
      recording_url: recordingUrl?.(event.sessionId, event.operationId),
    },
  }),
  server_logged: (event) => ({
    level: LEVEL.get(event.level) ?? 'info',
    message: event.text,
    fields: { origin: event.origin, mcp_level: event.level, logger: event.logger },
  }),
  // What carried requests is told by the lines of their operations.
  exchange_finished: (event) => ({
    level: levelOfExchange(event),
    message: `${event.method} ${event.path}: ${event.failure ?? event.status ?? event.end}`,
    fields: {
      exchange: event.exchange,
      http_method: event.method,
      http_path: event.path,
      http_status: event.status,
      failure: event.failure,
      end: event.end,
      duration_ms: (event.atUs - event.startedAtUs) / 1000,
      request_bytes: event.requestBytes,
      response_bytes: event.responseBytes,
    },
  }),
  copies_dropped: (event) => ({
    level: 'warn',
    message: 'copies dropped: the recording is incomplete here',
    fields: { channel: event.channel, chunks: event.chunks, bytes: event.bytes },
  }),
  exchanges_missed: (event) => ({
    level: 'warn',
    message: 'whole exchanges were lost: they may have been of this session',
    fields: { exchanges: event.exchanges },
  }),
  session_ended: (event) => ({
    level: event.cause === 'server_crashed' || event.cause === 'start_failed' ? 'warn' : 'info',
    message: `session ended: ${event.cause}`,
    fields: {
      cause: event.cause,
      exit_code: event.exitCode ?? undefined,
      exit_signal: event.exitSignal ?? undefined,
      server: event.server,
      protocol_version: event.protocolVersion,
      duration_ms: (event.atUs - event.startedAtUs) / 1000,
      probe: event.probe,
      operations: event.operations,
      failed_operations: event.failedOperations,
      findings: event.findings,
    },
  }),
};

/** A client that closes its stream is nothing to be told; a server that breaks one, or rejects what came, is. */
function levelOfExchange({ asked, failure, end, status = 0 }: ExchangeFinished): LineLevel {
  if (asked) return 'debug';
  if (failure !== undefined || end === 'server_gone' || status >= 500) return 'warn';
  return status >= 400 ? 'info' : 'debug';
}

function knownBy({ sessionIdHash, inferred }: Pick<SessionStarted, 'sessionIdHash' | 'inferred'>) {
  return {
    session_id_hash: sessionIdHash,
    inferred_from: inferred?.evidence,
    confidence: inferred?.confidence,
  };
}

export const LOGGED_TYPES = Object.keys(LINES) as readonly LoggedType[];

/** Undefined for an event that has no such line. */
export function lineOf(event: McpEvent, recordingUrl?: RecordingUrl): LogLine | undefined {
  const make = LINES[event.type as LoggedType] as
    ((event: McpEvent, recordingUrl?: RecordingUrl) => LogLine) | undefined;
  return make?.(event, recordingUrl);
}
