/**
 * The fleet's tables, as statements: for one node, or `ON CLUSTER` with replicated tables and a distributed one above each.
 * A row is written at least once and known by its key: the newest version of it is what is read (`FINAL`).
 */
import type { Remote } from '../config/remote.ts';
import { type Keeping, payloadTtl, ttlOf } from './keeping.ts';

/** A sidecar writes only to tables of its own version. */
export const FLEET_VERSION = 2;
/** Batches of so many inserts back are known again by their token. */
const DEDUPLICATED_INSERTS = 1000;

interface Table {
  readonly name: string;
  /** `ReplacingMergeTree` of the row's version, where nothing else is said. */
  readonly engine?: 'AggregatingMergeTree';
  readonly columns: readonly string[];
  /** Since schema 2, each reckoned from what schema 1 had. */
  readonly added?: readonly string[];
  readonly indexes?: readonly string[];
  readonly key: string;
  /** Of a row's own time, which never changes: a version of a row is never in another partition than the one before. */
  readonly time: string;
  readonly granularity?: number;
}

const KEY = ['org LowCardinality(String)', 'session_id String CODEC(ZSTD(1))'];
const time = (name: string): string => `${name} DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1))`;
const VERSION = 'version UInt64';
/** When it came, by the engine's own clock: what is told live is told in this order. */
const STORED_AT = "stored_at DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC') CODEC(Delta, ZSTD(1))";
const STORED = 'INDEX stored stored_at TYPE minmax GRANULARITY 1';
/** 53 bits of its key: a whole number of JavaScript that is the same whoever reckons it. */
const number = (key: string): string =>
  `number UInt64 DEFAULT bitAnd(sipHash64(${key}), 9007199254740991) CODEC(ZSTD(1))`;
const word = (name: string): string =>
  `${name} LowCardinality(String) DEFAULT JSONExtractString(row, '${name}')`;
const flag = (name: string): string => `${name} UInt8 DEFAULT JSONExtractUInt(row, '${name}')`;
const count = (name: string): string => `JSONExtractUInt(row, '${name}')`;
/** As `completenessOf` counts them. */
const MISSING = [
  ...['dropped_chunks', 'dropped_bytes', 'missed_exchanges'],
  ...['dropped_events', 'truncated_frames', 'elided_media'],
];
const PAYLOAD = 'payload String CODEC(ZSTD(3))';

/** A payload as texts are looked for in it; the index of them knows this expression and no other. */
export const SAID = 'lowerUTF8(if(base64 = 1, tryBase64Decode(payload), payload))';

/** `row` is the row of the local store as JSON: what is read back is all of it; other columns are what is asked for. */
export const TABLES: readonly Table[] = [
  {
    name: 'session',
    key: '(org, session_id)',
    time: 'started_at',
    columns: [
      ...KEY,
      time('started_at'),
      "ended_at Nullable(DateTime64(6, 'UTC'))",
      'host LowCardinality(String)',
      'server LowCardinality(String)',
      'client LowCardinality(String)',
      'protocol_version LowCardinality(String)',
      'end_cause LowCardinality(String)',
      'operations UInt64',
      'failed UInt64',
      'findings UInt64',
      'frames UInt64',
      'bytes UInt64',
      'row String CODEC(ZSTD(3))',
      VERSION,
      'INDEX session_failed failed TYPE minmax GRANULARITY 1',
    ],
    added: [
      STORED_AT,
      number('session_id'),
      ...['era', 'bodies'].map(word),
      ...['pinned', 'probe'].map(flag),
      "inferred UInt8 DEFAULT JSONExtractString(row, 'inferred') != ''",
      `missing UInt64 DEFAULT ${MISSING.map(count).join(' + ')}`,
      "replay_of String DEFAULT JSONExtractString(row, 'replay_of') CODEC(ZSTD(1))",
    ],
    indexes: [STORED],
  },
  {
    name: 'operation',
    key: '(org, session_id, operation_id)',
    time: 'started_at',
    columns: [
      ...KEY,
      'operation_id UInt64',
      time('started_at'),
      'duration_us UInt64',
      'server LowCardinality(String)',
      'method LowCardinality(String)',
      'target String CODEC(ZSTD(1))',
      'outcome LowCardinality(String)',
      'trace_id String CODEC(ZSTD(1))',
      'row String CODEC(ZSTD(3))',
      VERSION,
      'INDEX operation_trace trace_id TYPE bloom_filter(0.001) GRANULARITY 1',
    ],
    added: [
      STORED_AT,
      number('session_id, operation_id'),
      word('target_kind'),
      `bytes UInt64 DEFAULT ${count('request_bytes')} + ${count('result_bytes')}`,
      flag('stream'),
      ...['first_seq', 'last_seq'].map((name) => `${name} UInt64 DEFAULT ${count(name)} CODEC(ZSTD(1))`),
    ],
    indexes: [STORED, 'INDEX operation_number number TYPE bloom_filter GRANULARITY 1'],
  },
  {
    name: 'finding',
    key: '(org, session_id, number)',
    time: 'at',
    columns: [
      ...KEY,
      'number UInt64',
      time('at'),
      'rule LowCardinality(String)',
      'row String CODEC(ZSTD(3))',
      VERSION,
    ],
    added: [
      "operation_id Nullable(UInt64) DEFAULT JSONExtract(row, 'operation_id', 'Nullable(UInt64)')",
      `seq UInt64 DEFAULT ${count('seq')}`,
    ],
  },
  {
    // What of a session was given up before it came here.
    name: 'gap',
    key: '(org, session_id, gap_id)',
    time: 'at',
    columns: [
      ...KEY,
      'gap_id String CODEC(ZSTD(1))',
      time('at'),
      'reason LowCardinality(String)',
      'sessions UInt64',
      'frames UInt64',
      'operations UInt64',
      'findings UInt64',
      'payloads UInt64',
      'first_seq Nullable(UInt64)',
      'last_seq Nullable(UInt64)',
      VERSION,
    ],
  },
  {
    name: 'frame',
    key: '(org, session_id, seq)',
    time: 'at',
    // One session's frames are read at a time: with 8192 a granule would be many sessions.
    granularity: 256,
    columns: [
      ...KEY,
      'seq UInt64 CODEC(Delta, ZSTD(1))',
      time('at'),
      'channel LowCardinality(String)',
      'kind LowCardinality(String)',
      'method LowCardinality(String)',
      'facts String CODEC(ZSTD(3))',
      PAYLOAD,
      'base64 UInt8',
      VERSION,
    ],
    added: ["operation_id Nullable(UInt64) DEFAULT JSONExtract(facts, 'operationId', 'Nullable(UInt64)')"],
    // Of each 256 payloads it says which trigrams are in them: a text that is rare is found without a look at most.
    indexes: [`INDEX frame_text ${SAID} TYPE ngrambf_v1(3, 16384, 2, 0) GRANULARITY 1`],
  },
  {
    // When a session came first: its own row comes anew whenever it changes. The engine fills it.
    name: 'session_first',
    engine: 'AggregatingMergeTree',
    key: '(org, session_id)',
    time: 'started_at',
    columns: [
      ...KEY,
      time('started_at'),
      "first_at SimpleAggregateFunction(min, DateTime64(6, 'UTC'))",
      'INDEX first first_at TYPE minmax GRANULARITY 1',
    ],
  },
];

/**
 * What `store migrate` runs, in order; each may be run again. `found`: the schema that is there, 0 for none. What leads from one
 * to the next changes nothing where it was done already.
 */
export function fleetStatements(remote: Remote, keeping: Keeping, found: number): string[] {
  const { database, cluster } = remote;
  const on = cluster === undefined ? '' : ` ON CLUSTER ${cluster}`;
  const local = cluster === undefined ? '' : '_local';
  const versions = cluster === undefined ? 'ReplacingMergeTree' : 'ReplicatedReplacingMergeTree';
  return [
    `CREATE DATABASE IF NOT EXISTS ${database}${on}`,
    ...TABLES.flatMap((table) => tableStatements(table, remote, keeping)),
    ...(found === 1 ? TABLES.flatMap((table) => addedStatements(table, remote)) : []),
    `CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.session_arrives${on} TO ${database}.session_first${local} AS ` +
      `${FIRST_ROWS} ${database}.session${local}`,
    ...(found === 1 ? [`INSERT INTO ${database}.session_first ${FIRST_ROWS} ${database}.session`] : []),
    `CREATE TABLE IF NOT EXISTS ${database}.schema_version${on} (version UInt32, applied_at DateTime) ` +
      `ENGINE = ${versions} ORDER BY version`,
    `INSERT INTO ${database}.schema_version SELECT ${FLEET_VERSION}, now()`,
  ];
}

const FIRST_ROWS = 'SELECT org, session_id, started_at, stored_at AS first_at FROM';

function tableStatements(table: Table, { database, cluster }: Remote, keeping: Keeping): string[] {
  const { name, columns, added = [], indexes = [], key, time: at, granularity } = table;
  const on = cluster === undefined ? '' : ` ON CLUSTER ${cluster}`;
  const local = cluster === undefined ? '' : '_local';
  const ttl = ttlOf(at, keeping);
  const settings = [
    ...(keeping.cold === undefined ? [] : [`storage_policy = '${keeping.cold.policy}'`]),
    ...(granularity === undefined ? [] : [`index_granularity = ${granularity}`]),
    `${cluster === undefined ? 'non_' : ''}replicated_deduplication_window = ${DEDUPLICATED_INSERTS}`,
  ];
  const all = [...columns, ...added, ...indexes].map((column) =>
    column === PAYLOAD ? column + payloadTtl(at, keeping) : column,
  );
  return [
    `CREATE TABLE IF NOT EXISTS ${database}.${name}${local}${on} (${all.join(', ')}) ENGINE = ${engineOf(table, database, cluster)} ` +
      [
        `PARTITION BY toDate(${at})`,
        `ORDER BY ${key}`,
        ...(ttl === undefined ? [] : [`TTL ${ttl}`]),
        `SETTINGS ${settings.join(', ')}`,
      ].join(' '),
    ...(cluster === undefined
      ? []
      : [
          `CREATE TABLE IF NOT EXISTS ${database}.${name}${on} AS ${database}.${name}${local} ` +
            `ENGINE = Distributed(${cluster}, ${database}, ${name}${local}, cityHash64(session_id))`,
        ]),
  ];
}

function engineOf({ name, engine }: Table, database: string, cluster?: string): string {
  const kind = engine ?? 'ReplacingMergeTree';
  const version = engine === undefined ? ['version'] : [];
  if (cluster === undefined) return `${kind}(${version.join('')})`;
  const place = [`'/clickhouse/tables/{shard}/${database}/${name}'`, "'{replica}'"];
  return `Replicated${kind}(${[...place, ...version].join(', ')})`;
}

/** From schema 1 to 2. What was there counts as stored now: who follows live saw it already. */
function addedStatements({ name, added = [], indexes = [] }: Table, { database, cluster }: Remote): string[] {
  const on = cluster === undefined ? '' : ` ON CLUSTER ${cluster}`;
  const tables = cluster === undefined ? [name] : [`${name}_local`, name];
  const [first = name] = tables;
  return [
    ...tables.flatMap((table) =>
      added.map((column) => `ALTER TABLE ${database}.${table}${on} ADD COLUMN IF NOT EXISTS ${column}`),
    ),
    ...indexes.map(
      (index) => `ALTER TABLE ${database}.${first}${on} ADD ${index.replace('INDEX', 'INDEX IF NOT EXISTS')}`,
    ),
    ...(added.includes(STORED_AT)
      ? [`ALTER TABLE ${database}.${first}${on} MATERIALIZE COLUMN stored_at SETTINGS mutations_sync = 2`]
      : []),
  ];
}

/** The same for tables that are there already: what is not said is not changed. */
export function retentionStatements({ database, cluster }: Remote, keeping: Keeping): string[] {
  const on = cluster === undefined ? '' : ` ON CLUSTER ${cluster}`;
  const local = cluster === undefined ? '' : '_local';
  return TABLES.flatMap(({ name, time: at, columns }) => {
    const alter = `ALTER TABLE ${database}.${name}${local}${on}`;
    const ttl = ttlOf(at, keeping);
    const hasPayload = columns.includes(PAYLOAD) && keeping.payloadDays !== undefined;
    return [
      ...(keeping.cold === undefined
        ? []
        : [`${alter} MODIFY SETTING storage_policy = '${keeping.cold.policy}'`]),
      ...(hasPayload ? [`${alter} MODIFY COLUMN ${PAYLOAD}${payloadTtl(at, keeping)}`] : []),
      ...(ttl === undefined ? [] : [`${alter} MODIFY TTL ${ttl}`]),
    ];
  });
}
