/**
 * What all outputs say of a conversation, as text to read and to compare: without ids, paths and versions, with times from
 * the session's start. It leaves out what every conversation has in common, and decides nothing.
 */
import { ATTRIBUTE } from '../../src/event/attributes.ts';
import type { Span } from '../../src/sink/span.ts';
import type { FindingRecord, OperationRecord, SessionRecord } from '../../src/store/record.ts';
import { START_US } from '../track/conversation.ts';
import { samplesOf } from '../unit/metricWorkload.ts';
import type { LogLine, Outputs } from './play.ts';

/** The session's, or told by the span's name. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  ATTRIBUTE.mcpMethodName,
  ATTRIBUTE.mcpProtocolVersion,
  ATTRIBUTE.networkTransport,
  ATTRIBUTE.networkProtocolName,
  ATTRIBUTE.networkProtocolVersion,
  ATTRIBUTE.sessionId,
  ATTRIBUTE.serverName,
  ATTRIBUTE.serverAddress,
  ATTRIBUTE.serverPort,
  ATTRIBUTE.operationId,
  ATTRIBUTE.genAiOperationName,
  ATTRIBUTE.genAiToolName,
  ATTRIBUTE.genAiPromptName,
]);

/** Ids, times, what is the same in all, and texts that only documents change. */
const LEFT_OUT_OF_LOG: ReadonlySet<string> = new Set([
  ...['level', 'msg', 'time', 'session', 'trace_id', 'span_id', 'duration_ms', 'input_wait_ms'],
  ...['command', 'cwd', 'pid', 'hostname', 'sidelight_version', 'target', 'server', 'hint'],
  // They stand in the message.
  ...['method', 'outcome', 'rule', 'cause'],
]);

const METRICS: ReadonlySet<string> = new Set([
  'sidelight_operations_total',
  'sidelight_findings_total',
  'sidelight_messages_total',
]);

/** The servers' name is the session's. */
const LEFT_OUT_OF_METRICS: ReadonlySet<string> = new Set(['sidelight_server_name', 'network_transport']);

/** A conversation's part of the golden file. */
export function goldenOf(outputs: Outputs): string {
  const { script, spans, log, metrics, session, operations, findings } = outputs;
  const parts = [
    [`# ${script.title}`],
    spans.length === 0 ? [] : ['spans', ...spanLines(spans)],
    ['log', ...log.map(logLine)],
    ['metrics', ...metricLines(metrics)],
    ['store', ...sessionLines(session), ...operations.map(operationLine), ...findings.map(findingLine)],
  ];
  return parts
    .map(([title, ...lines]) => [title, ...lines.map((line) => `  ${line}`)].join('\n'))
    .filter((part) => part !== '')
    .join('\n');
}

function spanLines(spans: readonly Span[]): readonly string[] {
  const numbers = new Map(spans.map(({ spanId }, index) => [spanId, index + 1]));
  const named = (id: string): string => String(numbers.get(id) ?? `remote ${id}`);
  return spans.flatMap((span) => {
    const { spanId, parentSpanId, name, kind, startUs, endUs, links, error, events, droppedEvents } = span;
    const attributes = Object.entries(span.attributes).filter(([key]) => !LEFT_OUT.has(key));
    return [
      joined(
        `${named(spanId)} ${kind} ${name}`,
        `${ms(startUs)}..${ms(endUs)}`,
        parentSpanId && `in ${named(parentSpanId)}`,
        links.length > 0 && `links ${links.map((link) => named(link.spanId)).join(',')}`,
        error && `ERROR${error.message === undefined ? '' : ` ${JSON.stringify(error.message)}`}`,
        pairs(attributes.map(([key, value]) => [key.replace(/^sidelight\./, ''), value])),
      ),
      ...events.map(
        (event) =>
          `  ${joined(`${ms(event.atUs)} ${event.name}`, pairs(Object.entries(event.attributes).map(([key, value]) => [key.replace(/^sidelight\./, ''), value])))}`,
      ),
      ...(droppedEvents > 0 ? [`  ${droppedEvents} more dropped`] : []),
    ];
  });
}

function logLine(line: LogLine): string {
  return joined(
    `${String(line.level)} ${String(line.msg)}`,
    pairs(Object.entries(line).filter(([key]) => !LEFT_OUT_OF_LOG.has(key))),
  );
}

function metricLines(metrics: string): readonly string[] {
  return samplesOf(metrics)
    .filter(({ name, value }) => METRICS.has(name) && value !== 0)
    .map(({ name, labels, value }) => {
      const told = Object.entries(labels).filter(
        ([key, text]) => text !== '' && !LEFT_OUT_OF_METRICS.has(key),
      );
      return joined(`${value} ${name}`, told.map(([, text]) => text).join(' '));
    });
}

function sessionLines(session: SessionRecord): readonly string[] {
  const party = ({ name, version }: SessionRecord['clientInfo']) =>
    name === undefined ? undefined : `${name} ${version ?? ''}`.trim();
  return [
    joined(
      `session ${session.status}`,
      session.endCause,
      pairs([
        ['server', session.server],
        ['serverInfo', party(session.serverInfo)],
        ['clientInfo', party(session.clientInfo)],
        ['version', session.protocolVersion],
        ['era', session.era],
        ['client', session.clientCapabilities.join(',') || undefined],
        ['serves', session.serverCapabilities.join(',') || undefined],
        ['id', session.sessionIdHash],
        ['inferred', session.inferred],
        ['exit', session.exitCode ?? session.exitSignal],
        ['probe', session.probe || undefined],
        ['complete', session.completeness.complete ? undefined : false],
      ]),
    ),
    `${session.operations} operations, ${session.failedOperations} failed, ${session.findings} findings`,
    ...session.lastStderr.map((line) => `stderr ${JSON.stringify(line)}`),
  ];
}

function operationLine(operation: OperationRecord): string {
  const { operationId, initiator, method, target, outcome, error, legs, task, subscription, http } =
    operation;
  return joined(
    `operation ${operationId} ${initiator === 'client_to_server' ? '>' : '<'} ${method}${target === undefined ? '' : ` ${target.name}`}`,
    outcome,
    pairs([
      ['id', operation.requestId],
      ['in', operation.parentOperationId],
      ['error', error?.type],
      ['message', error?.message],
      ['frames', `${operation.firstSeq}..${operation.lastSeq}`],
      ['progress', operation.progressCount || undefined],
      [
        'legs',
        legs.length === 0
          ? undefined
          : legs
              .map(({ requestId, outcome: end, asked }) =>
                [requestId, end, asked?.join('+')]
                  .filter((part) => part !== undefined && part !== '')
                  .join(':'),
              )
              .join(' '),
      ],
      ['states', task?.states.map(({ status }) => status).join(' ')],
      ['polls', task?.polls],
      ['stream', operation.stream || undefined],
      ['acknowledged', subscription === undefined ? undefined : subscription.acknowledgedAtUs !== undefined],
      ['notifications', subscription?.notifications],
      ['closedBy', subscription?.closedBy],
      ['http', http && `${http.method} ${http.status ?? '-'} port ${http.clientPort ?? '-'}`],
      ['sessionId', http?.sessionIdHash],
    ]),
  );
}

function findingLine({ rule, channel, seq, operationId, detail }: FindingRecord): string {
  return joined(
    `finding ${rule}`,
    pairs([
      ['channel', channel],
      ['seq', seq],
      ['operation', operationId],
      ['detail', detail],
    ]),
  );
}

function joined(...parts: readonly (string | false | undefined)[]): string {
  return parts.filter(Boolean).join(' | ');
}

function pairs(entries: readonly (readonly [string, unknown])[]): string {
  return entries
    .filter(([, value]) => value !== undefined)
    .map(
      ([key, value]) =>
        `${key}=${typeof value === 'string' && /^[\w.,:+/-]+$/.test(value) ? value : JSON.stringify(value)}`,
    )
    .join(' ');
}

function ms(us: number): string {
  return `${(us - START_US) / 1000}ms`;
}
