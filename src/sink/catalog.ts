/**
 * Every metric there is: name, type, labels, meaning and where its numbers come from. Docs, dashboards and alerts may
 * use only what stands here, and the metric sink does not compile while a row has no source.
 */
import { TOOK_BOUNDS_SECONDS } from '../self/stats.ts';

/** Where the numbers come from; `process` is the server's /proc entry, which only Linux has. */
type Source = 'events' | 'self' | 'process' | 'relay';

export interface MetricRow {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** Plain words, without quotes or backslashes. */
  readonly help: string;
  /** As the name says it, in base units; empty for a plain number. */
  readonly unit: string;
  readonly labels: readonly string[];
  readonly source: Source;
  /** Upper bounds of a histogram. */
  readonly buckets?: readonly number[];
}

/** Of the OpenTelemetry semantic conventions for MCP. */
const DURATION_BUCKETS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300] as const;

/** In seconds, what the relay's thread counts in microseconds. */
export const RELAY_BUCKETS = [
  0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1,
] as const;

/** From what a model says at once to what a person decides after lunch. */
export const WAIT_BUCKETS = [0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 3600] as const;

/** Streams are open from the length of a call to that of a working day. */
export const STREAM_BUCKETS = [0.1, 1, 10, 60, 300, 900, 1800, 3600, 14_400, 43_200] as const;

const OPERATION_LABELS = [
  'server',
  'mcp_method_name',
  'gen_ai_tool_name',
  'gen_ai_prompt_name',
  'error_type',
  'rpc_response_status_code',
  'mcp_protocol_version',
  'network_transport',
] as const;

export const CATALOG = [
  histogram(
    'mcp_server_operation_duration_seconds',
    'events',
    OPERATION_LABELS,
    DURATION_BUCKETS,
    'Time from a request of the client to its answer by the server. Streams are not in it.',
  ),
  histogram(
    'mcp_client_operation_duration_seconds',
    'events',
    OPERATION_LABELS,
    DURATION_BUCKETS,
    'Time from a request of the server (sampling, elicitation, roots) to its answer by the client.',
  ),
  histogram(
    'mcp_server_session_duration_seconds',
    'events',
    ['server', 'error_type', 'mcp_protocol_version', 'network_transport'],
    DURATION_BUCKETS,
    'How long sessions lasted. Probes, which only ask for the server’s versions, are not in it.',
  ),

  counter(
    'sidelight_operations_total',
    'events',
    ['server', 'initiator', 'mcp_method_name', 'gen_ai_tool_name', 'outcome'],
    "Finished operations by outcome: ok, tool_error, protocol_error, cancelled, timeout, input_required, abandoned (no answer until the session or the HTTP response ended), server_crashed, http_error (an HTTP rejection without a JSON-RPC answer), disconnected (the server's connection broke), or unknown (the answer may be among lost copies).",
  ),
  counter(
    'sidelight_operation_round_trips_total',
    'events',
    ['server', 'mcp_method_name', 'gen_ai_tool_name'],
    'Requests that finished operations took. Divided by the operations: round trips per operation.',
  ),
  counter(
    'sidelight_operation_input_required_total',
    'events',
    ['server', 'mcp_method_name', 'gen_ai_tool_name', 'input'],
    'Answers that asked the client for input instead of giving a result, by what they asked for: a method such as elicitation/create, or none for those that only gave a state.',
  ),
  histogram(
    'sidelight_operation_input_wait_seconds',
    'events',
    ['server', 'mcp_method_name', 'gen_ai_tool_name'],
    WAIT_BUCKETS,
    'Of operations that asked for input: how long it took to come, over all their round trips. It is part of their duration.',
  ),
  gauge(
    'sidelight_operations_waiting_for_input',
    'events',
    ['server'],
    'Operations that asked for input which has not come.',
  ),
  counter(
    'sidelight_task_polls_total',
    'events',
    ['server', 'mcp_method_name', 'gen_ai_tool_name'],
    'Requests about tasks (tasks/get, result, update, cancel) of finished operations, which count them as their own.',
  ),
  gauge(
    'sidelight_operations_in_flight',
    'events',
    ['server', 'initiator'],
    'Requests without an answer. Streams are not in it.',
  ),
  gauge(
    'sidelight_oldest_operation_age_seconds',
    'events',
    ['server', 'initiator'],
    'Age of the oldest request without an answer, 0 when there is none. Streams are not in it.',
  ),
  gauge(
    'sidelight_streams_open',
    'events',
    ['server'],
    'Long-lived streams that are open: subscriptions/listen, and GET over HTTP. Answers that come as events are none.',
  ),
  histogram(
    'sidelight_stream_duration_seconds',
    'events',
    ['server', 'stream'],
    STREAM_BUCKETS,
    'How long such streams were open (subscriptions/listen or GET). Their open time is no latency.',
  ),

  counter(
    'sidelight_http_exchanges_total',
    'events',
    ['server', 'http_request_method', 'http_response_status_code', 'end', 'failure'],
    'HTTP requests with their responses, by how they ended: complete, client_gone, server_gone, stopped, or unknown. With a failure (refused, timeout and the like) the response was Sidelight’s.',
  ),
  gauge('sidelight_http_connections_open', 'relay', [], 'Open connections of clients.'),

  counter(
    'sidelight_messages_total',
    'events',
    ['server', 'direction', 'kind'],
    'JSON-RPC messages seen: request, notification, result, error or malformed.',
  ),
  counter(
    'sidelight_message_bytes_total',
    'events',
    ['server', 'direction', 'kind'],
    'Bytes of these messages, without their framing.',
  ),
  counter(
    'sidelight_findings_total',
    'events',
    ['server', 'rule'],
    'Things off the happy path, by rule; a result that came after its request was cancelled is late_result.',
  ),

  gauge(
    'sidelight_tools_list_bytes',
    'events',
    ['server'],
    'Bytes of the latest tools/list result (one page of it, where the server pages).',
  ),
  gauge(
    'sidelight_tools_list_estimated_tokens',
    'events',
    ['server'],
    'What that list costs a model’s context, estimated as a token for each four bytes.',
  ),
  counter(
    'sidelight_tool_result_bytes_total',
    'events',
    ['server', 'gen_ai_tool_name'],
    'Bytes of the answers to tools/call, which go into a model’s context.',
  ),

  gauge('sidelight_sessions_active', 'events', ['server'], 'Sessions that have not ended.'),
  gauge(
    'sidelight_client_info',
    'events',
    ['server', 'client_name', 'client_version', 'mcp_protocol_version'],
    'Active sessions by what the client said it is.',
  ),
  gauge(
    'sidelight_server_up',
    'events',
    ['server'],
    'Running processes of the server: 1, or 0 when it is down.',
  ),
  counter('sidelight_server_starts_total', 'events', ['server'], 'Started server processes.'),
  counter(
    'sidelight_server_exits_total',
    'events',
    ['server', 'cause'],
    'Ended server processes: normal (by itself with 0, or after its client had gone), exit_code or signal.',
  ),
  counter(
    'sidelight_server_cpu_seconds_total',
    'process',
    ['server'],
    'CPU time of the running server process, without its children.',
  ),
  gauge(
    'sidelight_server_resident_memory_bytes',
    'process',
    ['server'],
    'Resident memory of the running server process, without its children.',
  ),
  gauge(
    'sidelight_server_open_fds',
    'process',
    ['server'],
    'Open file descriptors of the running server process.',
  ),

  histogram(
    'sidelight_relay_delay_seconds',
    'relay',
    [],
    RELAY_BUCKETS,
    'From having a chunk of traffic to having handed it on: what Sidelight adds.',
  ),
  gauge('sidelight_queue_depth', 'self', ['queue'], 'What waits: bytes in capture, events elsewhere.'),
  gauge('sidelight_queue_capacity', 'self', ['queue'], 'What may wait at most, in the same unit.'),
  counter(
    'sidelight_dropped_total',
    'self',
    ['stage', 'reason'],
    'Copies and events lost on the way to an output. Traffic is never lost.',
  ),
  counter(
    'sidelight_dropped_bytes_total',
    'self',
    ['stage', 'reason'],
    'Bytes of what was lost, where they are known.',
  ),
  histogram(
    'sidelight_sink_write_seconds',
    'self',
    ['sink'],
    TOOK_BOUNDS_SECONDS,
    'How long one batch took an output; for store: how long one transaction took.',
  ),
  counter(
    'sidelight_failures_total',
    'self',
    ['part', 'reason'],
    'Failed attempts: exports of traces, metrics and logs, writes of store and logs.',
  ),
  counter(
    'sidelight_spans_total',
    'self',
    ['state'],
    'Spans created; of them unsampled by the caller’s wish, sampled_out by otlp.sampleRatio, and exported.',
  ),
  counter(
    'sidelight_metric_points_total',
    'self',
    ['state'],
    'Data points of metrics created for OTLP; of them exported.',
  ),
  counter(
    'sidelight_log_records_total',
    'self',
    ['state'],
    'Log records created for OTLP; of them exported.',
  ),
  counter(
    'sidelight_label_overflow_total',
    'self',
    ['label'],
    'How often a value from the wire did not become a label and was counted under _other.',
  ),
  gauge('sidelight_store_size_bytes', 'self', [], 'Of the recording of this machine: its file and its log.'),
  counter(
    'sidelight_store_pruned_sessions_total',
    'self',
    ['reason'],
    'Recorded sessions that this process deleted, by the rule of retention that asked for it.',
  ),
  counter(
    'sidelight_store_packed_sessions_total',
    'self',
    [],
    'Recorded sessions that this process packed after their end.',
  ),
  gauge(
    'sidelight_fleet_lag_seconds',
    'self',
    [],
    "Age of the oldest row of this machine that is not in the fleet's store, 0 when all are.",
  ),
  gauge(
    'sidelight_fleet_waiting_sessions',
    'self',
    [],
    "Sessions of this machine of which something waits for the fleet's store.",
  ),
  gauge('sidelight_fleet_waiting_frames', 'self', [], 'Frames of them that wait.'),
  gauge(
    'sidelight_fleet_waiting_bytes',
    'self',
    [],
    'About so many bytes wait: payloads as the recording has them, and rows. ship.maxSpoolSize is the bound.',
  ),
  gauge(
    'sidelight_fleet_dead_letters',
    'self',
    [],
    "Rows of this machine that the fleet's store did not take, in the table dead_letter of the recording.",
  ),
  counter(
    'sidelight_fleet_batches_total',
    'self',
    [],
    "Batches that this process brought to the fleet's store.",
  ),
  counter(
    'sidelight_fleet_rows_total',
    'self',
    ['kind'],
    "What this process brought to the fleet's store, each counted once: sessions, frames, operations, findings, and payloads of frames.",
  ),
  counter(
    'sidelight_fleet_bytes_total',
    'self',
    [],
    'Bytes of the payloads that it brought there, without compression.',
  ),
  counter(
    'sidelight_fleet_lost_total',
    'self',
    ['kind', 'reason'],
    "What will never be in the fleet's store: above ship.maxSpoolSize (spool_size) or ship.maxSpoolAge (spool_age), deleted before it was brought there, or rejected (a dead letter).",
  ),
  gauge('sidelight_build_info', 'self', ['version', 'node_version'], 'Always 1.'),
] as const satisfies readonly MetricRow[];

export type Metric = (typeof CATALOG)[number];

/** The bounds that the duration histograms share. */
export const OPERATION_BUCKETS: readonly number[] = DURATION_BUCKETS;

function counter<const N extends string, const L extends readonly string[]>(
  name: N,
  source: Source,
  labels: L,
  help: string,
) {
  return { name, type: 'counter', unit: unitOf(name), labels, source, help } as const;
}

function gauge<const N extends string, const L extends readonly string[]>(
  name: N,
  source: Source,
  labels: L,
  help: string,
) {
  return { name, type: 'gauge', unit: unitOf(name), labels, source, help } as const;
}

function histogram<const N extends string, const L extends readonly string[]>(
  name: N,
  source: Source,
  labels: L,
  buckets: readonly number[],
  help: string,
) {
  return { name, type: 'histogram', unit: unitOf(name), labels, source, help, buckets } as const;
}

function unitOf(name: string): string {
  return /_(seconds|bytes)(?:_total)?$/.exec(name)?.[1] ?? '';
}
