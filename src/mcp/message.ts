/**
 * One JSON-RPC message as seen on the wire, reduced to the facts that observing needs.
 * A message is described, never validated against a schema: what a peer sent is what is told.
 */

/** A JSON-RPC id. `1` and `"1"` are different ids; ids start at 0 and are reused. */
export type Id = string | number | null;

export interface Implementation {
  readonly name?: string;
  readonly version?: string;
}

/** W3C trace context as it stood in `params._meta`, unparsed (SEP-414). */
export interface TraceCarrier {
  readonly traceparent?: string;
  readonly tracestate?: string;
}

interface MessageBase {
  /** Bytes of the message on the wire, without its framing. */
  readonly sizeBytes: number;
  /** The value of `jsonrpc` when it is not "2.0"; absent otherwise. `null` when it is missing or no string. */
  readonly jsonrpc?: string | null;
  /**
   * The whole message, parsed on demand. Undefined when the message is above the parse cap, where only the
   * envelope was scanned.
   */
  readonly json: () => unknown;
  /** Its text, as long as its frame is valid: to be copied by who wants to keep it. Undefined above the parse cap. */
  readonly bytes: Uint8Array | undefined;
}

export interface Request extends MessageBase {
  readonly kind: 'request';
  readonly id: Id;
  readonly method: string;
  readonly params: ParamFacts;
}

export interface Notification extends MessageBase {
  readonly kind: 'notification';
  readonly method: string;
  readonly params: ParamFacts;
}

export interface Result extends MessageBase {
  readonly kind: 'result';
  readonly id: Id;
  readonly result: ResultFacts;
}

export interface ErrorResponse extends MessageBase {
  readonly kind: 'error';
  /** Null or undefined where the server could not tell which request it answers. */
  readonly id: Id | undefined;
  /** Undefined when the error object has no integer code. */
  readonly code: number | undefined;
  readonly message: string | undefined;
}

export type MalformedReason =
  'not_utf8' | 'not_json' | 'not_an_object' | 'empty_batch' | 'not_json_rpc' | 'bad_id' | 'batch_above_cap';

export interface Malformed {
  readonly kind: 'malformed';
  readonly reason: MalformedReason;
  readonly sizeBytes: number;
}

/** A JSON-RPC batch (2025-03-26): the messages of one frame. */
export interface Batch {
  readonly kind: 'batch';
  readonly messages: readonly Message[];
  readonly sizeBytes: number;
}

export type Message = Request | Notification | Result | ErrorResponse | Malformed;

/** Members of `params` that observing needs. Absent members were absent or not of the type told here. */
export interface ParamFacts extends TraceCarrier {
  /** `params.name`: a tool or prompt. */
  readonly name?: string;
  /** `params.uri`: a resource. */
  readonly uri?: string;
  /** `params.taskId`. */
  readonly taskId?: string;
  /** `params._meta.progressToken` of a request, `params.progressToken` of notifications/progress. */
  readonly progressToken?: string | number;
  /** notifications/progress. */
  readonly progress?: number;
  readonly total?: number;
  /** notifications/cancelled. */
  readonly requestId?: Id;
  readonly reason?: string;
  /** notifications/message. */
  readonly level?: string;
  readonly logger?: string;
  /** initialize: `params.protocolVersion`; since 2026-07-28 `_meta["io.modelcontextprotocol/protocolVersion"]`. */
  readonly protocolVersion?: string;
  /** True when the version came from `_meta`: the mark of the modern era. */
  readonly modern?: boolean;
  readonly clientInfo?: Implementation;
  /** True when `params.inputResponses` is there: a retry of a multi round-trip call. */
  readonly hasInputResponses?: boolean;
  /** `params.task` is there: the requester wants a task for an answer (2025-11-25). */
  readonly wantsTask?: boolean;
  /** Opaque continuation token of a multi round-trip call. */
  readonly requestState?: string;
  /** `_meta["dev.sidelight/replayOfSpan"]`: the span of the recorded request that this one repeats, as a traceparent. */
  readonly replayOfSpan?: string;
  /** `_meta["io.modelcontextprotocol/subscriptionId"]` of a notification on a subscription. */
  readonly subscriptionId?: Id;
}

/** Members of `result` that observing needs. */
export interface ResultFacts {
  /** `isError` of a tool result: a failed call inside a successful response. */
  readonly isError?: boolean;
  /** Since 2026-07-28: `complete`, `input_required`, or an extension's value such as `task`. */
  readonly resultType?: string;
  readonly requestState?: string;
  readonly protocolVersion?: string;
  /** `result.serverInfo` of initialize; since 2026-07-28 `_meta["io.modelcontextprotocol/serverInfo"]` of any result. */
  readonly serverInfo?: Implementation;
}
