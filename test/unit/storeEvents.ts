/** Events of made-up sessions, as the tracker would tell them. Numbered, so that a test can say which ones it misses. */
import type {
  FindingRaised,
  FrameRecorded,
  McpEvent,
  OperationFinished,
  SessionDescribed,
  SessionEnded,
  SessionStarted,
} from '../../src/event/event.ts';
import type { StoredFrame } from '../../src/store/block.ts';

export const START_US = 1_750_000_000_000_000;

export function sessionId(number: number): string {
  return `01977420-dc00-7000-8000-${number.toString(16).padStart(12, '0')}`;
}

export function started(id: string, changes: Partial<SessionStarted> = {}): SessionStarted {
  return {
    type: 'session_started',
    sessionId: id,
    atUs: START_US,
    transport: 'stdio',
    configuredName: undefined,
    command: ['node', 'server.js'],
    cwd: '/srv',
    envNames: ['HOME', 'PATH'],
    pid: process.pid,
    hostname: 'host',
    sidelightVersion: '0.0.0',
    ...changes,
  };
}

export function described(id: string, changes: Partial<SessionDescribed> = {}): SessionDescribed {
  return {
    type: 'session_described',
    sessionId: id,
    atUs: START_US + 10,
    server: 'everything',
    serverInfo: { name: 'everything', version: '2.0.0' },
    clientInfo: { name: 'inspector', version: '1.2.3' },
    protocolVersion: '2025-11-25',
    era: 'legacy',
    clientCapabilities: ['sampling'],
    serverCapabilities: ['tools', 'logging'],
    ...changes,
  };
}

export function frame(id: string, seq: number, changes: Partial<FrameRecorded> = {}): FrameRecorded {
  const bytes = changes.bytes ?? Buffer.from(`{"jsonrpc":"2.0","id":${seq},"method":"tools/call"}`);
  return {
    type: 'frame_recorded',
    sessionId: id,
    atUs: START_US + seq * 1000,
    seq,
    channel: seq % 2 === 0 ? 'client_to_server' : 'server_to_client',
    kind: seq % 2 === 0 ? 'request' : 'result',
    bytes,
    ending: '\n',
    sizeBytes: bytes.length,
    sha256: undefined,
    truncated: false,
    redactions: 0,
    elided: 0,
    method: 'tools/call',
    operationId: Math.floor(seq / 2),
    ...changes,
  };
}

export function operation(
  id: string,
  operationId: number,
  changes: Partial<OperationFinished> = {},
): OperationFinished {
  const startedAtUs = START_US + operationId * 2000;
  const endedAtUs = startedAtUs + 1000;
  return {
    type: 'operation_finished',
    sessionId: id,
    atUs: endedAtUs,
    transport: 'stdio',
    operationId,
    initiator: 'client_to_server',
    method: 'tools/call',
    target: { kind: 'tool', name: 'echo' },
    targetListed: true,
    requestId: operationId,
    startedAtUs,
    endedAtUs,
    outcome: 'ok',
    error: undefined,
    legs: [{ requestId: operationId, startedAtUs, endedAtUs, outcome: 'ok' }],
    span: {
      traceId: '0af7651916cd43dd8448eb211c80319c',
      spanId: operationId.toString(16).padStart(16, '0'),
      parentSpanId: undefined,
      traceState: undefined,
      sampled: true,
    },
    sessionSpan: { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' },
    parentOperationId: undefined,
    stream: false,
    jsonrpc: undefined,
    protocolVersion: '2025-11-25',
    server: 'everything',
    requestBytes: 300,
    resultBytes: 300,
    progressCount: 0,
    notes: [],
    notesDropped: 0,
    firstSeq: operationId * 2,
    lastSeq: operationId * 2 + 1,
    ...changes,
  };
}

export function finding(id: string, seq: number, changes: Partial<FindingRaised> = {}): FindingRaised {
  return {
    type: 'finding_raised',
    sessionId: id,
    atUs: START_US + seq * 1000,
    rule: 'late_result',
    channel: 'server_to_client',
    seq,
    operationId: undefined,
    detail: `late ${seq}`,
    ...changes,
  };
}

export function ended(id: string, changes: Partial<SessionEnded> = {}): SessionEnded {
  return {
    type: 'session_ended',
    sessionId: id,
    atUs: START_US + 5_000_000,
    transport: 'stdio',
    startedAtUs: START_US,
    cause: 'client_closed',
    exitCode: 0,
    exitSignal: null,
    server: 'everything',
    protocolVersion: '2025-11-25',
    probe: false,
    operations: 0,
    failedOperations: 0,
    findings: 0,
    span: {
      traceId: '0af7651916cd43dd8448eb211c80319c',
      spanId: 'b7ad6b7169203331',
      parentSpanId: undefined,
      traceState: undefined,
      sampled: true,
    },
    ...changes,
  };
}

/** `count` operations with their two frames each, from operation `from` on: three events an operation. */
export function calls(id: string, from: number, count: number, body?: Uint8Array): McpEvent[] {
  const events: McpEvent[] = [];
  for (let number = from; number < from + count; number += 1) {
    const changes = body === undefined ? {} : { bytes: body };
    events.push(frame(id, number * 2, changes), frame(id, number * 2 + 1, changes), operation(id, number));
  }
  return events;
}

/** A frame in a form to compare: bytes as hex, so that a Buffer and a Uint8Array of the same bytes are equal. */
export function comparable({ bytes, ...rest }: StoredFrame): object {
  return { ...rest, hex: Buffer.from(bytes).toString('hex') };
}

/** What the store is to give back for a frame. */
export function asStored({ type: _type, sessionId: _sessionId, ...rest }: FrameRecorded): object {
  return comparable(rest);
}
