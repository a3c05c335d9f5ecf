/**
 * Native recordings to events: frames as they are, and operations and findings derived of them. What the header says of the
 * session stands; what it says of nothing else is believed.
 */
import type { McpEvent, SessionStarted } from '../event/event.ts';
import { NativeReader } from '../formats/nativeReader.ts';
import type { FrameLine, Header, RecordedSession } from '../formats/recording.ts';
import { redactedFrame } from '../formats/redaction.ts';
import type { FormatReader } from '../formats/traffic.ts';
import { HttpFacts } from '../httpFacts.ts';
import { Tracker } from '../track/tracker.ts';
import { derivedIds, type ImportOptions, newId, trackerOf } from './options.ts';
import { Retracker } from './retrack.ts';

/** Of a session over HTTP that does not tell its server. */
const NOWHERE = 'http://unknown.invalid';

export function nativeImport(options: ImportOptions): FormatReader {
  const { redactor, events, leftOut } = options;
  let open: { readonly header: Header; readonly retracker: Retracker } | undefined;
  const last = { atUs: 0, seq: 0 };
  const seen = new Set<string>();
  return new NativeReader({
    leftOut,
    begun: (told) => {
      // The same recording may be in a file twice.
      const known = seen.has(told.session.id);
      const header = known ? { ...told, session: { ...told.session, id: newId(options) } } : told;
      seen.add(header.session.id);
      events.begun(header);
      const { session } = header;
      last.atUs = session.startedAtUs;
      last.seq = 0;
      events.event(startedOf(session));
      const { target, transport, id: sessionId, startedAtUs } = session;
      const url = new URL(target !== undefined && URL.canParse(target) ? target : NOWHERE);
      const tracker = new Tracker({
        ...trackerOf(options),
        ...derivedIds(sessionId),
        ...{ transport, sessionId, startedAtUs },
        configuredName: session.server === '' ? undefined : session.server,
        fallbackName: session.server,
        emit: (event) => {
          if (event.type === 'operation_finished' || event.type === 'finding_raised') events.event(event);
        },
      });
      const { sessionIdHash } = session;
      if (sessionIdHash !== undefined) tracker.recognised({ sessionIdHash }, startedAtUs);
      // What was hashed when it was recorded is told as it is.
      const facts = new HttpFacts({ target: url, redactor: undefined, hash: (text) => text });
      open = { header, retracker: new Retracker(session, tracker, facts) };
    },
    frame: (frame: FrameLine) => {
      if (open === undefined) return;
      last.atUs = frame.atUs;
      last.seq = frame.seq;
      const told = redactor === undefined ? frame : { ...redactedFrame(frame, redactor), last: frame.last };
      events.event(open.retracker.frame(told));
    },
    ended: (missing) => {
      if (open === undefined) return;
      const { header, retracker } = open;
      const { session } = header;
      const { endCause, endedAtUs, id } = session;
      retracker.end(endCause, endedAtUs, last.seq);
      for (const event of endOf(header, last.atUs)) events.event(event);
      open = undefined;
      events.ended(id, missing);
    },
  });
}

function startedOf(session: RecordedSession): SessionStarted {
  const {
    id: sessionId,
    startedAtUs: atUs,
    transport,
    command,
    cwd,
    envNames,
    pid,
    sidelightVersion,
  } = session;
  const { target, clientAddress, sessionIdHash, inferred } = session;
  return {
    type: 'session_started',
    ...{ sessionId, atUs, transport, command, cwd, envNames, pid, sidelightVersion },
    hostname: session.hostname,
    configuredName: undefined,
    ...(target !== undefined && { target }),
    ...(clientAddress !== undefined && { clientAddress }),
    ...(sessionIdHash !== undefined && { sessionIdHash }),
    ...(inferred !== undefined && { inferred }),
  };
}

/** What the header says stands, whatever was derived: some of it came from where no frame is. */
function endOf({ session, missing }: Header, lastUs: number): readonly McpEvent[] {
  const { id: sessionId, server, protocolVersion, era, clientCapabilities, serverCapabilities } = session;
  const { exitCode, exitSignal, lastStderr, endedAtUs, endCause, transport, startedAtUs, probe } = session;
  const { droppedChunks: chunks, droppedBytes: bytes, missedExchanges: exchanges } = missing;
  const base = { sessionId, atUs: endedAtUs ?? lastUs };
  const exit = { exitCode: exitCode ?? null, exitSignal: exitSignal ?? null };
  const isExited = exitCode !== undefined || exitSignal !== undefined || lastStderr.length > 0;
  return [
    {
      type: 'session_described',
      ...base,
      ...{ server, protocolVersion, era, clientCapabilities, serverCapabilities },
      serverInfo: partyOf(session.serverInfo),
      clientInfo: partyOf(session.clientInfo),
    },
    { type: 'copies_dropped', ...base, channel: 'server_to_client', chunks, bytes },
    { type: 'exchanges_missed', ...base, exchanges },
    ...(isExited
      ? [
          {
            type: 'server_exited' as const,
            ...base,
            code: exit.exitCode,
            signal: exit.exitSignal,
            crashed: endCause === 'server_crashed',
            lastStderr,
          },
        ]
      : []),
    ...(endedAtUs === undefined
      ? []
      : [
          {
            type: 'session_ended' as const,
            ...base,
            ...{ transport, startedAtUs, server, protocolVersion, probe, ...exit },
            cause: endCause ?? ('sidelight_stopped' as const),
            // Counted by whoever takes the events.
            ...{ operations: 0, failedOperations: 0, findings: 0 },
            span: NO_SPAN,
          },
        ]),
  ];
}

function partyOf({ name, version }: RecordedSession['serverInfo']) {
  return { ...(name !== undefined && { name }), ...(version !== undefined && { version }) };
}

/** Spans of sessions are not stored. */
const NO_SPAN = {
  traceId: '0'.repeat(32),
  spanId: '0'.repeat(16),
  parentSpanId: undefined,
  traceState: undefined,
  sampled: false,
};
