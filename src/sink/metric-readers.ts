/** For each metric of the catalogue, how to read it out of what was counted. It counts nothing itself. */
import type { PruneReason } from '../store/retention.ts';
import { LOST_REASONS, SHIPPED_KINDS } from '../store/shipment.ts';
import type { BucketCounts } from '../self/buckets.ts';
import type { Stats } from '../self/stats.ts';
import type { Durations } from './metric-durations.ts';
import type { HistogramSample, Readers } from './metric-exposition.ts';
import type { HttpCells } from './metric-http.ts';
import type { LabelValues } from './metric-labels.ts';
import type { OperationCell, OperationCells } from './metric-operations.ts';
import type { Initiator, Session, Sessions, Totals } from './metric-sessions.ts';
import type { ProcessUsage } from './process-usage.ts';

export interface Counted {
  readonly operations: OperationCells;
  readonly sessions: Sessions;
  readonly http: HttpCells;
  readonly labels: LabelValues;
  readonly stats: Stats;
  readonly nowUs: () => number;
  /** Of the servers' processes, by pid; those that could not be read are not in it. */
  readonly usage: () => ReadonlyMap<number, ProcessUsage>;
  readonly relayDelay: (() => BucketCounts) | undefined;
  readonly storeBytes: (() => number | undefined) | undefined;
  readonly connections: (() => number) | undefined;
  readonly version: string;
}

const DIRECTIONS: readonly Initiator[] = ['client_to_server', 'server_to_client'];
const STATES = ['created', 'exported'];
const PRUNE_REASONS: readonly PruneReason[] = ['age', 'failed_age', 'size', 'sessions'];
const SPAN_STATES = ['created', 'unsampled', 'sampled_out', 'exported'];
/** Of English text and JSON, with the tokenizers of current models: good for comparing, not for billing. */
const BYTES_PER_TOKEN = 4;

export function readersOf(counted: Counted): Readers {
  return {
    ...operationReaders(counted),
    ...sessionReaders(counted),
    ...httpReaders(counted),
    ...selfReaders(counted),
  };
}

function operationReaders({ operations }: Counted) {
  const durations = (initiator: Initiator) => () =>
    operations.all().flatMap((cell) => {
      const ofInitiator = cell.initiator === initiator ? cell.durations : undefined;
      return ofInitiator === undefined ? [] : [histogram(cell.labels, ofInitiator)];
    });
  const byTool = (valueOf: (cell: OperationCell) => number) => () =>
    operations.all().map((cell) => {
      const { server, mcp_method_name, gen_ai_tool_name } = cell.labels;
      return { labels: { server, mcp_method_name, gen_ai_tool_name }, value: valueOf(cell) };
    });
  return {
    mcp_server_operation_duration_seconds: durations('client_to_server'),
    mcp_client_operation_duration_seconds: durations('server_to_client'),
    sidelight_operations_total: () =>
      operations.all().flatMap(({ initiator, outcomes, labels }) => {
        const { server, mcp_method_name, gen_ai_tool_name } = labels;
        return [...outcomes].map(([outcome, value]) => ({
          labels: { server, initiator, mcp_method_name, gen_ai_tool_name, outcome },
          value,
        }));
      }),
    sidelight_operation_round_trips_total: byTool((cell) => cell.roundTrips),
    sidelight_operation_input_required_total: () =>
      operations.all().flatMap(({ labels, inputRequired }) => {
        const { server, mcp_method_name, gen_ai_tool_name } = labels;
        return [...inputRequired].map(([input, value]) => ({
          labels: { server, mcp_method_name, gen_ai_tool_name, input },
          value,
        }));
      }),
    sidelight_operation_input_wait_seconds: () =>
      operations.all().flatMap(({ labels, inputWaits }) => {
        const { server, mcp_method_name, gen_ai_tool_name } = labels;
        return inputWaits === undefined
          ? []
          : [{ labels: { server, mcp_method_name, gen_ai_tool_name }, buckets: inputWaits }];
      }),
    sidelight_task_polls_total: byTool((cell) => cell.taskPolls),
    sidelight_tool_result_bytes_total: () =>
      operations
        .all()
        .flatMap(({ labels: { server, gen_ai_tool_name }, resultBytes }) =>
          gen_ai_tool_name === '' ? [] : [{ labels: { server, gen_ai_tool_name }, value: resultBytes }],
        ),
  } satisfies Partial<Readers>;
}

function sessionReaders({ sessions, usage, nowUs }: Counted) {
  const messages = (what: 'count' | 'bytes') => () =>
    [...sessions.totals()].flatMap(([server, totals]) =>
      DIRECTIONS.flatMap((direction) =>
        Object.entries(totals.messages[direction]).map(([kind, tally]) => ({
          labels: { server, direction, kind },
          value: tally[what],
        })),
      ),
    );
  const inFlight = () =>
    DIRECTIONS.flatMap((initiator) =>
      byServer(({ inFlight: starts }) => starts[initiator].size)().map(({ labels, value }) => ({
        labels: { ...labels, initiator },
        value,
      })),
    );
  /** Of several sessions of a server the oldest. */
  const oldestAge = () => {
    const oldest = new Map<string, { labels: { server: string; initiator: Initiator }; value: number }>();
    for (const { server, inFlight: starts } of sessions.active()) {
      for (const initiator of DIRECTIONS) {
        const [startUs = Infinity] = starts[initiator].values();
        const value = Math.max(0, nowUs() - startUs) / 1e6;
        const key = `${server}\0${initiator}`;
        if (value >= (oldest.get(key)?.value ?? 0)) oldest.set(key, { labels: { server, initiator }, value });
      }
    }
    return oldest.values();
  };
  const byServer = (valueOf: (session: Session) => number) => () => {
    const sums = new Map<string, number>();
    for (const session of sessions.active())
      sums.set(session.server, (sums.get(session.server) ?? 0) + valueOf(session));
    return [...sums].map(([server, value]) => ({ labels: { server }, value }));
  };
  const total = (valueOf: (totals: Totals) => number) => () =>
    [...sessions.totals()].map(([server, totals]) => ({ labels: { server }, value: valueOf(totals) }));
  const used = (what: keyof ProcessUsage) => () =>
    sessions.active().flatMap(({ server, pid }) => {
      const value = pid === undefined ? undefined : usage().get(pid)?.[what];
      return value === undefined ? [] : [{ labels: { server }, value }];
    });
  const toolsList = (bytesPerUnit: number) => () =>
    [...sessions.totals()].flatMap(([server, { toolsListBytes: bytes }]) =>
      bytes === undefined ? [] : [{ labels: { server }, value: Math.ceil(bytes / bytesPerUnit) }],
    );
  /** A server that is gone stays at 0. */
  const current = (valueOf: (session: Session) => number) => () => [
    ...total(() => 0)(),
    ...byServer(valueOf)(),
  ];
  return {
    mcp_server_session_duration_seconds: () =>
      sessions.durations().map(({ labels, durations }) => histogram(labels, durations)),
    sidelight_operations_in_flight: inFlight,
    sidelight_oldest_operation_age_seconds: oldestAge,
    sidelight_operations_waiting_for_input: byServer((session) => session.waiting.size),
    sidelight_streams_open: byServer((session) => session.streams.size),
    sidelight_messages_total: messages('count'),
    sidelight_message_bytes_total: messages('bytes'),
    sidelight_findings_total: () =>
      [...sessions.totals()].flatMap(([server, { findings }]) =>
        [...findings].map(([rule, value]) => ({ labels: { server, rule }, value })),
      ),
    sidelight_tools_list_bytes: toolsList(1),
    sidelight_tools_list_estimated_tokens: toolsList(BYTES_PER_TOKEN),
    sidelight_sessions_active: current(() => 1),
    sidelight_client_info: () =>
      sessions.active().flatMap(({ server, client }) => {
        if (client === undefined) return [];
        const { name, version, protocolVersion } = client;
        const labels = { client_name: name, client_version: version, mcp_protocol_version: protocolVersion };
        return [{ labels: { server, ...labels }, value: 1 }];
      }),
    sidelight_server_up: current(({ pid }) => (pid === undefined ? 0 : 1)),
    sidelight_server_starts_total: total(({ starts }) => starts),
    sidelight_server_exits_total: () =>
      [...sessions.totals()].flatMap(([server, { exits }]) =>
        [...exits].map(([cause, value]) => ({ labels: { server, cause }, value })),
      ),
    sidelight_server_cpu_seconds_total: used('cpuSeconds'),
    sidelight_server_resident_memory_bytes: used('residentBytes'),
    sidelight_server_open_fds: used('openFds'),
  } satisfies Partial<Readers>;
}

function httpReaders({ http, connections }: Counted) {
  return {
    sidelight_stream_duration_seconds: () => http.streams(),
    sidelight_http_exchanges_total: function* () {
      for (const { labels, count } of http.exchanges()) yield { labels, value: count };
    },
    sidelight_http_connections_open: () =>
      connections === undefined ? [] : [{ labels: {}, value: connections() }],
  } satisfies Partial<Readers>;
}

function selfReaders({ stats, labels, relayDelay, storeBytes, version }: Counted) {
  const plain = (name: string) => () => [{ labels: {}, value: stats.counts().get(name) ?? 0 }];
  // Where nobody knows, nothing waits: there is no fleet, or it was not looked at yet.
  const known = (name: string) => () => [{ labels: {}, value: stats.gaugeOf(name) ?? 0 }];
  const drops = (what: 'count' | 'bytes') => () =>
    stats.drops().map((drop) => ({
      labels: { stage: drop.stage, reason: drop.reason },
      value: drop[what],
    }));
  const queues = (what: 'depth' | 'capacity') => () =>
    stats.queues().map((queue) => ({ labels: { queue: queue.name }, value: queue[what] }));
  const inStates = (what: string, states: readonly string[]) => () =>
    states.map((state) => ({ labels: { state }, value: stats.counts().get(`${what}_${state}`) ?? 0 }));
  return {
    sidelight_relay_delay_seconds: () =>
      relayDelay === undefined ? [] : [{ labels: {}, buckets: relayDelay() }],
    sidelight_queue_depth: queues('depth'),
    sidelight_queue_capacity: queues('capacity'),
    sidelight_dropped_total: drops('count'),
    sidelight_dropped_bytes_total: drops('bytes'),
    sidelight_sink_write_seconds: () =>
      [...stats.times()].map(([sink, buckets]) => ({ labels: { sink }, buckets })),
    sidelight_failures_total: () =>
      stats.failures().map(({ part, reason, count }) => ({ labels: { part, reason }, value: count })),
    sidelight_spans_total: inStates('spans', SPAN_STATES),
    sidelight_metric_points_total: inStates('metric_points', STATES),
    sidelight_log_records_total: inStates('log_records', STATES),
    sidelight_label_overflow_total: () =>
      [...labels.overflow()].map(([label, value]) => ({ labels: { label }, value })),
    sidelight_store_size_bytes: () => {
      const value = storeBytes?.();
      return value === undefined ? [] : [{ labels: {}, value }];
    },
    sidelight_store_pruned_sessions_total: () =>
      PRUNE_REASONS.map((reason) => ({
        labels: { reason },
        value: stats.counts().get(`store_pruned_${reason}`) ?? 0,
      })),
    sidelight_store_packed_sessions_total: plain('store_packed'),
    sidelight_fleet_lag_seconds: known('fleet_lag_seconds'),
    sidelight_fleet_waiting_sessions: known('fleet_waiting_sessions'),
    sidelight_fleet_waiting_frames: known('fleet_waiting_frames'),
    sidelight_fleet_waiting_bytes: known('fleet_waiting_bytes'),
    sidelight_fleet_dead_letters: known('fleet_dead_letters'),
    sidelight_fleet_batches_total: plain('fleet_batches'),
    sidelight_fleet_rows_total: () =>
      SHIPPED_KINDS.map((kind) => ({
        labels: { kind },
        value: stats.counts().get(`fleet_rows_${kind}`) ?? 0,
      })),
    sidelight_fleet_bytes_total: plain('fleet_bytes'),
    sidelight_fleet_lost_total: () =>
      SHIPPED_KINDS.flatMap((kind) =>
        LOST_REASONS.map((reason) => ({
          labels: { kind, reason },
          value: stats.counts().get(`fleet_lost_${kind}_${reason}`) ?? 0,
        })),
      ),
    sidelight_build_info: () => [{ labels: { version, node_version: process.version }, value: 1 }],
  } satisfies Partial<Readers>;
}

function histogram<L extends string>(
  labels: Readonly<Record<L, string>>,
  { buckets, exemplars }: Durations,
): HistogramSample<L> {
  return { labels, buckets, exemplars };
}
