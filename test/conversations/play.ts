/** Plays a conversation: every message through the real decoder and tracker, every event through the real sinks. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EndCause, McpEvent, SessionEnded, SessionStarted } from '../../src/event/event.ts';
import type { DefinitionsOptions } from '../../src/event/toolDefinition.ts';
import { canonical } from '../../src/mcp/canonical.ts';
import { decode } from '../../src/mcp/decode.ts';
import { methodInfo } from '../../src/mcp/methods.ts';
import { Stats } from '../../src/self/stats.ts';
import { Trouble } from '../../src/self/trouble.ts';
import { LogSink } from '../../src/sink/log.ts';
import { MetricSink } from '../../src/sink/metric.ts';
import type { Sink } from '../../src/sink/sink.ts';
import { operationSpans, sessionSpan, type Span } from '../../src/sink/span.ts';
import { StoreSink } from '../../src/sink/store.ts';
import { openStore } from '../../src/store/read.ts';
import type { FindingRecord, OperationRecord, SessionRecord } from '../../src/store/record.ts';
import type { Direction } from '../../src/wire/chunk.ts';
import { Conversation, type Said, START_US } from '../track/conversation.ts';
import { OwnedExchange } from './owned.ts';
import type { Script, Step } from './parse.ts';

export type LogLine = Readonly<Record<string, unknown>>;

/** What all outputs say of one conversation. */
export interface Outputs {
  readonly script: Script;
  readonly said: readonly Said[];
  readonly events: readonly McpEvent[];
  readonly ended: SessionEnded;
  /** All but those that the caller's context leaves out. */
  readonly spans: readonly Span[];
  readonly log: readonly LogLine[];
  /** The page of a scrape. */
  readonly metrics: string;
  readonly session: SessionRecord;
  readonly operations: readonly OperationRecord[];
  readonly findings: readonly FindingRecord[];
}

/** Who a step happens to: the conversation, and its exchanges by their names in the text. */
interface Stage {
  readonly talk: Conversation;
  readonly exchanges: Map<string, OwnedExchange>;
  /** Of the client's end, a signal to stop and the server's exit, the first ends the session. */
  cause: EndCause | undefined;
}

export async function outputsOf(script: Script): Promise<Outputs> {
  const talk = played(script);
  const events = [started(script), ...talk.events];
  const [ended] = talk.of('session_ended');
  if (ended === undefined) throw new Error(`${script.title}: the session did not end`);
  const stats = new Stats();
  const trouble = new Trouble((line) => {
    throw new Error(line);
  });
  const lines: string[] = [];
  const metrics = new MetricSink({
    stats,
    version: '0.0.0',
    nowUs: () => talk.now(),
    isKnownMethod: (method) => methodInfo(method) !== undefined,
    isStream: (method) => methodInfo(method)?.stream === true,
  });
  await feed(metrics, events);
  await feed(new LogSink({ level: 'debug', to: (line) => lines.push(line) }, stats, trouble), events);
  return {
    script,
    said: talk.said,
    events,
    ended,
    spans: events.flatMap(spansOf),
    log: lines.map((line) => JSON.parse(line) as LogLine),
    metrics: (await metrics.scrape('text/plain')).body,
    ...(await stored(events, stats, trouble)),
  };
}

async function feed(sink: Sink, events: readonly McpEvent[]): Promise<void> {
  await sink.write(events.filter(({ type }) => sink.wants.has(type)));
  await sink.close(1000);
}

async function stored(events: readonly McpEvent[], stats: Stats, trouble: Trouble) {
  const dataDir = mkdtempSync(join(tmpdir(), 'sidelight-conversation-'));
  try {
    await feed(new StoreSink({ dataDir, record: 'full' }, stats, trouble), events);
    const store = await openStore(dataDir);
    try {
      const [session, another] = store.listSessions({ limit: 2 });
      if (session === undefined || another !== undefined) throw new Error('one session is to be stored');
      return {
        session,
        operations: [...store.operations(session.id)],
        findings: store.findings(session.id),
      };
    } finally {
      store.close();
    }
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** As the exporter has them: what the caller does not want to be sampled is not there. */
function spansOf(event: McpEvent): readonly Span[] {
  if (event.type === 'session_ended') return [sessionSpan(event)];
  return event.type === 'operation_finished' && event.span.sampled ? operationSpans(event) : [];
}

/** What the owner of a tracker tells before it. */
function started({ transport, configuredName }: Script): SessionStarted {
  return {
    type: 'session_started',
    sessionId: 'session',
    atUs: START_US,
    transport,
    configuredName,
    command: transport === 'stdio' ? ['node', 'server.js'] : [],
    cwd: '',
    envNames: [],
    pid: process.pid,
    hostname: 'host',
    sidelightVersion: '0.0.0',
    ...(transport === 'http' && { target: 'http://localhost:3000/mcp', clientAddress: '192.0.2.7' }),
  };
}

function played(script: Script): Conversation {
  const { transport, configuredName, limits, trusted } = script;
  const talk = new Conversation({
    transport,
    limits,
    ...(trusted !== undefined && { definitions: definitionsOf(trusted) }),
    ...(configuredName !== undefined && { configuredName }),
  });
  const stage: Stage = { talk, exchanges: new Map(), cause: undefined };
  for (const step of script.steps) happens(stage, step);
  return talk.ends(stage.cause ?? (transport === 'http' ? 'idle' : 'client_closed'));
}

/** As a baseline that was learnt before: a definition is all of its tool but the name. */
function definitionsOf(trusted: NonNullable<Script['trusted']>): DefinitionsOptions {
  const hash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16);
  const tools = [...trusted].map(
    ([name, definition]) =>
      [name, { hash: hash(canonical(definition)), definition: JSON.stringify(definition) }] as const,
  );
  return { hash, trusted: () => new Map(tools) };
}

function happens(stage: Stage, step: Step): void {
  const { talk, exchanges } = stage;
  const { tracker } = talk;
  switch (step.is) {
    case 'said':
      if (step.exchange === undefined) says(talk, step.channel, step.text);
      else on(exchanges, step.exchange).says(step.channel, step.text, step.eventId);
      break;
    case 'opened':
      exchanges.set(step.exchange, new OwnedExchange(talk, step.facts, step.headers));
      break;
    case 'responded':
      stage.cause = on(exchanges, step.exchange).responds(step.status) ?? stage.cause;
      break;
    case 'resumable':
      on(exchanges, step.exchange).resumes();
      break;
    case 'over':
      on(exchanges, step.exchange).ends(step.ending);
      break;
    case 'passed':
      talk.passes(step.us);
      tracker.sweep(talk.now());
      break;
    case 'gap':
      tracker.gap({ channel: step.channel, chunks: step.chunks, bytes: step.bytes, atUs: talk.now() });
      break;
    case 'exited':
      tracker.serverExited(step.code, step.signal, talk.now(), stage.cause === 'sidelight_stopped');
      stage.cause ??= step.code === 0 ? 'server_exited' : 'server_crashed';
      break;
    case 'stopped':
      stage.cause ??= 'sidelight_stopped';
      break;
    case 'client_closed':
      tracker.clientClosed(talk.now());
      stage.cause ??= 'client_closed';
      break;
    case 'stderr':
      tracker.stderrLine(step.text, talk.now());
      break;
    case 'stray':
      talk.strays(step.text);
      break;
    case 'recognised':
      tracker.recognised({ sessionIdHash: step.sessionIdHash }, talk.now());
      break;
    case 'inferred':
      tracker.recognised({ inferred: step.inferred }, talk.now());
      break;
    case 'ended':
      stage.cause = step.cause;
  }
}

/** As the pipeline on stdio has it: what a server writes and is no message has strayed there. */
function says(talk: Conversation, channel: Direction, text: string): void {
  const decoded = decode(new TextEncoder().encode(text));
  const isNone = decoded.kind === 'malformed' && decoded.reason.startsWith('not_');
  if (isNone && channel === 'server_to_client') talk.strays(text);
  else talk.say(channel, text);
}

function on(exchanges: ReadonlyMap<string, OwnedExchange>, name: string): OwnedExchange {
  const exchange = exchanges.get(name);
  if (exchange === undefined) throw new Error(`exchange ${name} has not begun`);
  return exchange;
}
