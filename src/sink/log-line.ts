/** Which events become log lines, and what a line says: a level, a sentence and fields. Never a payload. */
import type { McpEvent, OperationFinished } from '../event/event.ts';
import { isFailure } from '../event/outcome.ts';

export type LineLevel = 'debug' | 'info' | 'warn' | 'error';

export interface LogLine {
  readonly level: LineLevel;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

type LoggedType =
  | 'session_started'
  | 'session_described'
  | 'operation_finished'
  | 'finding_raised'
  | 'server_logged'
  | 'copies_dropped'
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

const LINES: { readonly [T in LoggedType]: (event: Extract<Logged, { readonly type: T }>) => LogLine } = {
  session_started: (event) => ({
    level: 'info',
    message: 'session started',
    fields: {
      transport: event.transport,
      command: event.command,
      cwd: event.cwd,
      pid: event.pid,
      hostname: event.hostname,
      sidelight_version: event.sidelightVersion,
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
    },
  }),
  operation_finished: (event) => ({
    level: isFailure(event.outcome) ? 'warn' : 'info',
    message: `${titleOf(event)}: ${event.outcome}`,
    fields: {
      trace_id: event.span.traceId,
      span_id: event.span.spanId,
      operation: event.operationId,
      initiator: event.initiator,
      method: event.method,
      target: event.target?.name,
      outcome: event.outcome,
      duration_ms: (event.endedAtUs - event.startedAtUs) / 1000,
      server: event.server,
      error_code: event.error?.code,
      error_type: event.error?.type,
      error_message: event.error?.message,
    },
  }),
  finding_raised: (event) => ({
    level: 'warn',
    message: `finding: ${event.rule}`,
    fields: {
      rule: event.rule,
      channel: event.channel,
      seq: event.seq,
      operation: event.operationId,
      detail: event.detail,
    },
  }),
  server_logged: (event) => ({
    level: LEVEL.get(event.level) ?? 'info',
    message: event.text,
    fields: { origin: event.origin, mcp_level: event.level, logger: event.logger },
  }),
  copies_dropped: (event) => ({
    level: 'warn',
    message: 'copies dropped: the recording is incomplete here',
    fields: { channel: event.channel, chunks: event.chunks, bytes: event.bytes },
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

export const LOGGED_TYPES = Object.keys(LINES) as readonly LoggedType[];

/** Undefined for an event that is not logged. Every line says when and in which session. */
export function lineOf(event: McpEvent): LogLine | undefined {
  const make = LINES[event.type as LoggedType] as ((event: McpEvent) => LogLine) | undefined;
  return make?.(event);
}

function titleOf({ method, target }: OperationFinished): string {
  return target === undefined ? method : `${method} ${target.name}`;
}
