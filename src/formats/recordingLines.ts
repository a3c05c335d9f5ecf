/** Lines of a native recording that were parsed, looked at before they are believed. Throws `Malformed`. Pure. */
import type { EndCause, FrameKind, Inferred } from '../event/event.ts';
import type { Party } from '../store/record.ts';
import {
  count,
  flag,
  isObject,
  type Json,
  Malformed,
  needed,
  object,
  oneOf,
  text,
  texts,
} from './members.ts';
import {
  BODIES,
  CAUSES,
  CHANNELS,
  CONFIDENCES,
  type End,
  ENDINGS,
  ERAS,
  EVIDENCE,
  type FrameLine,
  type Header,
  KINDS,
  RECORDS,
  TRANSPORTS,
} from './recording.ts';

export const SESSION_ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const SHA256 = /^[0-9a-f]{64}$/;

/** Takes a header of this version: see versions.ts. */
export function headerFrom(line: Json): Header {
  const session = needed(object(line, 'session'), 'session');
  const environment = object(line, 'environment') ?? {};
  const completeness = object(line, 'completeness') ?? {};
  const id = needed(text(session, 'id'), 'session.id');
  if (!SESSION_ID.test(id)) throw new Malformed('session.id is no UUID in lower case');
  const endedAtUs = count(session, 'endedAt');
  const record = oneOf(completeness, 'record', RECORDS) ?? 'full';
  return {
    session: {
      id,
      transport: oneOf(session, 'transport', TRANSPORTS) ?? 'stdio',
      startedAtUs: needed(count(session, 'startedAt'), 'session.startedAt'),
      endedAtUs,
      endCause: oneOf(session, 'endCause', Object.keys(CAUSES) as EndCause[]),
      server: text(session, 'server') ?? '',
      serverInfo: partyFrom(object(session, 'serverInfo')),
      clientInfo: partyFrom(object(session, 'clientInfo')),
      protocolVersion: text(session, 'protocolVersion'),
      era: oneOf(session, 'era', ERAS),
      clientCapabilities: texts(session, 'clientCapabilities'),
      serverCapabilities: texts(session, 'serverCapabilities'),
      sessionIdHash: text(session, 'sessionIdHash'),
      inferred: inferredFrom(object(session, 'inferred')),
      probe: flag(session, 'probe'),
      exitCode: exitCodeFrom(session.exitCode),
      exitSignal: text(session, 'exitSignal'),
      lastStderr: texts(session, 'lastStderr'),
      command: texts(environment, 'command'),
      cwd: text(environment, 'cwd') ?? '',
      envNames: texts(environment, 'envNames'),
      target: text(environment, 'target'),
      clientAddress: text(environment, 'clientAddress'),
      hostname: text(environment, 'hostname') ?? '',
      pid: count(environment, 'pid') ?? 0,
      sidelightVersion: text(environment, 'sidelightVersion') ?? '',
    },
    missing: {
      record,
      bodies: oneOf(completeness, 'bodies', BODIES) ?? (record === 'metadata' ? 'none' : 'all'),
      interrupted: endedAtUs === undefined,
      droppedChunks: count(completeness, 'droppedChunks') ?? 0,
      droppedBytes: count(completeness, 'droppedBytes') ?? 0,
      droppedEvents: count(completeness, 'droppedEvents') ?? 0,
      missedExchanges: count(completeness, 'missedExchanges') ?? 0,
    },
  };
}

/** Without what the tracker says of it. */
export function frameFrom(line: Json): FrameLine {
  const sha256 = text(line, 'sha256');
  if (sha256 !== undefined && !SHA256.test(sha256)) throw new Malformed('sha256 is no SHA-256 in hex');
  const bytes = bytesFrom(line);
  return {
    seq: needed(count(line, 'seq'), 'seq'),
    atUs: needed(count(line, 'at'), 'at'),
    channel: needed(oneOf(line, 'channel', CHANNELS), 'channel'),
    kind: needed(oneOf(line, 'kind', Object.keys(KINDS) as FrameKind[]), 'kind'),
    bytes,
    ending: oneOf(line, 'ending', ENDINGS) ?? '',
    sizeBytes: count(line, 'size') ?? bytes.length,
    sha256,
    truncated: flag(line, 'truncated'),
    redactions: count(line, 'redactions') ?? 0,
    elided: count(line, 'elided') ?? 0,
    method: text(line, 'method'),
    operationId: undefined,
    exchange: count(line, 'exchange'),
    eventId: text(line, 'eventId'),
    last: flag(line, 'last'),
  };
}

export function endFrom(line: Json): End {
  return {
    totals: {
      frames: needed(count(line, 'frames'), 'frames'),
      bytes: count(line, 'bytes') ?? 0,
      truncatedFrames: count(line, 'truncatedFrames') ?? 0,
      redactions: count(line, 'redactions') ?? 0,
      elidedMedia: count(line, 'elidedMedia') ?? 0,
    },
    sha256: needed(text(line, 'sha256'), 'sha256'),
  };
}

function bytesFrom(line: Json): Uint8Array {
  const base64 = text(line, 'base64');
  return base64 === undefined ? Buffer.from(text(line, 'text') ?? '', 'utf8') : Buffer.from(base64, 'base64');
}

function partyFrom(party: Json | undefined): Party {
  return {
    name: party === undefined ? undefined : text(party, 'name'),
    version: party === undefined ? undefined : text(party, 'version'),
  };
}

function inferredFrom(inferred: Json | undefined): Inferred | undefined {
  if (inferred === undefined) return undefined;
  const confidence = needed(oneOf(inferred, 'confidence', CONFIDENCES), 'confidence');
  const evidence = texts(inferred, 'evidence').filter((word): word is (typeof EVIDENCE)[number] =>
    (EVIDENCE as readonly string[]).includes(word),
  );
  return { evidence, confidence };
}

/** Windows has exit codes of 32 bits, with or without a sign. */
function exitCodeFrom(value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (Number.isSafeInteger(value)) return value as number;
  throw new Malformed('exitCode is no whole number');
}

/** Whether a line begins a recording, ends one, or is neither. */
export function lineKind(line: unknown): 'header' | 'end' | 'frame' {
  if (!isObject(line)) return 'frame';
  if (line.sidelight === 'recording') return 'header';
  return line.end === true ? 'end' : 'frame';
}
