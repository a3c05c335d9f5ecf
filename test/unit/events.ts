/** Events as the tracker makes them, for tests of what is made out of them: a plain tool call, and what differs. */
import type {
  ExchangeFinished,
  OperationFinished,
  SessionDescribed,
  SessionEnded,
} from '../../src/event/event.ts';

export const SESSION_ID = '0193f0a0-0000-7000-8000-000000000000';
export const START_US = 1_790_000_000_123_456;
export const SESSION_SPAN = { traceId: '5e'.repeat(16), spanId: '5e'.repeat(8) };

export function spanIds(operationId: number): { readonly traceId: string; readonly spanId: string } {
  const spanId = (operationId + 0x1000).toString(16).padStart(16, '0');
  return { traceId: `${'0a'.repeat(8)}${spanId}`, spanId };
}

export function operation(differs: Partial<OperationFinished> = {}): OperationFinished {
  const { operationId = 1, startedAtUs = START_US, endedAtUs = START_US + 12_345, outcome = 'ok' } = differs;
  const requestId = differs.requestId ?? operationId;
  return {
    type: 'operation_finished',
    sessionId: SESSION_ID,
    atUs: endedAtUs,
    transport: 'stdio',
    operationId,
    initiator: 'client_to_server',
    method: 'tools/call',
    target: { kind: 'tool', name: 'echo' },
    targetListed: true,
    requestId,
    startedAtUs,
    endedAtUs,
    outcome,
    error: undefined,
    legs: [{ requestId, startedAtUs, endedAtUs, outcome }],
    span: { ...spanIds(operationId), parentSpanId: undefined, traceState: undefined, sampled: true },
    sessionSpan: SESSION_SPAN,
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
    firstSeq: 2,
    lastSeq: 3,
    ...differs,
  };
}

/** What an operation over HTTP has besides. */
export const OVER_HTTP: Pick<OperationFinished, 'transport' | 'http'> = {
  transport: 'http',
  http: {
    method: 'POST',
    path: '/mcp',
    status: 200,
    protocolVersion: '1.1',
    clientAddress: '192.0.2.7',
    clientPort: 50_123,
    serverAddress: 'mcp.example',
    serverPort: 443,
    sessionIdHash: '0123456789abcdef',
  },
};

export function exchange(differs: Partial<ExchangeFinished> = {}): ExchangeFinished {
  return {
    type: 'exchange_finished',
    sessionId: SESSION_ID,
    atUs: START_US + 2_000,
    exchange: 1,
    startedAtUs: START_US,
    method: 'POST',
    path: '/mcp',
    status: 200,
    failure: undefined,
    end: 'complete',
    stream: false,
    asked: false,
    requestBytes: 40,
    responseBytes: 90,
    ...differs,
  };
}

export function operations(count: number): readonly OperationFinished[] {
  return Array.from({ length: count }, (_, index) => operation({ operationId: index }));
}

export function described(differs: Partial<SessionDescribed> = {}): SessionDescribed {
  return {
    type: 'session_described',
    sessionId: SESSION_ID,
    atUs: START_US,
    server: 'everything',
    serverInfo: { name: 'everything', version: '2.0.0' },
    clientInfo: { name: 'client', version: '1.0.0' },
    protocolVersion: '2025-11-25',
    era: 'legacy',
    clientCapabilities: [],
    serverCapabilities: ['tools'],
    ...differs,
  };
}

export function ended(differs: Partial<SessionEnded> = {}): SessionEnded {
  return {
    type: 'session_ended',
    sessionId: SESSION_ID,
    atUs: START_US + 5_000_000,
    transport: 'stdio',
    startedAtUs: START_US,
    cause: 'client_closed',
    exitCode: 0,
    exitSignal: null,
    server: 'everything',
    protocolVersion: '2025-11-25',
    probe: false,
    operations: 3,
    failedOperations: 1,
    findings: 0,
    span: { ...SESSION_SPAN, parentSpanId: undefined, traceState: undefined, sampled: true },
    ...differs,
  };
}
