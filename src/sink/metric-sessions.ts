/**
 * What is counted by session and told by server. A server's name is often known only after its first answer; so the
 * counts stay with the session and get the name it has when they are read. It never holds more sessions than its cap.
 */
import type {
  EndCause,
  FindingRule,
  MessageSeen,
  OperationFinished,
  ServerExited,
  ServerStarted,
  SessionDescribed,
  SessionEnded,
  SessionStarted,
} from '../event/event.ts';
import type { Stats } from '../self/stats.ts';
import { Durations } from './metric-durations.ts';
import { type LabelValues, OTHER } from './metric-labels.ts';

/** A stdio sidecar has one; over HTTP, as many as are told apart. Beyond it the oldest is taken for ended. */
export const MAX_SESSIONS = 10_000;
/** By session and side. A client does not wait for so many answers at once. */
const MAX_IN_FLIGHT = 10_000;

export type ExitCause = 'normal' | 'exit_code' | 'signal';
export type Initiator = OperationFinished['initiator'];
type MessageKind = MessageSeen['kind'];

interface Tally {
  count: number;
  bytes: number;
}

/** What is left of a session when it has ended. */
export interface Totals {
  readonly messages: Readonly<Record<MessageSeen['channel'], Readonly<Record<MessageKind, Tally>>>>;
  readonly findings: Map<FindingRule, number>;
  readonly exits: Map<ExitCause, number>;
  starts: number;
  /** Of the latest tools/list result. */
  toolsListBytes: number | undefined;
}

export interface Session {
  server: string;
  transport: 'pipe' | 'tcp';
  client: { readonly name: string; readonly version: string; readonly protocolVersion: string } | undefined;
  /** Of the running server process. */
  pid: number | undefined;
  /** When each request without an answer was seen, in microseconds, oldest first. */
  readonly inFlight: Readonly<Record<Initiator, Map<number, number>>>;
  /** Operations that wait for input. */
  readonly waiting: Set<number>;
  /** Operations that are streams, and under negative numbers HTTP exchanges that are. */
  readonly streams: Set<number>;
  readonly totals: Totals;
}

export interface SessionDurations {
  readonly labels: Readonly<
    Record<'server' | 'error_type' | 'mcp_protocol_version' | 'network_transport', string>
  >;
  readonly durations: Durations;
}

const FAILED_CAUSES: ReadonlySet<EndCause> = new Set(['server_crashed', 'start_failed']);

export class Sessions {
  readonly #labels: LabelValues;
  readonly #stats: Stats;
  readonly #active = new Map<string, Session>();
  readonly #ended = new Map<string, Totals>();
  readonly #durations = new Map<string, SessionDurations>();

  constructor(labels: LabelValues, stats: Stats) {
    this.#labels = labels;
    this.#stats = stats;
  }

  started(event: SessionStarted): void {
    const session = this.of(event.sessionId);
    session.server = this.#labels.admit('server', event.configuredName ?? event.command[0]);
    session.transport = event.transport === 'http' ? 'tcp' : 'pipe';
  }

  described(event: SessionDescribed): void {
    const session = this.of(event.sessionId);
    session.server = this.#labels.admit('server', event.server);
    session.client = {
      name: this.#labels.admit('client_name', event.clientInfo?.name),
      version: this.#labels.admit('client_version', event.clientInfo?.version),
      protocolVersion: this.#labels.admit('mcp_protocol_version', event.protocolVersion),
    };
  }

  serverStarted({ sessionId, serverPid }: ServerStarted): void {
    const session = this.of(sessionId);
    session.pid = serverPid;
    session.totals.starts += 1;
  }

  serverExited({ sessionId, crashed, signal }: ServerExited): void {
    const session = this.of(sessionId);
    const exited = signal === null ? 'exit_code' : 'signal';
    session.pid = undefined;
    addTo(session.totals.exits, crashed ? exited : 'normal', 1);
  }

  ended(event: SessionEnded): void {
    const { transport } = this.of(event.sessionId);
    this.#fold(event.sessionId);
    if (event.probe) return;
    const labels = {
      server: this.#labels.admit('server', event.server),
      error_type: FAILED_CAUSES.has(event.cause) ? '_OTHER' : '',
      mcp_protocol_version: this.#labels.admit('mcp_protocol_version', event.protocolVersion),
      network_transport: transport,
    };
    const key = Object.values(labels).join('\0');
    let known = this.#durations.get(key);
    if (known === undefined) this.#durations.set(key, (known = { labels, durations: new Durations() }));
    known.durations.observe(event.startedAtUs, event.atUs, event.span);
  }

  /** The active session of this id; one that was not announced is made up, under `_other`. */
  of(sessionId: string): Session {
    const known = this.#active.get(sessionId);
    if (known !== undefined) return known;
    for (const oldest of this.#active.keys()) {
      if (this.#active.size < MAX_SESSIONS) break;
      this.#stats.drop('metrics', 'session_cap');
      this.#fold(oldest);
    }
    const session: Session = {
      server: OTHER,
      transport: 'pipe',
      client: undefined,
      pid: undefined,
      inFlight: { client_to_server: new Map(), server_to_client: new Map() },
      waiting: new Set(),
      streams: new Set(),
      totals: newTotals(),
    };
    this.#active.set(sessionId, session);
    return session;
  }

  /** Beyond the cap a request is not among those in flight; nothing else is lost. */
  operationStarted(session: Session, initiator: Initiator, operationId: number, atUs: number): void {
    const inFlight = session.inFlight[initiator];
    if (inFlight.size < MAX_IN_FLIGHT) inFlight.set(operationId, atUs);
    else this.#stats.drop('metrics', 'in_flight_cap');
  }

  durations(): readonly SessionDurations[] {
    return [...this.#durations.values()];
  }

  active(): readonly Session[] {
    return [...this.#active.values()];
  }

  /** By the server's name, of ended and active sessions; to be asked once for a page, since it adds up all of them. */
  totals(): ReadonlyMap<string, Totals> {
    const all = new Map<string, Totals>();
    const add = (server: string, totals: Totals): void => {
      let sum = all.get(server);
      if (sum === undefined) all.set(server, (sum = newTotals()));
      addTotals(sum, totals);
    };
    for (const [server, totals] of this.#ended) add(server, totals);
    for (const { server, totals } of this.#active.values()) add(server, totals);
    return all;
  }

  #fold(sessionId: string): void {
    const session = this.#active.get(sessionId);
    if (session === undefined) return;
    this.#active.delete(sessionId);
    const ended = this.#ended.get(session.server);
    if (ended === undefined) this.#ended.set(session.server, session.totals);
    else addTotals(ended, session.totals);
  }
}

export function countMessage(session: Session, { channel, kind, sizeBytes }: MessageSeen): void {
  const tally = session.totals.messages[channel][kind];
  tally.count += 1;
  tally.bytes += sizeBytes;
}

export function countFinding(session: Session, rule: FindingRule): void {
  addTo(session.totals.findings, rule, 1);
}

function newTotals(): Totals {
  const kinds = () => ({
    request: { count: 0, bytes: 0 },
    notification: { count: 0, bytes: 0 },
    result: { count: 0, bytes: 0 },
    error: { count: 0, bytes: 0 },
    malformed: { count: 0, bytes: 0 },
  });
  return {
    messages: { client_to_server: kinds(), server_to_client: kinds() },
    findings: new Map(),
    exits: new Map(),
    starts: 0,
    toolsListBytes: undefined,
  };
}

const KINDS: readonly MessageKind[] = ['request', 'notification', 'result', 'error', 'malformed'];

function addTotals(into: Totals, from: Totals): void {
  for (const direction of ['client_to_server', 'server_to_client'] as const) {
    for (const kind of KINDS) {
      const tally = into.messages[direction][kind];
      tally.count += from.messages[direction][kind].count;
      tally.bytes += from.messages[direction][kind].bytes;
    }
  }
  for (const [rule, count] of from.findings) addTo(into.findings, rule, count);
  for (const [cause, count] of from.exits) addTo(into.exits, cause, count);
  into.starts += from.starts;
  into.toolsListBytes = from.toolsListBytes ?? into.toolsListBytes;
}

function addTo<K>(counts: Map<K, number>, key: K, count: number): void {
  counts.set(key, (counts.get(key) ?? 0) + count);
}
