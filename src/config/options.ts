/**
 * Every setting, once. Flags, environment variables, config file keys, help texts, docs/config.md and `config print`
 * derive from this table; a new setting is one row here and one line in load.ts.
 */
import { PUBLIC_URL } from './addresses.ts';
import { HTTP_OPTIONS } from './httpOptions.ts';
import { option, type Option, unset } from './option.ts';
import { ATTRIBUTES, byName, HEADERS } from './pairs.ts';
import { count, duration, fraction, size } from './quantity.ts';
import { ALLOWED, HEADER_NAMES, JSON_PATHS, KEY_NAMES, PATTERN_PAIRS } from './redaction.ts';
import { REMOTE } from './remote.ts';
import { REPLAY_TARGETS } from './replayTargets.ts';
import { ADDRESS, LOG_FILE, oneOf, orNone, PATH, SWITCH, TEXT, URL_OF_RECEIVER } from './schema.ts';
import { SERVE_OPTIONS } from './serveOptions.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;
const DAY_MS = 24 * 60 * 60_000;
const MAX_AGE_MS = 100 * 366 * DAY_MS;
const MAX_STORE_BYTES = 1024 * 1024 * GIB;
const MAX_SPOOL_BYTES = 1024 * GIB;
const RECORD_MODES = ['full', 'failures', 'metadata', 'off'] as const;
/** V8 makes no string longer than about 512 Mi characters, and SQLite keeps no value over a billion bytes. */
const MAX_TEXT_BYTES = 512 * MIB;
/** The capture buffer counts its bytes in 32-bit integers. */
const MAX_CAPTURE_BYTES = 1024 * MIB;
/** Room for the facts of the process's life and a few of the largest chunks that a pipe gives. */
const MIN_CAPTURE_BYTES = MIB;
/** A burst of 32 MiB fits whole, with the headers of its chunks. */
const CAPTURE_BYTES = 40 * MIB;

const SIGNALS = ['SIGTERM', 'SIGKILL', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'];

const SHARED_OPTIONS = {
  name: unset({
    kind: TEXT,
    description: "The server's name in every output.",
    fallbackText: "the server's own serverInfo, else its command or the host and port of its URL",
  }),
  dataDir: unset({
    kind: PATH,
    description: 'Directory of the recording (sidelight.db).',
    fallbackText: "the platform's state directory, e.g. ~/.local/state/sidelight",
  }),
  record: option({
    kind: oneOf('mode', RECORD_MODES),
    fallback: 'full',
    description:
      'What is recorded: everything, bodies only of sessions in which something failed, no bodies, or nothing.',
  }),
  recordByServer: option({
    kind: byName('mode', oneOf('mode', RECORD_MODES)),
    fallback: {},
    description: 'The same for servers by their --name, such as payments=metadata,files=failures.',
    fallbackText: 'record for all',
  }),
  recordMedia: option({
    kind: SWITCH,
    fallback: false,
    description: 'Record images, audio and blobs whole, instead of their type, size and SHA-256.',
  }),
  spoolSize: option({
    kind: size(64 * KIB, MAX_SPOOL_BYTES),
    fallback: 64 * MIB,
    description:
      'With record failures: bytes of bodies that are kept of a session while nothing has failed; above it the oldest go.',
  }),
  replayOf: unset({
    kind: TEXT,
    description: 'Id of the recorded session that this one is a replay of; sidelight replay sets it.',
    fallbackText: 'it is none',
  }),
  'replay.targets': option({
    kind: REPLAY_TARGETS,
    fallback: {},
    secret: true,
    description:
      'Servers that sidelight serve --enable-replay and sidelight mcp --enable-replay may run sessions again against, by name: a URL or a command each.',
    fallbackText: 'none',
  }),
  'retention.age': option({
    kind: orNone(duration(60_000, MAX_AGE_MS)),
    fallback: 7 * DAY_MS,
    description: 'Recorded sessions older than this are deleted.',
  }),
  'retention.failedAge': option({
    kind: orNone(duration(60_000, MAX_AGE_MS)),
    fallback: 30 * DAY_MS,
    description: 'The same for sessions in which something failed.',
  }),
  'retention.size': option({
    kind: orNone(size(MIB, MAX_STORE_BYTES)),
    fallback: 2 * GIB,
    description: 'Above this size of the recording the oldest sessions are deleted, failed ones last.',
  }),
  'retention.sessions': option({
    kind: orNone(count(1, 100_000_000)),
    fallback: 100_000,
    description: 'Above this number of sessions the oldest are deleted, failed ones last.',
  }),
  fullText: option({
    kind: SWITCH,
    fallback: true,
    description:
      'Keep an index for texts in payloads, made beside the recording. Filters find the same without it, only later.',
    whenOff: 'Keep no index for texts in payloads, and remove the one there is: a search reads the payloads.',
  }),
  'fullText.maxStore': option({
    kind: orNone(size(MIB, MAX_STORE_BYTES)),
    fallback: 4 * GIB,
    description: 'A recording above this size gets no more entries in that index.',
  }),
  store: unset({
    kind: REMOTE,
    description: "The fleet's store, in ClickHouse: recordings of this machine are brought there.",
    fallbackText: 'they stay on this machine',
  }),
  storePassword: unset({
    kind: TEXT,
    secret: true,
    description: "Password for the fleet's store.",
    fallbackText: 'none',
  }),
  storePasswordFile: unset({
    kind: PATH,
    description: 'File to read storePassword from.',
    fallbackText: 'none',
  }),
  'ship.every': option({
    kind: orNone(duration(1000, DAY_MS)),
    fallback: 5000,
    description:
      'How often a sidecar brings there what is new, one sidecar for all of a machine. With none only `sidelight store ship` does.',
  }),
  'ship.payloads': option({
    kind: oneOf('which', ['telling', 'all', 'none']),
    fallback: 'telling',
    description:
      'Whose payloads are brought there, beside what is known of every session: of those that tell something (failed, slow, with findings, pinned), all, or none.',
  }),
  'ship.payloadsByServer': option({
    kind: byName('which', oneOf('which', ['telling', 'all', 'none'])),
    fallback: {},
    description: 'The same for servers by their names, such as payments=none,files=all.',
    fallbackText: 'ship.payloads for all',
  }),
  'ship.slow': option({
    kind: duration(1, DAY_MS),
    fallback: 10_000,
    description: 'An operation that took so long makes its session one that tells something.',
  }),
  'ship.sample': option({
    kind: fraction(),
    fallback: 0,
    description: 'Of the other sessions, the part whose payloads are brought there all the same.',
  }),
  'ship.maxRate': option({
    kind: orNone(count(1, 10_000_000)),
    fallback: 2000,
    description:
      'Rows for each second that a machine brings there when much has waited, so that a fleet that comes back does not fell the engine.',
  }),
  'ship.maxSpoolSize': option({
    kind: orNone(size(MIB, MAX_SPOOL_BYTES)),
    fallback: 2 * GIB,
    description:
      'What may wait for the fleet, kept although retention would delete it. Above it the oldest payloads are given up, then the oldest rows; each leaves a gap marker.',
  }),
  'ship.maxSpoolAge': option({
    kind: orNone(duration(1000, MAX_AGE_MS)),
    fallback: 7 * DAY_MS,
    description: 'Payloads that have waited so long are given up, and rows after twice that.',
  }),
  maxBody: option({
    kind: size(0, MAX_TEXT_BYTES),
    fallback: 256 * KIB,
    description: 'Bytes of one message that are recorded; of a longer one the head, size and SHA-256.',
  }),
  maxMessage: option({
    kind: size(KIB, MAX_TEXT_BYTES),
    fallback: 10 * MIB,
    description: 'Bytes of one message that are parsed whole; of a longer one only the envelope is read.',
  }),
  captureBuffer: option({
    kind: size(MIN_CAPTURE_BYTES, MAX_CAPTURE_BYTES),
    fallback: CAPTURE_BYTES,
    description:
      'Memory for copies that wait to be observed; when it is full, copies are dropped and counted.',
  }),
  lossless: option({
    kind: SWITCH,
    fallback: false,
    description: 'Slow the traffic down rather than drop a copy of it.',
  }),
  flushTimeout: unset({
    kind: duration(0, 10 * 60_000),
    description:
      'At the end, how long the outputs may take to deliver what is left; what then is still to be delivered is lost and counted. Clients that end their server give it about 2s.',
    fallbackText: '1.5s, and with lossless 10s',
  }),
  redact: option({
    kind: SWITCH,
    fallback: true,
    description: 'Replace secrets before anything is recorded, logged or exported.',
    whenOff: 'Record, log and export secrets as they are.',
  }),
  'redact.keys': option({
    kind: KEY_NAMES,
    fallback: [],
    description: 'Further names of members, parameters and variables whose values are secrets.',
    fallbackText: 'none',
  }),
  'redact.headers': option({
    kind: HEADER_NAMES,
    fallback: [],
    description: 'Further HTTP headers whose values are secrets.',
    fallbackText: 'none',
  }),
  'redact.patterns': option({
    kind: PATTERN_PAIRS,
    fallback: {},
    description:
      'Further secrets by how they look: regular expressions by the names that their placeholders have.',
    fallbackText: 'none',
  }),
  'redact.paths': option({
    kind: JSON_PATHS,
    fallback: [],
    description: 'Further secrets by where they stand in a message (JSONPath, RFC 9535).',
    fallbackText: 'none',
  }),
  'redact.email': option({
    kind: SWITCH,
    fallback: false,
    description: 'Replace e-mail addresses, too.',
  }),
  'redact.allow': option({
    kind: ALLOWED,
    fallback: [],
    description: 'What is never redacted: names of members, and /patterns/ of whole values.',
    fallbackText: 'nothing',
  }),
  propagate: option({
    kind: oneOf('mode', ['off', 'meta', 'header']),
    fallback: 'off',
    bare: 'meta',
    description:
      "Tell the server of the operation's span: in the request's _meta, or over HTTP in its traceparent header.",
  }),
  captureContent: option({
    kind: SWITCH,
    fallback: false,
    description: 'Put tool arguments and results, redacted and capped, on spans.',
  }),
  'otlp.endpoint': unset({
    kind: orNone(URL_OF_RECEIVER),
    otel: ['OTEL_EXPORTER_OTLP_ENDPOINT'],
    description:
      'Base URL of an OTLP/HTTP receiver; traces go to /v1/traces below it, metrics and logs likewise.',
    fallbackText: 'nothing is exported',
  }),
  'otlp.traces': option({
    kind: SWITCH,
    fallback: true,
    description: 'Export traces, where there is an endpoint for them.',
    whenOff: 'Export no traces, whatever endpoint there is.',
  }),
  'otlp.metrics': option({
    kind: SWITCH,
    fallback: false,
    description: 'Export the metrics over OTLP, beside or instead of serving them to Prometheus.',
  }),
  'otlp.logs': option({
    kind: SWITCH,
    fallback: false,
    description: 'Export the lines of the log over OTLP, from log.level on, beside or instead of log.file.',
  }),
  'otlp.tracesEndpoint': unset({
    kind: URL_OF_RECEIVER,
    otel: ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'],
    description: 'URL for traces, used exactly as it is, instead of otlp.endpoint.',
    fallbackText: 'derived from otlp.endpoint',
  }),
  'otlp.metricsEndpoint': unset({
    kind: URL_OF_RECEIVER,
    otel: ['OTEL_EXPORTER_OTLP_METRICS_ENDPOINT'],
    description: 'The same for metrics.',
    fallbackText: 'derived from otlp.endpoint',
  }),
  'otlp.logsEndpoint': unset({
    kind: URL_OF_RECEIVER,
    otel: ['OTEL_EXPORTER_OTLP_LOGS_ENDPOINT'],
    description: 'The same for logs.',
    fallbackText: 'derived from otlp.endpoint',
  }),
  'otlp.protocol': option({
    kind: oneOf('protocol', ['http/json', 'http/protobuf']),
    fallback: 'http/json',
    otel: ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'OTEL_EXPORTER_OTLP_PROTOCOL'],
    description: 'Encoding of exported traces; metrics and logs are always JSON.',
  }),
  'otlp.headers': option({
    kind: HEADERS,
    fallback: {},
    otel: ['OTEL_EXPORTER_OTLP_HEADERS'],
    secret: true,
    description: 'HTTP headers of each export, such as an API key.',
    fallbackText: 'none',
  }),
  'otlp.tracesHeaders': unset({
    kind: HEADERS,
    otel: ['OTEL_EXPORTER_OTLP_TRACES_HEADERS'],
    secret: true,
    description: 'Those of traces, instead of otlp.headers.',
    fallbackText: 'otlp.headers',
  }),
  'otlp.metricsHeaders': unset({
    kind: HEADERS,
    otel: ['OTEL_EXPORTER_OTLP_METRICS_HEADERS'],
    secret: true,
    description: 'Those of metrics, instead of otlp.headers.',
    fallbackText: 'otlp.headers',
  }),
  'otlp.logsHeaders': unset({
    kind: HEADERS,
    otel: ['OTEL_EXPORTER_OTLP_LOGS_HEADERS'],
    secret: true,
    description: 'Those of logs, instead of otlp.headers.',
    fallbackText: 'otlp.headers',
  }),
  'otlp.headersFile': unset({
    kind: PATH,
    description: 'File to read otlp.headers from, one `Name: value` in a line.',
    fallbackText: 'none',
  }),
  'otlp.timeout': option({
    kind: duration(1, 10 * 60_000),
    fallback: 10_000,
    otel: ['OTEL_EXPORTER_OTLP_TRACES_TIMEOUT', 'OTEL_EXPORTER_OTLP_TIMEOUT'],
    description: 'The longest that one export may take; without a unit, milliseconds.',
  }),
  'otlp.metricInterval': option({
    kind: duration(1000, 60 * 60_000),
    fallback: 60_000,
    otel: ['OTEL_METRIC_EXPORT_INTERVAL'],
    description: 'How often metrics are exported; without a unit, milliseconds.',
  }),
  'otlp.sampleRatio': option({
    kind: fraction(),
    fallback: 1,
    description:
      'Of the operations that are exported as spans, the part, by trace id. What failed, was slow or has a finding is exported besides.',
  }),
  'otlp.slowMs': option({
    kind: duration(1, DAY_MS),
    fallback: 5000,
    description:
      'An operation that took so long, without the time that a person took to answer, is exported whatever otlp.sampleRatio says.',
  }),
  'otlp.slowMsByMethod': option({
    kind: byName('duration', duration(1, DAY_MS)),
    fallback: {},
    description: 'The same for operations of one method, such as tools/call=30s,tools/list=500ms.',
    fallbackText: 'otlp.slowMs for all',
  }),
  publicUrl: unset({
    kind: PUBLIC_URL,
    description:
      'URL at which recordings can be looked at: spans and log lines then say where theirs is, URL/sessions/ID#operation-N.',
    fallbackText: 'they do not say',
  }),
  serviceName: unset({
    kind: TEXT,
    otel: ['OTEL_SERVICE_NAME'],
    description: 'service.name of the exported resource.',
    fallbackText: "derived from the server's name",
  }),
  resourceAttributes: option({
    kind: ATTRIBUTES,
    fallback: {},
    otel: ['OTEL_RESOURCE_ATTRIBUTES'],
    description: 'Further attributes of the exported resource.',
    fallbackText: 'none',
  }),
  admin: unset({
    kind: orNone(ADDRESS),
    description:
      'Serve /metrics, /healthz and /readyz here; without a host on loopback, port 0 picks a free one.',
    fallbackText: 'not served',
  }),
  adminApi: option({
    kind: SWITCH,
    fallback: false,
    description:
      'Serve the API and the page of sidelight serve there, too, behind the token in the data folder; without replays.',
  }),
  'log.level': option({
    kind: oneOf('level', ['trace', 'debug', 'info', 'warn', 'error', 'silent']),
    fallback: 'info',
    description: 'Lines below this level are not logged.',
  }),
  'log.file': unset({
    kind: orNone(LOG_FILE),
    description: 'Log one line per operation to this file, or to stderr.',
    fallbackText: 'operations are not logged',
  }),
} as const;

const RUN_OPTIONS = {
  cwd: unset({
    kind: PATH,
    description: 'Working directory of the server.',
    fallbackText: 'the current directory',
  }),
  pdeathsig: unset({
    kind: oneOf('signal', SIGNALS),
    description: 'Signal that the kernel sends the server when Sidelight dies (Linux, needs setpriv).',
    fallbackText: 'none',
  }),
} as const;

export const OPTIONS = { ...SHARED_OPTIONS, ...RUN_OPTIONS, ...HTTP_OPTIONS, ...SERVE_OPTIONS } as const;

export type Key = keyof typeof OPTIONS;

/** What a setting's value is once everything is merged. */
export type Value<K extends Key> = (typeof OPTIONS)[K] extends Option<infer T, infer D> ? T | D : never;

export const KEYS = Object.keys(OPTIONS) as readonly Key[];

/** A command that has settings of its own. */
export type Mode = 'run' | 'http' | 'serve';

/** The settings that only one of the commands has. */
export const OWN_KEYS: Readonly<Record<Mode, readonly Key[]>> = {
  run: Object.keys(RUN_OPTIONS) as readonly Key[],
  http: Object.keys(HTTP_OPTIONS) as readonly Key[],
  serve: Object.keys(SERVE_OPTIONS) as readonly Key[],
};

/** Prefix of our environment variables; one that is not in the table is an error. */
export const ENV_PREFIX = 'SIDELIGHT_';
/** Which config file to read: not in the table, since it cannot be in that file. */
export const CONFIG_FLAG = '--config';
export const CONFIG_ENV = 'SIDELIGHT_CONFIG';

/** The row, for code that treats all settings alike. */
export function rowOf(key: Key): Option<unknown, unknown> {
  return OPTIONS[key];
}

/** `otlp.tracesEndpoint` is `--otlp-traces-endpoint`; a secret has no flag. */
export function flagOf(key: Key): string | undefined {
  return rowOf(key).secret === true ? undefined : `--${words(key).join('-').toLowerCase()}`;
}

/** `otlp.tracesEndpoint` is `SIDELIGHT_OTLP_TRACES_ENDPOINT`. */
export function envOf(key: Key): string {
  return `${ENV_PREFIX}${words(key).join('_').toUpperCase()}`;
}

/** The flag as help texts and docs show it: of a switch the form that changes the default. */
export function usageOf(key: Key): string {
  const { kind, fallback, bare } = rowOf(key);
  const flag = flagOf(key) ?? '';
  if (bare !== undefined && kind.metavar !== undefined) return `${flag} [${kind.metavar}]`;
  if (kind.metavar !== undefined) return `${flag} <${kind.metavar}>`;
  return fallback === true ? negated(flag) : flag;
}

export function negated(flag: string): string {
  return flag.replace(/^--/, '--no-');
}

/** The default as people read it. */
export function fallbackOf(key: Key): string {
  const { kind, fallback, fallbackText } = rowOf(key);
  return fallbackText ?? kind.show(fallback);
}

function words(key: Key): string[] {
  return key.split(/[.]|(?=[A-Z])/);
}
