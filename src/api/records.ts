/** What is recorded, as the API shows it: the schemas of sessions, operations, findings and frames. They describe and read nothing. */
import * as z from 'zod/mini';
import { FINDINGS } from '../event/findings.ts';
import {
  CAUSES,
  CHANNELS,
  CONFIDENCES,
  ENDINGS,
  ERAS,
  EVIDENCE,
  KINDS,
  RECORDS,
  TRANSPORTS,
} from '../formats/recording.ts';
import {
  count,
  list,
  maybeCount,
  maybeText,
  named,
  outcome,
  severity,
  text,
  texts,
  time,
  told,
} from './schemaWords.ts';

const rule = z.enum(FINDINGS.map((finding) => finding.rule));
const cursor = told(z.string(), 'A place in a list, for `after`.');

const Completeness = named(
  'Completeness',
  z.object({
    complete: told(z.boolean(), 'Every frame is there, whole.'),
    record: z.enum(RECORDS),
    bodies: z.enum(['all', 'undecided', 'part', 'none']),
    interrupted: z.boolean(),
    droppedChunks: count(),
    droppedBytes: count(),
    missedExchanges: count(),
    droppedEvents: count(),
    truncatedFrames: count(),
    elidedMedia: count(),
    redactions: count(),
  }),
);

const party = z.object({ name: maybeText, version: maybeText });
const sessionMembers = {
  id: text,
  status: z.enum(['live', 'ok', 'failed', 'crashed', 'interrupted']),
  completeness: Completeness,
  startedAtUs: time(),
  endedAtUs: z.optional(time()),
  transport: z.enum(TRANSPORTS),
  server: text,
  serverInfo: party,
  clientInfo: party,
  protocolVersion: maybeText,
  era: z.optional(z.enum(ERAS)),
  clientCapabilities: texts,
  serverCapabilities: texts,
  command: told(list(z.string()), 'Of the server. It is shown, and never run.'),
  cwd: text,
  envNames: texts,
  pid: count(),
  hostname: text,
  sidelightVersion: text,
  eventVersion: count(),
  record: z.enum(RECORDS),
  endCause: z.optional(z.enum(Object.keys(CAUSES) as (keyof typeof CAUSES)[])),
  exitCode: z.optional(z.int()),
  exitSignal: maybeText,
  lastStderr: texts,
  target: told(z.optional(z.string()), 'HTTP: URL of the server. It is shown, and never opened.'),
  clientAddress: maybeText,
  sessionIdHash: maybeText,
  inferred: z.optional(z.object({ evidence: list(z.enum(EVIDENCE)), confidence: z.enum(CONFIDENCES) })),
  probe: z.boolean(),
  frames: count(),
  bytes: count(),
  operations: count(),
  failedOperations: count(),
  findings: count(),
  pinned: z.boolean(),
  note: maybeText,
  replayOf: maybeText,
};
export const Session = named('Session', z.object(sessionMembers));
export const FoundSession = named('FoundSession', z.object({ ...sessionMembers, cursor }));

const direction = z.enum(['client_to_server', 'server_to_client']);
const requestId = z.union([z.string(), z.number(), z.null()]);
const leg = z.object({
  requestId,
  startedAtUs: time(),
  endedAtUs: time(),
  outcome,
  asked: z.optional(texts),
});
const operationHttp = z.object({
  method: text,
  path: text,
  status: z.optional(z.int()),
  protocolVersion: text,
  clientAddress: text,
  clientPort: maybeCount(),
  serverAddress: text,
  serverPort: maybeCount(),
  sessionIdHash: maybeText,
});
const operationMembers = {
  number: told(count(), 'Grows in the order in which operations were stored, over all sessions.'),
  sessionId: text,
  operationId: told(count(), 'Within its session.'),
  initiator: direction,
  method: text,
  target: z.optional(z.object({ kind: z.enum(['tool', 'prompt', 'resource']), name: text })),
  requestId,
  startedAtUs: time(),
  endedAtUs: time(),
  outcome,
  error: z.optional(z.object({ code: z.optional(z.number()), type: text, message: maybeText })),
  parentOperationId: maybeCount(),
  stream: z.boolean(),
  requestBytes: count(),
  resultBytes: count(),
  progressCount: count(),
  firstSeq: count(),
  lastSeq: count(),
  traceId: text,
  spanId: text,
  legs: told(list(leg), 'Empty for the one leg that most operations have.'),
  task: z.optional(z.object({ states: list(z.object({ atUs: time(), status: text })), polls: count() })),
  subscription: z.optional(
    z.object({
      acknowledgedAtUs: z.optional(time()),
      notifications: count(),
      closedBy: z.optional(z.enum(['client', 'server', 'connection'])),
    }),
  ),
  http: z.optional(operationHttp),
};
export const Operation = named('Operation', z.object(operationMembers));
export const FoundOperation = named(
  'FoundOperation',
  z.object({ ...operationMembers, server: text, findingRules: texts, cursor }),
);

export const Finding = named(
  'Finding',
  z.object({
    sessionId: text,
    atUs: time(),
    rule,
    channel: z.enum(CHANNELS),
    seq: count(),
    operationId: maybeCount(),
    detail: text,
    severity,
    title: text,
    hint: text,
  }),
);

const frameMembers = {
  seq: count(),
  atUs: time(),
  channel: z.enum(CHANNELS),
  kind: z.enum(Object.keys(KINDS) as (keyof typeof KINDS)[]),
  ending: z.enum(ENDINGS),
  sizeBytes: told(count(), 'On the wire, without the line ending.'),
  recordedBytes: told(count(), 'Of the payload that is recorded.'),
  sha256: told(z.optional(z.string()), 'Of the frame as it was on the wire, where it was cut.'),
  truncated: z.boolean(),
  redactions: count(),
  elided: count(),
  method: maybeText,
  operationId: maybeCount(),
  exchange: maybeCount(),
  eventId: maybeText,
  text: told(
    z.optional(z.string()),
    'The payload where it is UTF-8, or with `payload=preview` its beginning.',
  ),
  base64: told(z.optional(z.string()), 'The payload where it is not.'),
};
export const Frame = named('Frame', z.object(frameMembers));
export const DecodedFrame = named(
  'DecodedFrame',
  z.object({ ...frameMembers, json: told(z.optional(z.unknown()), 'The payload where it is JSON, parsed.') }),
);
