/** What stands between the ring and the sinks, for the transport that is observed: one session, or many over HTTP. */
import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import type { Config } from './config/config.ts';
import type { McpEvent } from './event/event.ts';
import type { Redactor } from './event/redact.ts';
import { HttpFacts } from './httpFacts.ts';
import { HttpPipeline } from './httpPipeline.ts';
import { Pipeline } from './pipeline.ts';
import type { Digest } from './recorder.ts';
import { schemaValidators } from './schema.ts';
import type { Stats } from './self/stats.ts';
import { uuidV7 } from './self/uuid.ts';
import { VERSION } from './self/version.ts';
import type { Gap, RingRecord } from './tap/ring.ts';
import type { HttpFacts as HttpProcess, SessionFacts, StdioFacts } from './thread.ts';
import { PropagatedIds } from './track/propagatedIds.ts';
import type { SpanIds } from './track/traceContext.ts';
import type { TrustedTools } from './event/toolDefinition.ts';
import { Tracker } from './track/tracker.ts';

export interface Observed {
  /** Takes what the ring holds, in order; all but gaps. */
  record(record: RingRecord): void;
  /** Copies were lost here. */
  gap(gap: Gap, atUs: number): void;
  /** Bytes passed over so far while looking for the next message after a gap. */
  readonly skippedBytes: number;
  /** Looks for what is over because nothing happens any more. To be called now and then. */
  sweep(atUs: number): void;
  /** No more records will come: tells the end of what has none yet. */
  close(atUs: number): void;
}

export interface ObservedOptions {
  readonly config: Config;
  readonly session: SessionFacts;
  readonly redactor: Redactor | undefined;
  readonly randomHex: (bytes: number) => string;
  readonly stats: Stats;
  /** Undefined where nothing is recorded, and so nothing trusted. */
  readonly trusted: TrustedTools | undefined;
  readonly emit: (event: McpEvent) => void;
}

export function openObserved(options: ObservedOptions): Observed {
  const { session } = options;
  return session.transport === 'stdio' ? openStdio(options, session) : openHttp(options, session);
}

function openStdio(options: ObservedOptions, session: StdioFacts): Observed {
  const { config, redactor, emit } = options;
  const command = [session.command, ...session.args];
  emit({
    type: 'session_started',
    sessionId: session.id,
    atUs: session.startedAtUs,
    ...processOf(options),
    transport: 'stdio',
    command: redactor?.command(command) ?? command,
    cwd: session.cwd,
    envNames: session.envNames,
  });
  const propagated = propagatedOf(options);
  const tracker = new Tracker({
    ...trackerOf(options, propagated),
    sessionId: session.id,
    transport: 'stdio',
    fallbackName: basename(session.command),
    startedAtUs: session.startedAtUs,
    emit,
  });
  const pipeline = new Pipeline({
    ...recorderOf(options),
    sessionId: session.id,
    tracker,
    propagated,
    maxMessageBytes: config.maxMessageBytes,
  });
  return pipeline;
}

function openHttp(options: ObservedOptions, { target }: HttpProcess): Observed {
  const { config, redactor, stats } = options;
  const url = new URL(target);
  const propagated = propagatedOf(options);
  return new HttpPipeline({
    ...recorderOf(options),
    tracker: { ...trackerOf(options, propagated), fallbackName: url.host, host: url.host },
    propagated,
    started: { ...processOf(options), transport: 'http', command: [], cwd: '', envNames: [], target },
    maxMessageBytes: config.maxMessageBytes,
    facts: new HttpFacts({ target: url, redactor, hash: shortHash }),
    sessionIdleUs: config.http.sessionIdleMs * 1000,
    newSessionId: uuidV7,
    dropped: (reason, count, bytes) => {
      stats.drop('decode', reason, count, bytes);
    },
  });
}

function processOf({ config, session }: ObservedOptions) {
  const { pid, hostname } = session;
  const { name: configuredName, replayOf } = config;
  const facts = { configuredName, pid, hostname, sidelightVersion: VERSION };
  return replayOf === undefined ? facts : { ...facts, replayOf };
}

/** Undefined where servers are not told of our spans. */
function propagatedOf({ config, randomHex }: ObservedOptions): PropagatedIds | undefined {
  return config.propagate === 'off' ? undefined : new PropagatedIds(randomIds(randomHex));
}

function randomIds(randomHex: (bytes: number) => string): SpanIds {
  return { newTraceId: () => randomHex(16), newSpanId: () => randomHex(8) };
}

function trackerOf(
  { config, redactor, randomHex, trusted }: ObservedOptions,
  propagated: PropagatedIds | undefined,
) {
  const { newTraceId, newSpanId } = propagated ?? randomIds(randomHex);
  return {
    configuredName: config.name,
    newTraceId,
    newSpanId,
    propagated,
    redact: (text: string) => redactor?.redact(text).text ?? text,
    captureContent: config.otlp.captureContent,
    validatorOf: schemaValidators(),
    ...(trusted !== undefined && { definitions: { trusted, hash: shortHash } }),
  };
}

function recorderOf({ config, redactor, emit }: ObservedOptions) {
  const { maxBodyBytes, recordMedia: keepMedia } = config;
  return { redactor, maxBodyBytes, keepMedia, newDigest, emit };
}

function newDigest(): Digest {
  const hash = createHash('sha256');
  return {
    update: (bytes) => void hash.update(bytes),
    end: () => hash.digest('hex'),
  };
}

/** The same wherever it is made: a session is known again by another sidecar, and after a restart of this one. */
function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
