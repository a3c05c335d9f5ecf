/** The JSON Schema of a line of a native recording, made of the words that reading it accepts. Pure. */
import { SESSION_ID } from './recordingLines.ts';
import { BODIES, CAUSES, CHANNELS, CONFIDENCES, ENDINGS, ERAS, EVIDENCE, KINDS } from './recording.ts';
import { RECORDING_VERSION, RECORDS, TRANSPORTS } from './recording.ts';

type Schema = Readonly<Record<string, unknown>>;

const COUNT = { type: 'integer', minimum: 0 };
const TEXT = { type: 'string' };
const TEXTS = { type: 'array', items: TEXT };
const SHA256 = { type: 'string', pattern: '^[0-9a-f]{64}$' };
const TIME = { ...COUNT, description: 'Microseconds since the Unix epoch.' };

/** The text of docs/recording.schema.json. */
export function renderRecordingSchema(): string {
  const schema = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'A line of a Sidelight recording',
    description: 'A header, then the frames, then an end. See recording-format.md.',
    oneOf: [header(), frame(), end()],
  };
  return JSON.stringify(schema, undefined, 2);
}

function header(): Schema {
  const party = members({ name: TEXT, version: TEXT });
  return {
    title: 'Header',
    ...members(
      {
        sidelight: { const: 'recording' },
        version: { const: RECORDING_VERSION },
        session: members(
          {
            id: { type: 'string', pattern: SESSION_ID.source },
            transport: { enum: TRANSPORTS },
            startedAt: TIME,
            endedAt: { ...TIME, description: `${TIME.description} Absent: the end was not recorded.` },
            endCause: { enum: Object.keys(CAUSES) },
            server: { ...TEXT, description: 'What lists call the server.' },
            serverInfo: party,
            clientInfo: party,
            protocolVersion: TEXT,
            era: { enum: ERAS },
            clientCapabilities: TEXTS,
            serverCapabilities: TEXTS,
            sessionIdHash: { ...TEXT, description: 'Hash of Mcp-Session-Id.' },
            inferred: members({
              evidence: { type: 'array', items: { enum: EVIDENCE } },
              confidence: { enum: CONFIDENCES },
            }),
            probe: { type: 'boolean', description: 'The client only asked which revisions there are.' },
            exitCode: { type: 'integer' },
            exitSignal: TEXT,
            lastStderr: TEXTS,
          },
          ['id', 'transport', 'startedAt'],
        ),
        environment: members({
          command: TEXTS,
          cwd: TEXT,
          envNames: { ...TEXTS, description: 'Never their values.' },
          target: { ...TEXT, description: 'HTTP: URL of the server.' },
          clientAddress: TEXT,
          hostname: TEXT,
          pid: COUNT,
          sidelightVersion: TEXT,
        }),
        completeness: members({
          record: { enum: RECORDS, description: 'What was asked for.' },
          bodies: { enum: BODIES, description: 'Which bodies there are.' },
          interrupted: { type: 'boolean' },
          droppedChunks: COUNT,
          droppedBytes: COUNT,
          droppedEvents: COUNT,
          missedExchanges: COUNT,
        }),
      },
      ['sidelight', 'version', 'session'],
    ),
  };
}

function frame(): Schema {
  return {
    title: 'Frame',
    ...members(
      {
        seq: {
          ...COUNT,
          description: 'Grows from line to line; a step over a number is a frame that was lost.',
        },
        at: TIME,
        channel: { enum: CHANNELS },
        kind: { enum: Object.keys(KINDS) },
        exchange: { ...COUNT, description: 'HTTP: the exchange it came on.' },
        eventId: { ...TEXT, description: 'Of the SSE event it came in.' },
        size: { ...COUNT, description: 'Bytes on the wire, without the line ending.' },
        ending: { enum: ENDINGS },
        truncated: { const: true },
        sha256: {
          ...SHA256,
          description: 'Of the frame as it was on the wire, where it is not here as it was.',
        },
        redactions: { ...COUNT, description: 'Values that were replaced in it.' },
        elided: { ...COUNT, description: 'Media of which type, size and hash are here.' },
        last: { const: true, description: 'No other frame of its exchange follows.' },
        method: { ...TEXT, description: 'Only where there is neither text nor base64.' },
        text: { ...TEXT, description: 'The bytes, where they are UTF-8.' },
        base64: { ...TEXT, contentEncoding: 'base64', description: 'The bytes, where they are not.' },
      },
      ['seq', 'at', 'channel', 'kind', 'size'],
    ),
  };
}

function end(): Schema {
  return {
    title: 'End',
    ...members(
      {
        end: { const: true },
        frames: COUNT,
        bytes: { ...COUNT, description: 'On the wire.' },
        truncatedFrames: COUNT,
        redactions: COUNT,
        elidedMedia: COUNT,
        sha256: { ...SHA256, description: 'Of every line before this one, each with its newline.' },
      },
      ['end', 'frames', 'sha256'],
    ),
  };
}

function members(properties: Readonly<Record<string, Schema>>, required: readonly string[] = []): Schema {
  return { type: 'object', properties, required, additionalProperties: false };
}
