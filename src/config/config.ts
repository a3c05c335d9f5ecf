/** The resolved configuration: what every part is handed by app.ts, after flags, environment and file were merged. */
import type { ServeConfig } from './access.ts';
import type { Remote } from './remote.ts';
import type { ReplayTargets } from './replayTargets.ts';

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent';

export interface Config {
  /** The server's name in every output; undefined: its own serverInfo, else its command or its host and port. */
  readonly name: string | undefined;
  /** Absolute. The store, `sidelight.db`, lives in it. */
  readonly dataDir: string;
  /** Of this server. `failures`: bodies only of sessions in which something failed. `metadata`: frames without bodies. */
  readonly record: 'full' | 'failures' | 'metadata' | 'off';
  /** Bytes of one frame kept in the recording; beyond it head, size and SHA-256 are kept. */
  readonly maxBodyBytes: number;
  /** Bytes of one message that are parsed whole; beyond it the envelope is scanned. */
  readonly maxMessageBytes: number;
  /** Capacity of the copy queue between the relay and the observer. */
  readonly recordMedia: boolean;
  readonly spoolBytes: number;
  readonly replayOf: string | undefined;
  /** By the name that requests of the API have for them. */
  readonly replayTargets: ReplayTargets;
  readonly retention: Retention;
  /** The index for texts in payloads; undefined bytes: no bound. */
  readonly fullText: { readonly enabled: boolean; readonly maxStoreBytes: number | undefined };
  readonly fleet: FleetConfig;
  readonly captureBufferBytes: number;
  readonly lossless: boolean;
  /** What the outputs may take at the end to deliver what is left. */
  readonly flushTimeoutMs: number;
  readonly redact: boolean;
  /** What else is redacted, and what is not, as it was written. */
  readonly redaction: RedactionConfig;
  /** Whether servers are told of our spans, and where. Header: over HTTP alone. */
  readonly propagate: 'off' | 'meta' | 'header';
  readonly otlp: OtlpConfig;
  /** Where recordings can be looked at, without a slash at its end. */
  readonly publicUrl: string | undefined;
  readonly serviceName: string | undefined;
  readonly resourceAttributes: Readonly<Record<string, string>>;
  readonly admin: { readonly host: string; readonly port: number } | undefined;
  /** The API, on the same listener. */
  readonly adminApi: boolean;
  readonly log: {
    readonly level: LogLevel;
    /** A path, or `stderr`. Undefined: no operation log; Sidelight's own trouble still goes to stderr, one line each. */
    readonly file: string | undefined;
  };
  /** Working directory of the server. */
  readonly cwd: string | undefined;
  /** Signal that the kernel sends the server when Sidelight dies (Linux, `setpriv`). */
  readonly pdeathsig: string | undefined;
  /** Of `sidelight http` alone. */
  readonly http: HttpConfig;
  /** Of `sidelight serve` alone. */
  readonly serve: ServeConfig;
}

type Payloads = 'telling' | 'all' | 'none';

/** What is brought to the fleet's store, and where that is. */
export interface FleetConfig {
  /** Undefined: there is none. */
  readonly store: Remote | undefined;
  /** Secret. */
  readonly password: string | undefined;
  /** Undefined: sidecars do not ship. */
  readonly everyMs: number | undefined;
  readonly payloads: Payloads;
  readonly payloadsByServer: Readonly<Record<string, Payloads>>;
  readonly slowMs: number;
  readonly sample: number;
  /** Rows for each second; undefined: no bound, as with the caps of what waits. */
  readonly maxRate: number | undefined;
  readonly maxSpoolBytes: number | undefined;
  readonly maxSpoolAgeMs: number | undefined;
}

/** What is deleted from the store; undefined: no bound. Sessions that are pinned or not over are never deleted. */
export interface Retention {
  readonly ageMs: number | undefined;
  readonly failedAgeMs: number | undefined;
  readonly bytes: number | undefined;
  readonly sessions: number | undefined;
}

/** Checked: patterns and paths can be used. */
export interface RedactionConfig {
  readonly keys: readonly string[];
  readonly headers: readonly string[];
  /** Regular expressions by the names that their placeholders have. */
  readonly patterns: Readonly<Record<string, string>>;
  readonly paths: readonly string[];
  readonly email: boolean;
  /** Names, and `/pattern/` of whole values. */
  readonly allow: readonly string[];
}

/** What is sent to OTLP/HTTP receivers, and where. */
export interface OtlpConfig {
  /** Base URL; `/v1/traces` and the like are appended. Undefined: only what has an endpoint of its own is exported. */
  readonly endpoint: string | undefined;
  /** Exactly this URL for traces (OTEL_EXPORTER_OTLP_TRACES_ENDPOINT). */
  readonly tracesEndpoint: string | undefined;
  readonly metricsEndpoint: string | undefined;
  readonly logsEndpoint: string | undefined;
  /** Which of them are wanted, where there is an endpoint. */
  readonly traces: boolean;
  readonly metrics: boolean;
  readonly logs: boolean;
  /** Of traces. */
  readonly protocol: 'http/json' | 'http/protobuf';
  /** Secret. */
  readonly headers: Readonly<Record<string, string>>;
  /** Secret. Instead of `headers`, which may be a key for another receiver. */
  readonly tracesHeaders: Readonly<Record<string, string>> | undefined;
  readonly metricsHeaders: Readonly<Record<string, string>> | undefined;
  readonly logsHeaders: Readonly<Record<string, string>> | undefined;
  readonly timeoutMs: number;
  readonly metricIntervalMs: number;
  /** See sampling.ts. */
  readonly sampleRatio: number;
  readonly slowMs: number;
  readonly slowMsByMethod: Readonly<Record<string, number>>;
  /** Tool arguments and results as span attributes: redacted, capped, off by default. */
  readonly captureContent: boolean;
}

/** Paths are absolute; the PEM files they name are read by httpSetup. */
export interface HttpConfig {
  /** An http or https URL without credentials, query and fragment. */
  readonly target: string | undefined;
  readonly listen: { readonly host: string; readonly port: number } | { readonly socketPath: string };
  readonly allowRemote: boolean;
  /** In lower case, with or without a port. Empty: nobody named any. */
  readonly allowedHosts: readonly string[];
  /** Serialized origins (RFC 6454, section 6.2) or `null`. Empty: nobody named any. */
  readonly allowedOrigins: readonly string[];
  /** `auto`: preserve in front of a target on loopback, else rewrite. */
  readonly host: 'preserve' | 'rewrite' | 'auto';
  /** Empty, or `/prefix` without a slash at its end. */
  readonly mount: string;
  readonly forwarded: boolean;
  readonly rewriteOauth: boolean;
  readonly tlsCert: string | undefined;
  readonly tlsKey: string | undefined;
  readonly targetCa: string | undefined;
  readonly targetCert: string | undefined;
  readonly targetKey: string | undefined;
  /** Undefined: no bound of ours. */
  readonly connectTimeoutMs: number | undefined;
  /** Until the head of the response. Undefined: no bound. */
  readonly responseTimeoutMs: number | undefined;
  readonly maxHeaderBytes: number;
  readonly maxConnections: number;
  readonly shutdownTimeoutMs: number;
  readonly sessionIdleMs: number;
}
