/**
 * What a finished operation and an ended session look like as spans: names, kinds, parents, links, attributes, status.
 * Plain data that knows no OpenTelemetry library; never a payload, never an unredacted text.
 */
import { ATTRIBUTE, errorTypeOf, EXECUTE_TOOL } from '../event/attributes.ts';
import { type InputWait, inputWaits, inputWaitUs } from '../event/legs.ts';
import type {
  Leg,
  OperationFinished,
  OperationHttp,
  OperationNote,
  SessionEnded,
  TaskCourse,
} from '../event/event.ts';
import type { RecordingUrl } from './recording-url.ts';

export type AttributeValue = string | number | boolean;
export type Attributes = Readonly<Record<string, AttributeValue>>;

export interface SpanEvent {
  readonly atUs: number;
  readonly name: string;
  readonly attributes: Attributes;
}

export interface Link {
  readonly traceId: string;
  readonly spanId: string;
}

/** Ids are hex, times are microseconds since the Unix epoch. */
export interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  /** The parent is somebody else's span, known from its trace context. */
  readonly parentIsRemote: boolean;
  /** A W3C tracestate list, as it came. */
  readonly traceState: string | undefined;
  readonly name: string;
  readonly kind: 'internal' | 'server' | 'client';
  readonly startUs: number;
  readonly endUs: number;
  readonly attributes: Attributes;
  readonly events: readonly SpanEvent[];
  readonly droppedEvents: number;
  readonly links: readonly Link[];
  /** Undefined: status UNSET. Otherwise ERROR, with the message where there is one. */
  readonly error: { readonly message: string | undefined } | undefined;
}

/** The caller can send a name or message of any length; receivers refuse or cut what is larger than about this. */
const MAX_TEXT_CHARS = 1024;

/** In the words of the conventions. Whatever HTTP is carried by, `tcp` is what they have for it. */
const TRANSPORT = { stdio: 'pipe', http: 'tcp' } as const;

/** How many spans `operationSpans` makes of an operation. */
export function spanCount(operation: OperationFinished): number {
  return operation.legs.length > 1 ? 1 + operation.legs.length : 1;
}

/** The operation's span and, where it took several legs, one child for each. */
export function operationSpans(operation: OperationFinished, recordingUrl?: RecordingUrl): readonly Span[] {
  const span = operationSpan(operation, recordingUrl);
  if (operation.legs.length < 2) return [span];
  return [span, ...operation.legs.map((leg, index) => legSpan(operation, span, leg, index, recordingUrl))];
}

function operationSpan(operation: OperationFinished, recordingUrl: RecordingUrl | undefined): Span {
  const { span: identity, sessionSpan, spanLinks, legs, notes, task } = operation;
  const errorType = errorTypeOf(operation);
  const severalLegs = legs.length > 1;
  return {
    traceId: identity.traceId,
    spanId: identity.spanId,
    parentSpanId: identity.parentSpanId,
    parentIsRemote: operation.parentOperationId === undefined,
    traceState: identity.traceState,
    name: nameOf(operation),
    kind: operation.initiator === 'client_to_server' ? 'server' : 'client',
    startUs: operation.startedAtUs,
    endUs: operation.endedAtUs,
    attributes: operationAttributes(operation, errorType, recordingUrl),
    events:
      notes.length === 0 && !severalLegs && task === undefined
        ? NO_EVENTS
        : [
            ...notes.map(noteEvent),
            ...inputWaits(legs).flatMap(waitEvents),
            ...(task?.states ?? []).map(stateEvent),
          ].sort((a, b) => a.atUs - b.atUs),
    droppedEvents: operation.notesDropped,
    // A root of its own trace, so that no trace grows without bound; the link leads to what else the session did.
    links: linksOf(identity.parentSpanId === undefined ? sessionSpan : undefined, spanLinks),
    error: errorType === undefined ? undefined : { message: clean(operation.error?.message) },
  };
}

function operationAttributes(
  operation: OperationFinished,
  errorType: string | undefined,
  recordingUrl: RecordingUrl | undefined,
): Attributes {
  const { method, target, requestId, error, protocolVersion, sessionId, http } = operation;
  const attributes: Record<string, AttributeValue> = {
    [ATTRIBUTE.mcpMethodName]: clean(method),
    [ATTRIBUTE.networkTransport]: TRANSPORT[operation.transport],
    [ATTRIBUTE.sessionId]: sessionId,
    [ATTRIBUTE.serverName]: clean(operation.server),
    [ATTRIBUTE.outcome]: operation.outcome,
  };
  if (protocolVersion !== undefined) attributes[ATTRIBUTE.mcpProtocolVersion] = clean(protocolVersion);
  if (method === 'tools/call') attributes[ATTRIBUTE.genAiOperationName] = EXECUTE_TOOL;
  if (target !== undefined) attributes[TARGET_ATTRIBUTE[target.kind]] = clean(target.name);
  if (operation.jsonrpc !== undefined)
    attributes[ATTRIBUTE.jsonrpcProtocolVersion] = clean(operation.jsonrpc);
  if (http !== undefined) addHttp(attributes, operation.initiator, http);
  if (error?.code !== undefined) attributes[ATTRIBUTE.rpcResponseStatusCode] = String(error.code);
  if (errorType !== undefined) attributes[ATTRIBUTE.errorType] = errorType;
  // What differs from one operation to the next stands last: see otlp-json.ts.
  if (http?.clientPort !== undefined && operation.initiator === 'client_to_server')
    attributes[ATTRIBUTE.clientPort] = http.clientPort;
  attributes[ATTRIBUTE.operationId] = `${sessionId}/${operation.operationId}`;
  if (recordingUrl !== undefined)
    attributes[ATTRIBUTE.recordingUrl] = recordingUrl(sessionId, operation.operationId);
  if (requestId !== null) attributes[ATTRIBUTE.jsonrpcRequestId] = clean(String(requestId));
  const { content } = operation;
  if (content?.arguments !== undefined) attributes[ATTRIBUTE.genAiToolCallArguments] = content.arguments;
  if (content?.result !== undefined) attributes[ATTRIBUTE.genAiToolCallResult] = content.result;
  if (operation.legs.length > 1) {
    attributes[ATTRIBUTE.inputWaitMs] = inputWaitUs(operation.legs) / 1000;
    attributes[ATTRIBUTE.roundTrips] = operation.legs.length;
  }
  const { task, subscription } = operation;
  if (task !== undefined) attributes[ATTRIBUTE.taskPolls] = task.polls;
  if (subscription !== undefined) {
    attributes[ATTRIBUTE.subscriptionNotifications] = subscription.notifications;
    if (subscription.closedBy !== undefined)
      attributes[ATTRIBUTE.subscriptionClosedBy] = subscription.closedBy;
  }
  return attributes;
}

/** A SERVER span tells of its client's end, a CLIENT span of its server's. */
function addHttp(
  attributes: Record<string, AttributeValue>,
  initiator: OperationFinished['initiator'],
  http: OperationHttp,
): void {
  attributes[ATTRIBUTE.networkProtocolName] = 'http';
  attributes[ATTRIBUTE.networkProtocolVersion] = http.protocolVersion;
  attributes[ATTRIBUTE.httpRequestMethod] = clean(http.method);
  attributes[ATTRIBUTE.urlPath] = clean(http.path);
  if (http.status !== undefined) attributes[ATTRIBUTE.httpResponseStatusCode] = http.status;
  if (http.sessionIdHash !== undefined) attributes[ATTRIBUTE.mcpSessionId] = http.sessionIdHash;
  if (initiator === 'client_to_server') {
    attributes[ATTRIBUTE.clientAddress] = http.clientAddress;
    return;
  }
  attributes[ATTRIBUTE.serverAddress] = http.serverAddress;
  if (http.serverPort !== undefined) attributes[ATTRIBUTE.serverPort] = http.serverPort;
}

function linksOf(session: Link | undefined, told: readonly Link[] = NO_LINKS): readonly Link[] {
  return session === undefined ? told : [session, ...told];
}

const TARGET_ATTRIBUTE = {
  tool: ATTRIBUTE.genAiToolName,
  prompt: ATTRIBUTE.genAiPromptName,
  resource: ATTRIBUTE.mcpResourceUri,
} as const;

const NO_EVENTS: readonly SpanEvent[] = [];
const NO_LINKS: readonly Link[] = [];

/** `{method} {target}`; a URI is not of low cardinality and stays out of the name. */
function nameOf({ method, target }: OperationFinished): string {
  return clean(target === undefined || target.kind === 'resource' ? method : `${method} ${target.name}`);
}

function legSpan(
  operation: OperationFinished,
  parent: Span,
  leg: Leg,
  index: number,
  recordingUrl: RecordingUrl | undefined,
): Span {
  const attributes: Record<string, AttributeValue> = {
    [ATTRIBUTE.mcpMethodName]: clean(operation.method),
    [ATTRIBUTE.networkTransport]: TRANSPORT[operation.transport],
    [ATTRIBUTE.sessionId]: operation.sessionId,
    [ATTRIBUTE.operationId]: `${operation.sessionId}/${operation.operationId}`,
    [ATTRIBUTE.legIndex]: index,
    [ATTRIBUTE.outcome]: leg.outcome,
  };
  if (recordingUrl !== undefined)
    attributes[ATTRIBUTE.recordingUrl] = recordingUrl(operation.sessionId, operation.operationId);
  if (leg.requestId !== null) attributes[ATTRIBUTE.jsonrpcRequestId] = clean(String(leg.requestId));
  return {
    traceId: parent.traceId,
    spanId: legSpanId(parent.spanId, index),
    parentSpanId: parent.spanId,
    parentIsRemote: false,
    traceState: parent.traceState,
    name: `${parent.name} leg`,
    kind: 'internal',
    startUs: leg.startedAtUs,
    endUs: leg.endedAtUs,
    attributes,
    events: NO_EVENTS,
    droppedEvents: 0,
    links: NO_LINKS,
    // The legs before the last one ended in a question, which is no error.
    error: index === operation.legs.length - 1 ? parent.error : undefined,
  };
}

/** Made from the operation's own id, so that the same events give the same spans again. */
function legSpanId(spanId: string, index: number): string {
  return (BigInt(`0x${spanId}`) ^ BigInt(index + 1)).toString(16).padStart(16, '0');
}

/** When input was asked for, and of what kind; and when it came. */
function waitEvents({ asked, fromUs, toUs }: InputWait): readonly SpanEvent[] {
  return [
    {
      atUs: fromUs,
      name: 'input_required',
      attributes: asked.length === 0 ? {} : { [ATTRIBUTE.inputMethods]: asked.join(',') },
    },
    { atUs: toUs, name: 'input_received', attributes: {} },
  ];
}

function stateEvent({ atUs, status }: TaskCourse['states'][number]): SpanEvent {
  return { atUs, name: 'task_status', attributes: { [ATTRIBUTE.taskStatus]: clean(status) } };
}

function noteEvent(note: OperationNote): SpanEvent {
  const attributes: Record<string, AttributeValue> = {};
  if (note.progress !== undefined) attributes[ATTRIBUTE.progress] = note.progress;
  if (note.total !== undefined) attributes[ATTRIBUTE.progressTotal] = note.total;
  if (note.level !== undefined) attributes[ATTRIBUTE.logLevel] = clean(note.level);
  return { atUs: note.atUs, name: clean(note.method), attributes };
}

/** The root span that stands for the whole session; operations link to it. */
export function sessionSpan(session: SessionEnded, recordingUrl?: RecordingUrl): Span {
  const failed = session.cause === 'server_crashed' || session.cause === 'start_failed';
  const attributes: Record<string, AttributeValue> = {
    [ATTRIBUTE.networkTransport]: TRANSPORT[session.transport],
    [ATTRIBUTE.sessionId]: session.sessionId,
    [ATTRIBUTE.serverName]: clean(session.server),
    [ATTRIBUTE.endCause]: session.cause,
    [ATTRIBUTE.probe]: session.probe,
    [ATTRIBUTE.operations]: session.operations,
    [ATTRIBUTE.failedOperations]: session.failedOperations,
    [ATTRIBUTE.findings]: session.findings,
  };
  if (session.protocolVersion !== undefined) {
    attributes[ATTRIBUTE.mcpProtocolVersion] = clean(session.protocolVersion);
  }
  if (session.exitCode !== null) attributes[ATTRIBUTE.exitCode] = session.exitCode;
  if (session.exitSignal !== null) attributes[ATTRIBUTE.exitSignal] = session.exitSignal;
  if (failed) attributes[ATTRIBUTE.errorType] = session.cause;
  if (recordingUrl !== undefined) attributes[ATTRIBUTE.recordingUrl] = recordingUrl(session.sessionId);
  return {
    traceId: session.span.traceId,
    spanId: session.span.spanId,
    parentSpanId: session.span.parentSpanId,
    parentIsRemote: true,
    traceState: session.span.traceState,
    name: 'session',
    kind: 'internal',
    startUs: session.startedAtUs,
    endUs: session.atUs,
    attributes,
    events: NO_EVENTS,
    droppedEvents: 0,
    links: NO_LINKS,
    error: failed ? { message: undefined } : undefined,
  };
}

/** Untrusted text as an attribute: of bounded size, and without lone surrogates, for which receivers refuse a batch. */
function clean(text: string): string;
function clean(text: string | undefined): string | undefined;
function clean(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const short = text.length <= MAX_TEXT_CHARS ? text : `${text.slice(0, MAX_TEXT_CHARS - 1)}…`;
  return LONE_SURROGATE.test(short) ? short.replace(LONE_SURROGATES, '\ufffd') : short;
}

const LONE_SURROGATE = /\p{Surrogate}/u;
const LONE_SURROGATES = /\p{Surrogate}/gu;
