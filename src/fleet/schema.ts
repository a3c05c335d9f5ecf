/**
 * The fleet's tables, as statements: for one node, or `ON CLUSTER` with replicated tables and a distributed one above each.
 * A row is written at least once and known by its key: the newest version of it is what is read (`FINAL`).
 */
import type { Remote } from '../config/remote.ts';

/** A sidecar writes only to tables of its own version. */
export const FLEET_VERSION = 1;
/** Batches of so many inserts back are known again by their token. */
const DEDUPLICATED_INSERTS = 1000;

interface Table {
  readonly name: string;
  readonly columns: readonly string[];
  readonly key: string;
  /** Of a row's own time, which never changes: a version of a row is never in another partition than the one before. */
  readonly time: string;
  readonly granularity?: number;
}

const KEY = ['org LowCardinality(String)', 'session_id String CODEC(ZSTD(1))'];
const time = (name: string): string => `${name} DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1))`;
const VERSION = 'version UInt64';

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
      'INDEX operation_trace trace_id TYPE bloom_filter GRANULARITY 4',
    ],
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
      'payload String CODEC(ZSTD(3))',
      'base64 UInt8',
      VERSION,
    ],
  },
];

/** What `store migrate` runs, in order; each may be run again. `keepDays`: rows that are older are deleted. */
export function fleetStatements({ database, cluster }: Remote, keepDays: number | undefined): string[] {
  const on = cluster === undefined ? '' : ` ON CLUSTER ${cluster}`;
  const local = cluster === undefined ? '' : '_local';
  const tables = TABLES.flatMap(({ name, columns, key, time: at, granularity }) => {
    const engine =
      cluster === undefined
        ? 'ReplacingMergeTree(version)'
        : `ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/${database}/${name}', '{replica}', version)`;
    const ttl = keepDays === undefined ? [] : [`TTL toDateTime(${at}) + INTERVAL ${keepDays} DAY DELETE`];
    const settings = [
      ...(granularity === undefined ? [] : [`index_granularity = ${granularity}`]),
      `${cluster === undefined ? 'non_' : ''}replicated_deduplication_window = ${DEDUPLICATED_INSERTS}`,
    ];
    return [
      `CREATE TABLE IF NOT EXISTS ${database}.${name}${local}${on} (${columns.join(', ')}) ENGINE = ${engine} ` +
        [`PARTITION BY toDate(${at})`, `ORDER BY ${key}`, ...ttl, `SETTINGS ${settings.join(', ')}`].join(
          ' ',
        ),
      ...(cluster === undefined
        ? []
        : [
            `CREATE TABLE IF NOT EXISTS ${database}.${name}${on} AS ${database}.${name}${local} ` +
              `ENGINE = Distributed(${cluster}, ${database}, ${name}${local}, cityHash64(session_id))`,
          ]),
    ];
  });
  const versions = cluster === undefined ? 'ReplacingMergeTree' : 'ReplicatedReplacingMergeTree';
  return [
    `CREATE DATABASE IF NOT EXISTS ${database}${on}`,
    ...tables,
    `CREATE TABLE IF NOT EXISTS ${database}.schema_version${on} (version UInt32, applied_at DateTime) ` +
      `ENGINE = ${versions} ORDER BY version`,
    `INSERT INTO ${database}.schema_version SELECT ${FLEET_VERSION}, now()`,
  ];
}

/** TTLs of tables that are there already. */
export function retentionStatements({ database, cluster }: Remote, keepDays: number | undefined): string[] {
  const on = cluster === undefined ? '' : ` ON CLUSTER ${cluster}`;
  const local = cluster === undefined ? '' : '_local';
  return TABLES.map(({ name, time: at }) =>
    keepDays === undefined
      ? `ALTER TABLE ${database}.${name}${local}${on} REMOVE TTL`
      : `ALTER TABLE ${database}.${name}${local}${on} MODIFY TTL toDateTime(${at}) + INTERVAL ${keepDays} DAY DELETE`,
  );
}
