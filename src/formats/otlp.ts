/**
 * Writes the operations of a session as traces in OTLP's JSON: each line is one ExportTraceServiceRequest, as the Collector's file
 * receiver reads them. Span ids are those that were exported when it was recorded.
 */
import { createHash } from 'node:crypto';
import type { OperationFinished } from '../event/event.ts';
import { decode } from '../mcp/decode.ts';
import { JsonEncoder } from '../sink/otlp-json.ts';
import { type Origin, ServiceOrigin } from '../sink/otlp-target.ts';
import { operationSpans, sessionSpan, type Span } from '../sink/span.ts';
import type { OperationRecord, SessionRecord } from '../store/record.ts';
import type { Creator, Source } from './source.ts';

/** A request of these is far below the 4 MB that receivers take. */
const SPANS_A_LINE = 512;
const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-/;
const HINT = Buffer.from('traceparent');

export function* otlpLines(source: Source, creator: Creator): Generator<string> {
  const { session } = source;
  const encoder = new JsonEncoder();
  const origin = originOf(session, creator);
  const parents = parentsOf(source);
  const root = rootOf(session);
  let spans: Span[] = [];
  const line = (): string => {
    const text = `${Buffer.from(encoder.encode(spans, origin)).toString('utf8')}\n`;
    spans = [];
    return text;
  };
  // Of the other side's operations that this one served, the id is all that is stored.
  const spanIds = new Map<number, string>();
  for (const operation of source.operations()) {
    spanIds.set(operation.operationId, operation.spanId);
    const ours =
      operation.parentOperationId === undefined ? undefined : spanIds.get(operation.parentOperationId);
    const told = parents.get(operation.firstSeq);
    const parent = ours ?? (told?.traceId === operation.traceId ? told.spanId : undefined);
    spans.push(...operationSpans(finishedOf(operation, session, parent, root)));
    if (spans.length >= SPANS_A_LINE) yield line();
  }
  if (session.endedAtUs !== undefined) spans.push(spanOf(session, session.endedAtUs, root));
  yield line();
}

interface Context {
  readonly traceId: string;
  readonly spanId: string;
}

/** The contexts that clients told, by the frame they told them in. */
function parentsOf(source: Source): ReadonlyMap<number, Context> {
  const parents = new Map<number, Context>();
  for (const { kind, bytes, seq } of source.frames()) {
    if (kind !== 'request' || !Buffer.from(bytes).includes(HINT)) continue;
    const message = decode(bytes);
    const told = message.kind === 'request' ? TRACEPARENT.exec(message.params.traceparent ?? '') : null;
    if (told !== null) parents.set(seq, { traceId: told[1] ?? '', spanId: told[2] ?? '' });
  }
  return parents;
}

/** What is not stored was never part of a span that has no notes of its own: a list of names, a caller's wish. */
function finishedOf(
  operation: OperationRecord,
  session: SessionRecord,
  parentSpanId: string | undefined,
  root: Context,
): OperationFinished {
  const { traceId, spanId, endedAtUs, requestId, startedAtUs, outcome, legs } = operation;
  return {
    ...operation,
    type: 'operation_finished',
    atUs: endedAtUs,
    transport: session.transport,
    targetListed: false,
    legs: legs.length > 0 ? legs : [{ requestId, startedAtUs, endedAtUs, outcome }],
    span: { traceId, spanId, parentSpanId, traceState: undefined, sampled: true },
    sessionSpan: root,
    jsonrpc: undefined,
    protocolVersion: session.protocolVersion,
    server: session.server,
    notes: [],
    notesDropped: 0,
  };
}

/** The session's own span is not stored: in these files it always has the same ids. */
function rootOf({ id }: SessionRecord): Context {
  const hash = createHash('sha256').update(id).digest('hex');
  return { traceId: hash.slice(0, 32), spanId: hash.slice(32, 48) };
}

function spanOf(session: SessionRecord, endedAtUs: number, root: Context): Span {
  const { id, transport, startedAtUs, endCause, exitCode, exitSignal, server, protocolVersion } = session;
  const { probe, operations, failedOperations, findings } = session;
  return sessionSpan({
    type: 'session_ended',
    sessionId: id,
    atUs: endedAtUs,
    ...{ transport, startedAtUs, server, protocolVersion, probe, operations, failedOperations, findings },
    cause: endCause ?? 'sidelight_stopped',
    exitCode: exitCode ?? null,
    exitSignal: exitSignal ?? null,
    span: { ...root, parentSpanId: undefined, traceState: undefined, sampled: true },
  });
}

function originOf({ server, serverInfo, pid, hostname, id }: SessionRecord, { version }: Creator): Origin {
  const config = { serviceName: server === '' ? undefined : server, resourceAttributes: {} };
  const origin = new ServiceOrigin(config, { pid, hostname, version, instanceId: id });
  origin.see({
    type: 'session_described',
    sessionId: id,
    atUs: 0,
    server,
    serverInfo: {
      ...(serverInfo.name !== undefined && { name: serverInfo.name }),
      ...(serverInfo.version !== undefined && { version: serverInfo.version }),
    },
    clientInfo: undefined,
    protocolVersion: undefined,
    era: undefined,
    clientCapabilities: [],
    serverCapabilities: [],
  });
  return origin.get();
}
