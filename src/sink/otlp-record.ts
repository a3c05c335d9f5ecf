/**
 * A line of the log as the JSON of OTLP's LogRecord message: the line's fields as attributes, by the conventions' names where
 * they have one and below `sidelight.` else. It says what the line says and nothing more.
 */
import type { LogLevel } from '../config/config.ts';
import { ATTRIBUTE } from '../event/attributes.ts';
import type { McpEvent } from '../event/event.ts';
import type { LogLine } from './log-line.ts';
import { nanos, stringText, valueText } from './otlp-json.ts';

/** Values of the enum SeverityNumber in opentelemetry-proto's logs.proto; nothing is as severe as `silent`. */
const SEVERITY: Readonly<Record<LogLevel, number>> = {
  trace: 1,
  debug: 5,
  info: 9,
  warn: 13,
  error: 17,
  silent: 25,
};
const FLAG_SAMPLED = 1;

/** Of fields that are named as on spans. */
const NAMES: ReadonlyMap<string, string> = new Map([
  ['session', ATTRIBUTE.sessionId],
  ['operation', ATTRIBUTE.operationId],
  ['method', ATTRIBUTE.mcpMethodName],
  ['protocol_version', ATTRIBUTE.mcpProtocolVersion],
  ['session_id_hash', ATTRIBUTE.mcpSessionId],
  ['server', ATTRIBUTE.serverName],
  ['error_code', ATTRIBUTE.rpcResponseStatusCode],
  ['error_type', ATTRIBUTE.errorType],
  ['client_address', ATTRIBUTE.clientAddress],
  ['http_method', ATTRIBUTE.httpRequestMethod],
  ['http_path', ATTRIBUTE.urlPath],
  ['http_status', ATTRIBUTE.httpResponseStatusCode],
  ['task_polls', ATTRIBUTE.taskPolls],
  ['notifications', ATTRIBUTE.subscriptionNotifications],
  ['closed_by', ATTRIBUTE.subscriptionClosedBy],
  ['recording_url', ATTRIBUTE.recordingUrl],
  ['mcp_level', ATTRIBUTE.logLevel],
  ['cause', ATTRIBUTE.endCause],
  ['probe', ATTRIBUTE.probe],
  ['operations', ATTRIBUTE.operations],
  ['failed_operations', ATTRIBUTE.failedOperations],
  ['findings', ATTRIBUTE.findings],
  ['exit_code', ATTRIBUTE.exitCode],
  ['exit_signal', ATTRIBUTE.exitSignal],
]);

export function isLogged(level: LogLevel, from: LogLevel): boolean {
  return SEVERITY[level] >= SEVERITY[from];
}

/** `event` is what the line is about. */
export function recordText({ level, message, fields }: LogLine, event: McpEvent): string {
  const { sessionId, atUs } = event;
  const told: Readonly<Record<string, unknown>> = { session: sessionId, ...fields };
  const attributes = Object.entries(told)
    .filter(([, value]) => value !== undefined)
    .map(([field, value]) => attributeText(field, asOnSpans(field, value, sessionId)));
  return `{"timeUnixNano":"${nanos(atUs)}","observedTimeUnixNano":"${nanos(atUs)}","severityNumber":${SEVERITY[level]},"severityText":"${level}","body":${valueText(message)},"attributes":[${attributes.join(',')}]${traceText(event)}}`;
}

function traceText(event: McpEvent): string {
  if (event.type !== 'operation_finished') return '';
  const { traceId, spanId, sampled } = event.span;
  return `,"traceId":"${traceId}","spanId":"${spanId}","flags":${sampled ? FLAG_SAMPLED : 0}`;
}

function attributeText(field: string, value: unknown): string {
  return `{"key":"${NAMES.get(field) ?? `sidelight.${field}`}","value":${anyText(value)}}`;
}

/** An attribute has one type, whichever signal it stands in. */
function asOnSpans(field: string, value: unknown, sessionId: string): unknown {
  if (field === 'operation') return `${sessionId}/${String(value)}`;
  return field === 'error_code' ? String(value) : value;
}

/** AnyValue of opentelemetry-proto's common.proto, for what JSON can hold. */
function anyText(value: unknown): string {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
    return valueText(value);
  if (Array.isArray(value)) return `{"arrayValue":{"values":[${value.map(anyText).join(',')}]}}`;
  if (typeof value !== 'object' || value === null) return '{}';
  const members = Object.entries(value as Readonly<Record<string, unknown>>)
    .filter(([, member]) => member !== undefined)
    .map(([key, member]) => `{"key":${stringText(key)},"value":${anyText(member)}}`);
  return `{"kvlistValue":{"values":[${members.join(',')}]}}`;
}
