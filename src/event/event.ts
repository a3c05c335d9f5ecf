/**
 * The facts that the observer learns, as immutable events: the only thing that crosses to a sink.
 * Event names are past tense; every event says when, in which session, and (where it stands for bytes) which frame.
 * Nothing in an event is unredacted.
 */
import type { Era } from '../mcp/era.ts';
import type { Id, Implementation } from '../mcp/message.ts';
import type { Channel, Direction } from '../wire/chunk.ts';
import type { ExchangeEnd, Failure } from '../wire/exchange.ts';
import type { FindingRule } from './findings.ts';
import type { Outcome } from './outcome.ts';

export type { FindingRule } from './findings.ts';

/** Raised with every incompatible change of a shape below; recordings carry it. */
export const EVENT_VERSION = 1;

interface EventBase {
  readonly sessionId: string;
  /** Microseconds since the Unix epoch. */
  readonly atUs: number;
}

export type Transport = 'stdio' | 'http';

export interface SessionStarted extends EventBase {
  readonly type: 'session_started';
  readonly transport: Transport;
  /** `--name`, or undefined until the server says its own. */
  readonly configuredName: string | undefined;
  /** Id of the recorded session that was done again. */
  readonly replayOf?: string;
  /** The server's command and arguments, redacted. */
  readonly command: readonly string[];
  readonly cwd: string;
  /** Names of the environment variables the server got; never their values. */
  readonly envNames: readonly string[];
  /** Sidelight's own process. */
  readonly pid: number;
  readonly hostname: string;
  readonly sidelightVersion: string;
  /** HTTP: URL of the server, without credentials. `command`, `cwd` and `envNames` are empty then. */
  readonly target?: string;
  /** HTTP: of the client that opened it. */
  readonly clientAddress?: string;
  /** Hash of `Mcp-Session-Id`, where it is known from the start. */
  readonly sessionIdHash?: string;
  readonly inferred?: Inferred;
}

/** What makes messages one session where no id says so. */
export type Evidence = 'client_info' | 'credential' | 'address' | 'trace_id';

/** The session was inferred: from what, and how far that can be trusted. */
export interface Inferred {
  readonly evidence: readonly Evidence[];
  readonly confidence: 'high' | 'medium' | 'low';
}

/** Sent again whenever one of its members becomes known. */
export interface SessionDescribed extends EventBase {
  readonly type: 'session_described';
  /** What metrics and lists call the server: `--name`, else its own serverInfo, else the command. */
  readonly server: string;
  readonly serverInfo: Implementation | undefined;
  readonly clientInfo: Implementation | undefined;
  readonly protocolVersion: string | undefined;
  readonly era: Era | undefined;
  readonly clientCapabilities: readonly string[];
  readonly serverCapabilities: readonly string[];
  /** As in `session_started`, where it became known later. */
  readonly sessionIdHash?: string;
  readonly inferred?: Inferred;
}

/** What a recorded frame stands for. */
export type FrameKind =
  | 'request'
  | 'notification'
  | 'result'
  | 'error'
  | 'batch'
  | 'malformed'
  | 'blank'
  /** Bytes at the end of a stream, or before a gap, that no newline completed. */
  | 'unterminated'
  /** Text of the server's stderr. */
  | 'stderr'
  /** Copies that were dropped: the recording is incomplete here. `bytes` holds a JSON text {chunks, bytes, stage}. */
  | 'gap'
  /** Start, end and signals of the server process. `bytes` holds a JSON text. */
  | 'lifecycle'
  /** Facts of an HTTP exchange: a request or status line with headers, its end. `bytes` holds a JSON text. */
  | 'http'
  /** An HTTP body, or the data of an event, that is no JSON-RPC and need not be. */
  | 'body';

/** One frame of the recording. Frames of a session are numbered from 0 in the order of their completion. */
export interface FrameRecorded extends EventBase {
  readonly type: 'frame_recorded';
  readonly seq: number;
  readonly channel: Channel;
  readonly kind: FrameKind;
  /** The frame without its line ending, redacted; at most the body cap. */
  readonly bytes: Uint8Array;
  /** The line ending as it was on the wire. */
  readonly ending: '\n' | '\r\n' | '';
  /** Size on the wire without the line ending. */
  readonly sizeBytes: number;
  /** SHA-256 of the frame as it was on the wire, hex; only when the bytes were cut at the cap. */
  readonly sha256: string | undefined;
  readonly truncated: boolean;
  /** How many values were replaced in `bytes`. */
  readonly redactions: number;
  /** Of how many media `bytes` holds type, size and hash instead of themselves. */
  readonly elided: number;
  /** Of a request, notification, or the request that a response answers. */
  readonly method: string | undefined;
  /** The operation it belongs to, if any. */
  readonly operationId: number | undefined;
  /** HTTP: the exchange on which it came, numbered from 1 within Sidelight's process. */
  readonly exchange?: number | undefined;
  /** Of the SSE event that it came in. */
  readonly eventId?: string | undefined;
}

export interface Target {
  readonly kind: 'tool' | 'prompt' | 'resource';
  /** A name, or for a resource its URI with userinfo and query redacted. */
  readonly name: string;
}

/** One request and its answer. An operation has one leg, or several where a call was answered with a question. */
export interface Leg {
  readonly requestId: Id;
  readonly startedAtUs: number;
  readonly endedAtUs: number;
  readonly outcome: Outcome;
  /** Of an `input_required`: the methods of what was asked, such as `elicitation/create`; empty for a state alone. */
  readonly asked?: readonly string[];
}

/** Ids of the span an operation becomes, and where it hangs. Hex, as in W3C trace context. */
export interface SpanIdentity {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly traceState: string | undefined;
  /** False when the caller's context says so: the span is not exported; metrics and the recording do not care. */
  readonly sampled: boolean;
}

export interface OperationStarted extends EventBase {
  readonly type: 'operation_started';
  readonly operationId: number;
  readonly initiator: Direction;
  readonly method: string;
  readonly target: Target | undefined;
}

export interface OperationError {
  /** JSON-RPC code; undefined for outcomes that have none. */
  readonly code: number | undefined;
  /** Value of `error.type`: the code as a string, `tool_error`, `timeout`, an HTTP status as a string, or `_OTHER`. */
  readonly type: string;
  /** Redacted. */
  readonly message: string | undefined;
}

/** Mid-operation facts that become span events: progress, log messages. Capped per operation, the rest is counted. */
export interface OperationNote {
  readonly atUs: number;
  readonly method: string;
  readonly progress?: number;
  readonly total?: number;
  readonly level?: string;
}

export interface OperationContent {
  readonly arguments?: string;
  readonly result?: string;
}

/** The HTTP exchange that an operation's request came on. */
export interface OperationHttp {
  readonly method: string;
  /** Redacted. */
  readonly path: string;
  /** Undefined when it ended before a response, or this was lost. */
  readonly status: number | undefined;
  /** Of HTTP. */
  readonly protocolVersion: string;
  readonly clientAddress: string;
  /** Undefined on a Unix socket. */
  readonly clientPort: number | undefined;
  readonly serverAddress: string;
  readonly serverPort: number | undefined;
  /** Hash of `Mcp-Session-Id`; never of a request of 2026-07-28, which knows no such sessions. */
  readonly sessionIdHash?: string;
}

/** The operation's answer asked for input: until that comes nobody waits for the server. */
export interface InputAsked extends EventBase {
  readonly type: 'input_asked';
  readonly operationId: number;
  readonly initiator: Direction;
  /** As of a leg. */
  readonly asked: readonly string[];
}

/** The input came: the server works on the operation again. */
export interface InputGiven extends EventBase {
  readonly type: 'input_given';
  readonly operationId: number;
  readonly initiator: Direction;
}

/** What became of a task: a call whose answer was a handle. */
export interface TaskCourse {
  /** In the order in which they were seen, the one in the handle first: `working`, `input_required`, `completed` and so on. */
  readonly states: readonly { readonly atUs: number; readonly status: string }[];
  /** Requests about the task: tasks/get, result, update, cancel. They are no operations of their own. */
  readonly polls: number;
}

/** What came of a subscriptions/listen. */
export interface Subscription {
  readonly acknowledgedAtUs: number | undefined;
  readonly notifications: number;
  /** Undefined when it ended with its session. */
  readonly closedBy: 'client' | 'server' | 'connection' | undefined;
}

/** The whole operation, told once, when it ended. */
export interface OperationFinished extends EventBase {
  readonly type: 'operation_finished';
  readonly transport: Transport;
  readonly operationId: number;
  /** Who asked: `client_to_server` for tools/call and the like, `server_to_client` for sampling, elicitation, roots. */
  readonly initiator: Direction;
  readonly method: string;
  readonly target: Target | undefined;
  /** True when the target's name stood in a list result of this session: only then may it become a label. */
  readonly targetListed: boolean;
  /** Of the last leg. */
  readonly requestId: Id;
  readonly startedAtUs: number;
  readonly endedAtUs: number;
  readonly outcome: Outcome;
  readonly error: OperationError | undefined;
  readonly legs: readonly Leg[];
  readonly span: SpanIdentity;
  /** Contexts that the caller told of beside the one that is the parent. */
  readonly spanLinks?: readonly Pick<SpanIdentity, 'traceId' | 'spanId'>[];
  /** The session's own span, which an operation without a parent links to. It is exported when the session ends. */
  readonly sessionSpan: Pick<SpanIdentity, 'traceId' | 'spanId'>;
  /** The operation of the other side that this one serves, when there is exactly one candidate. */
  readonly parentOperationId: number | undefined;
  /** A long-lived stream (subscriptions/listen): open time, not latency; never in a latency histogram. */
  readonly stream: boolean;
  /** Value of a `jsonrpc` member other than "2.0". */
  readonly jsonrpc: string | undefined;
  readonly protocolVersion: string | undefined;
  readonly server: string;
  readonly requestBytes: number;
  readonly resultBytes: number;
  readonly progressCount: number;
  readonly task?: TaskCourse;
  readonly subscription?: Subscription;
  /** Of a tool call, as JSON, redacted and cut; undefined unless content was asked for. */
  readonly content?: OperationContent;
  readonly http?: OperationHttp;
  readonly notes: readonly OperationNote[];
  readonly notesDropped: number;
  /** Of the first request and the last answer. */
  readonly firstSeq: number;
  readonly lastSeq: number;
}

/** A JSON-RPC message was counted, whatever it was. */
export interface MessageSeen extends EventBase {
  readonly type: 'message_seen';
  readonly channel: Direction;
  readonly kind: 'request' | 'notification' | 'result' | 'error' | 'malformed';
  readonly sizeBytes: number;
}

/** Something off the happy path, by a rule of the table. */
export interface FindingRaised extends EventBase {
  readonly type: 'finding_raised';
  readonly rule: FindingRule;
  readonly channel: Channel;
  readonly seq: number;
  readonly operationId: number | undefined;
  /** One line of evidence, redacted. */
  readonly detail: string;
}

/** A line of the server's stderr, or a notifications/message, for the log. */
export interface ServerLogged extends EventBase {
  readonly type: 'server_logged';
  readonly origin: 'stderr' | 'notification';
  /** MCP's level names (RFC 5424): debug, info, notice, warning, error, critical, alert, emergency. */
  readonly level: string;
  readonly logger: string | undefined;
  /** Redacted, one line, capped. */
  readonly text: string;
}

/** A list result was seen: names that may become labels, and what the list costs a model's context. */
export interface CatalogListed extends EventBase {
  readonly type: 'catalog_listed';
  readonly kind: 'tools' | 'prompts' | 'resources';
  readonly names: readonly string[];
  readonly sizeBytes: number;
}

/** A tool stands in a list, for the first time in this session or in another form than before. */
export interface ToolSeen extends EventBase {
  readonly type: 'tool_seen';
  /** What the trust is in: the server's name, and over HTTP its host. */
  readonly server: string;
  readonly tool: string;
  /** Of its definition, whatever the order of members. */
  readonly hash: string;
  /** JSON, redacted, cut at a bound. */
  readonly definition: string;
  /** `first_use`: nothing of this server was known, so that it is trusted from now on. */
  readonly trust: 'trusted' | 'changed' | 'added' | 'first_use';
}

export interface ServerStarted extends EventBase {
  readonly type: 'server_started';
  readonly serverPid: number;
}

export interface ServerExited extends EventBase {
  readonly type: 'server_exited';
  readonly code: number | null;
  readonly signal: string | null;
  /** True unless the server ended by itself with 0, or after its client had gone. */
  readonly crashed: boolean;
  /** Redacted, the newest last. */
  readonly lastStderr: readonly string[];
}

/** HTTP: a response to GET turned out to be a stream of events. Its open time is no latency. */
export interface StreamOpened extends EventBase {
  readonly type: 'stream_opened';
  readonly exchange: number;
}

/** HTTP: a request and its response are over, whatever they carried. */
export interface ExchangeFinished extends EventBase {
  readonly type: 'exchange_finished';
  readonly exchange: number;
  readonly startedAtUs: number;
  readonly method: string;
  /** Redacted, without the query. */
  readonly path: string;
  /** Undefined when it ended before a response. */
  readonly status: number | undefined;
  /** Why the response is Sidelight's and not the server's. */
  readonly failure: Failure | undefined;
  /** `unknown`: its end was among lost copies. */
  readonly end: ExchangeEnd | 'unknown';
  /** `stream_opened` was told of it. */
  readonly stream: boolean;
  /** It carried JSON-RPC requests: operations tell of it, too. */
  readonly asked: boolean;
  /** Of the bodies as they were on the wire, as far as their copies came. */
  readonly requestBytes: number;
  readonly responseBytes: number;
}

/** Copies dropped before decoding: this session's recording is incomplete at this place. */
export interface CopiesDropped extends EventBase {
  readonly type: 'copies_dropped';
  readonly channel: Channel;
  readonly chunks: number;
  readonly bytes: number;
}

/**
 * HTTP: whole exchanges were lost before anything was known of them, their request included, while this session lasted.
 * Nobody can say whether they were its own: it may be incomplete.
 */
export interface ExchangesMissed extends EventBase {
  readonly type: 'exchanges_missed';
  readonly exchanges: number;
}

export type EndCause =
  | 'client_closed'
  | 'server_exited'
  | 'server_crashed'
  | 'start_failed'
  | 'sidelight_stopped'
  /** HTTP: the client deleted it. */
  | 'deleted'
  /** HTTP: the server did not know its id any more. */
  | 'expired'
  /** HTTP: nothing was heard of it for long; it ended with the last that was. */
  | 'idle'
  /** HTTP: others needed its place. */
  | 'evicted';

export interface SessionEnded extends EventBase {
  readonly type: 'session_ended';
  readonly transport: Transport;
  readonly startedAtUs: number;
  readonly cause: EndCause;
  readonly exitCode: number | null;
  readonly exitSignal: string | null;
  readonly server: string;
  readonly protocolVersion: string | undefined;
  /** The process was asked only server/discover: the sibling that a client starts to find out the era. */
  readonly probe: boolean;
  readonly operations: number;
  readonly failedOperations: number;
  readonly findings: number;
  readonly span: SpanIdentity;
}

export type McpEvent =
  | SessionStarted
  | SessionDescribed
  | FrameRecorded
  | MessageSeen
  | OperationStarted
  | InputAsked
  | InputGiven
  | OperationFinished
  | FindingRaised
  | ServerLogged
  | CatalogListed
  | ToolSeen
  | ServerStarted
  | ServerExited
  | StreamOpened
  | ExchangeFinished
  | CopiesDropped
  | ExchangesMissed
  | SessionEnded;

export type EventType = McpEvent['type'];
