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
import type { Stats } from './self/stats.ts';
import { uuidV7 } from './self/uuid.ts';
import { VERSION } from './self/version.ts';
import type { Gap, RingRecord } from './tap/ring.ts';
import type { HttpFacts as HttpProcess, SessionFacts, StdioFacts } from './thread.ts';
import { Tracker } from './track/tracker.ts';

export interface Observed {
  /** Takes what the ring holds, in order; all but gaps. */
  record(record: RingRecord): void;
  /** Copies were lost here. */
  gap(gap: Gap, atUs: number): void;
  /** Bytes passed over so far while looking for the next message after a gap. */
  readonly skippedBytes: number;
  /** Looks for what is over because nothing happens any more. Absent where an end is always told. */
  sweep?(atUs: number): void;
  /** No more records will come: tells the end of what has none yet. */
  close(atUs: number): void;
}

export interface ObservedOptions {
  readonly config: Config;
  readonly session: SessionFacts;
  readonly redactor: Redactor | undefined;
  readonly randomHex: (bytes: number) => string;
  readonly stats: Stats;
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
  const tracker = new Tracker({
    ...trackerOf(options),
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
    maxMessageBytes: config.maxMessageBytes,
  });
  return pipeline;
}

function openHttp(options: ObservedOptions, { target }: HttpProcess): Observed {
  const { config, redactor, stats } = options;
  const url = new URL(target);
  return new HttpPipeline({
    ...recorderOf(options),
    tracker: { ...trackerOf(options), fallbackName: url.host },
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
  return { configuredName: config.name, pid, hostname, sidelightVersion: VERSION };
}

function trackerOf({ config, redactor, randomHex }: ObservedOptions) {
  return {
    configuredName: config.name,
    newTraceId: () => randomHex(16),
    newSpanId: () => randomHex(8),
    redact: (text: string) => redactor?.redact(text).text ?? text,
    captureContent: config.otlp.captureContent,
  };
}

function recorderOf({ config, redactor, emit }: ObservedOptions) {
  return { redactor, maxBodyBytes: config.maxBodyBytes, newDigest, emit };
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
