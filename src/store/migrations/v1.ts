/**
 * Schema 1. Blocks hold the frames, which are the truth; session, operation and finding are projections of the events
 * for listing and searching. The view `frame` unfolds blocks, so that any SQLite shell can read a recording.
 */

/** Words behind the numbers in a block's index, in order. Never reordered: recordings hold the numbers. */
export const CHANNELS = ['client_to_server', 'server_to_client', 'stderr'] as const;
export const KINDS = [
  'request',
  'notification',
  'result',
  'error',
  'batch',
  'malformed',
  'blank',
  'unterminated',
  'stderr',
  'gap',
  'lifecycle',
  'http',
  'body',
] as const;
export const ENDINGS = ['', '\n', '\r\n'] as const;

const word = (words: readonly string[], position: number): string =>
  `'${JSON.stringify(words)}' ->> CAST(entry.value ->> ${position} AS INTEGER)`;

export const V1 = `
CREATE TABLE session (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  started_at INTEGER NOT NULL,
  ended_at INTEGER,
  transport TEXT NOT NULL,
  server TEXT NOT NULL,
  configured_name TEXT,
  server_name TEXT,
  server_version TEXT,
  client_name TEXT,
  client_version TEXT,
  protocol_version TEXT,
  era TEXT,
  client_capabilities TEXT NOT NULL,
  server_capabilities TEXT NOT NULL,
  command TEXT NOT NULL,
  cwd TEXT NOT NULL,
  env_names TEXT NOT NULL,
  pid INTEGER NOT NULL,
  process_mark TEXT,
  hostname TEXT NOT NULL,
  sidelight_version TEXT NOT NULL,
  event_version INTEGER NOT NULL,
  record TEXT NOT NULL,
  end_cause TEXT,
  exit_code INTEGER,
  exit_signal TEXT,
  last_stderr TEXT NOT NULL,
  target TEXT,
  client_address TEXT,
  session_id_hash TEXT,
  inferred TEXT,
  probe INTEGER NOT NULL,
  frames INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  operations INTEGER NOT NULL,
  failed INTEGER NOT NULL,
  findings INTEGER NOT NULL,
  dropped_chunks INTEGER NOT NULL,
  dropped_bytes INTEGER NOT NULL,
  dropped_events INTEGER NOT NULL,
  missed_exchanges INTEGER NOT NULL,
  truncated_frames INTEGER NOT NULL,
  redactions INTEGER NOT NULL
);
CREATE INDEX session_by_start ON session (started_at);
CREATE INDEX session_failed ON session (started_at)
  WHERE failed > 0 OR end_cause IN ('server_crashed', 'start_failed');

CREATE TABLE block (
  number INTEGER PRIMARY KEY,
  session_id TEXT NOT NULL,
  first_seq INTEGER NOT NULL,
  last_seq INTEGER NOT NULL,
  count INTEGER NOT NULL,
  first_at INTEGER NOT NULL,
  last_at INTEGER NOT NULL,
  entries TEXT NOT NULL,
  data BLOB NOT NULL
);
CREATE UNIQUE INDEX block_by_session ON block (session_id, first_seq);

CREATE TABLE operation (
  number INTEGER PRIMARY KEY,
  session INTEGER NOT NULL, -- session.number
  operation_id INTEGER NOT NULL,
  initiator TEXT NOT NULL,
  method TEXT NOT NULL,
  target_kind TEXT,
  target TEXT,
  request_id TEXT,
  started_at INTEGER NOT NULL,
  ended_at INTEGER NOT NULL,
  outcome TEXT NOT NULL,
  trace_id TEXT NOT NULL,
  span_id TEXT NOT NULL,
  request_bytes INTEGER NOT NULL,
  result_bytes INTEGER NOT NULL,
  first_seq INTEGER NOT NULL,
  last_seq INTEGER NOT NULL,
  progress INTEGER NOT NULL DEFAULT 0,
  stream INTEGER NOT NULL DEFAULT 0,
  parent_operation_id INTEGER,
  error_code INTEGER,
  error_type TEXT,
  error_message TEXT,
  legs TEXT,
  task TEXT,
  subscription TEXT,
  http TEXT
);
CREATE INDEX operation_by_session ON operation (session, operation_id);

CREATE TABLE finding (
  number INTEGER PRIMARY KEY,
  session_id TEXT NOT NULL,
  at INTEGER NOT NULL,
  rule TEXT NOT NULL,
  channel TEXT NOT NULL,
  seq INTEGER NOT NULL,
  operation_id INTEGER,
  detail TEXT NOT NULL
);
CREATE INDEX finding_by_session ON finding (session_id, seq);

CREATE TABLE tool_definition (
  server TEXT NOT NULL,
  tool TEXT NOT NULL,
  hash TEXT NOT NULL,
  definition TEXT NOT NULL,
  first_seen INTEGER NOT NULL,
  last_seen INTEGER NOT NULL,
  trusted INTEGER NOT NULL,
  PRIMARY KEY (server, tool, hash)
) WITHOUT ROWID;

CREATE VIEW frame AS
SELECT
  block.session_id AS session_id,
  entry.value ->> 0 AS seq,
  block.first_at + (entry.value ->> 1) AS at,
  ${word(CHANNELS, 2)} AS channel,
  ${word(KINDS, 3)} AS kind,
  substr(block.data, 1 + (entry.value ->> 4), entry.value ->> 5) AS bytes,
  entry.value ->> 6 AS size,
  ${word(ENDINGS, 7)} AS ending,
  entry.value ->> 8 AS method,
  entry.value ->> 9 AS operation_id,
  coalesce(entry.value ->> 10, 0) AS truncated,
  coalesce(entry.value ->> 11, 0) AS redactions,
  entry.value ->> 12 AS sha256,
  entry.value ->> 13 AS exchange,
  entry.value ->> 14 AS event_id
FROM block, json_each(block.entries) AS entry;
`;
