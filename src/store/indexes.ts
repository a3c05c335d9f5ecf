/**
 * Indexes that filters are answered by, part of schema 2. Each is a cost of every write: what is written in the order of
 * time is cheap, and what is not the usual has an index of its own, so that the usual pays for none.
 */

/** From here on an operation is slow, and large: filters above are answered without a look at the others. */
export const SLOW_US = 100_000;
export const LARGE_BYTES = 65_536;

export const FILTER_INDEXES: readonly string[] = [
  'CREATE INDEX session_by_server ON session (server COLLATE NOCASE, started_at)',
  'CREATE INDEX session_by_client ON session (client_name COLLATE NOCASE, started_at)',
  'CREATE INDEX session_open ON session (number) WHERE ended_at IS NULL',
  'CREATE INDEX operation_by_start ON operation (started_at)',
  'CREATE INDEX operation_by_method ON operation (method COLLATE NOCASE, started_at)',
  "CREATE INDEX operation_by_tool ON operation (target COLLATE NOCASE, started_at) WHERE target_kind = 'tool'",
  "CREATE INDEX operation_not_ok ON operation (started_at) WHERE outcome <> 'ok'",
  `CREATE INDEX operation_slow ON operation (started_at) WHERE ended_at - started_at >= ${SLOW_US}`,
  `CREATE INDEX operation_large ON operation (started_at) WHERE request_bytes + result_bytes >= ${LARGE_BYTES}`,
  // Trace ids are random: an index by them alone would write a page for each operation, five times the cost of the row. Sixteen
  // runs, each in the order of time, are read through to the end of one, which holds nothing but these three.
  'CREATE INDEX operation_by_trace ON operation (substr(trace_id, 1, 1), number, trace_id)',
  'CREATE INDEX finding_by_rule ON finding (rule, session_id, operation_id)',
  'CREATE INDEX finding_by_operation ON finding (session_id, operation_id, rule)',
];
