/** The words that `sessions`, `show` and `tail` have in common. */
import { describe, expect, it } from 'vitest';
import { endOf, httpStatusOf, inferredOf, serverAt } from '../../src/cli/describe.ts';
import { sinceStart } from '../../src/cli/showOperations.ts';
import type { OperationHttp } from '../../src/event/event.ts';

const http = (status: number | undefined): OperationHttp => ({
  method: 'POST',
  path: '/mcp',
  status,
  protocolVersion: '1.1',
  clientAddress: '127.0.0.1',
  clientPort: 50123,
  serverAddress: '127.0.0.1',
  serverPort: 3001,
});

describe('what is told of a recording', () => {
  it.each([
    ['nothing of a usual 200', 'ok', 200, ''],
    ['nothing of a 202, after which the result came on the other stream', 'ok', 202, ''],
    ['a 202 after which nothing came', 'abandoned', 202, 'HTTP 202'],
    ['an error status', 'http_error', 502, 'HTTP 502'],
    ['an error status with an answer in JSON-RPC', 'protocol_error', 404, 'HTTP 404'],
    ['a result that came with the status of an error', 'ok', 500, 'HTTP 500'],
    ['nothing when there was no response', 'disconnected', undefined, ''],
  ] as const)('has %s', (_what, outcome, status, told) => {
    expect(httpStatusOf({ outcome, http: http(status) })).toBe(told);
  });

  it('has no status where there is no HTTP', () => {
    expect(httpStatusOf({ outcome: 'ok' })).toBe('');
  });

  it('says from what a session was inferred and how far that can be trusted', () => {
    expect(inferredOf({ evidence: ['client_info', 'address'], confidence: 'medium' })).toBe(
      'from client info, address (confidence: medium)',
    );
  });

  it('names what stands behind Sidelight: a URL, or a command', () => {
    expect(serverAt({ target: 'http://127.0.0.1:3001/mcp', command: [] })).toBe('http://127.0.0.1:3001/mcp');
    expect(serverAt({ target: undefined, command: ['node', 'server.js\u001b'] })).toBe(
      'node server.js\\u001b',
    );
  });

  it('says in words how a session ended', () => {
    expect((['deleted', 'idle', 'client_closed'] as const).map(endOf)).toEqual([
      'deleted by the client',
      'idle for too long',
      'client closed',
    ]);
  });

  it.each([
    [0, '   +0.000 s'],
    [1_234_567, '   +1.235 s'],
    // An exchange can be opened before the one that opened the session, and be placed after it.
    [-2_100, '   -0.002 s'],
    [-400, '   +0.000 s'],
    [86_400_000_000, '+86400.000 s'],
  ])('counts time from the start of the session with one sign: %d µs', (since, told) => {
    expect(sinceStart(1_750_000_000_000_000 + since, { startedAtUs: 1_750_000_000_000_000 })).toBe(told);
  });
});
