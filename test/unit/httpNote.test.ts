/** What `sidelight show` says of a frame of kind `http`. */
import { describe, expect, it } from 'vitest';
import { httpNoteOf } from '../../src/cli/httpNote.ts';

const request = {
  fact: 'request',
  connection: 3,
  client: { address: '127.0.0.1', port: 50123 },
  method: 'POST',
  target: '/mcp?a=1',
  httpVersion: '1.1',
  headers: [
    ['Accept', 'application/json, text/event-stream'],
    ['Content-Type', 'application/json'],
  ],
};
const response = { fact: 'response', status: 200, reason: 'OK', headers: [] };
const ended = { fact: 'response_ended', end: 'complete', trailers: [] };

const lineOf = (fact: unknown): string | undefined => httpNoteOf(JSON.stringify(fact))?.line;

describe('a frame of kind http', () => {
  it.each([
    ['a request line', request, 'POST /mcp?a=1 HTTP/1.1'],
    [
      'where a stream is resumed',
      { ...request, method: 'GET', target: '/mcp', headers: [['Last-Event-ID', 'stream_7']] },
      'GET /mcp HTTP/1.1, resumes after event stream_7',
    ],
    ['a status without a body', { ...response, status: 202, reason: 'Accepted' }, '202 Accepted'],
    ['a status without a reason', { ...response, reason: '' }, '200'],
    [
      'what the body is',
      {
        ...response,
        headers: [
          ['Content-Encoding', 'br'],
          ['CONTENT-TYPE', 'text/event-stream'],
        ],
      },
      '200 OK text/event-stream br',
    ],
    [
      'where a redirect leads',
      { ...response, status: 307, reason: 'Temporary Redirect', headers: [['Location', '/v2/mcp']] },
      '307 Temporary Redirect, location: /v2/mcp',
    ],
    [
      'which login is asked for',
      {
        ...response,
        status: 401,
        reason: 'Unauthorized',
        headers: [['WWW-Authenticate', 'Bearer realm="x"']],
      },
      '401 Unauthorized, www-authenticate: Bearer realm="x"',
    ],
    [
      'when to come again',
      { ...response, status: 429, reason: 'Too Many Requests', headers: [['Retry-After', '30']] },
      '429 Too Many Requests, retry-after: 30',
    ],
    [
      'that the answer is not of the server, and why',
      {
        ...response,
        status: 502,
        reason: 'Bad Gateway',
        headers: [['content-type', 'application/json']],
        failure: 'refused',
        detail: 'h:1 refused the connection (ECONNREFUSED)',
      },
      '502 Bad Gateway, by sidelight (refused: h:1 refused the connection (ECONNREFUSED))',
    ],
    [
      'a failure without a detail',
      { ...response, status: 403, reason: 'Forbidden', failure: 'forbidden' },
      '403 Forbidden, by sidelight (forbidden)',
    ],
    [
      'an upgrade',
      { ...response, status: 101, reason: 'Switching Protocols', upgraded: true },
      '101 Switching Protocols, upgraded',
    ],
    ['who went away', { ...ended, end: 'client_gone' }, 'response ended: client gone'],
    ['who broke off', { ...ended, end: 'server_gone' }, 'response ended: server gone'],
    ['that it was Sidelight', { ...ended, end: 'stopped' }, 'response ended: sidelight stopped'],
    ['an end that was lost', { ...ended, end: 'unknown' }, 'response ended: its end was not seen'],
    [
      'trailers',
      {
        ...ended,
        trailers: [
          ['X-Sum', 'abc'],
          ['X-Len', '7'],
        ],
      },
      'response ended: complete, trailers: X-Sum, X-Len',
    ],
    ['the id of an event', { fact: 'event', type: '', id: '7_0', retry: 200 }, 'event id=7_0, retry=200'],
    [
      'where the older transport posts to',
      { fact: 'event', type: 'endpoint', data: '/messages?sessionId=[hashed:0a]' },
      'event endpoint, data: /messages?sessionId=[hashed:0a]',
    ],
    ['an event of nothing', { fact: 'event', type: '' }, 'event'],
    ['a form by its size alone', { fact: 'form', sizeBytes: 60 }, 'form of 60 B, not recorded'],
  ])('tells %s in one line', (_what, fact, line) => {
    expect(lineOf(fact)).toBe(line);
  });

  it('gives the headers one per line, in their order and case, and before them who sent them', () => {
    expect(httpNoteOf(JSON.stringify(request))?.details).toEqual([
      '(client 127.0.0.1:50123, connection 3)',
      'Accept: application/json, text/event-stream',
      'Content-Type: application/json',
    ]);
    const socket = { ...request, client: { address: '' }, headers: [] };
    expect(httpNoteOf(JSON.stringify(socket))?.details).toEqual(['(client, connection 3)']);
    const trailers = {
      ...ended,
      trailers: [
        ['X-Sum', 'abc'],
        ['X-Len', '7'],
      ],
    };
    expect(httpNoteOf(JSON.stringify(trailers))?.details).toEqual(['X-Sum: abc', 'X-Len: 7']);
  });

  it('is a failure when the status is an error or the server broke off, not when a client leaves', () => {
    const failed = (fact: unknown): boolean | undefined => httpNoteOf(JSON.stringify(fact))?.failed;
    expect([200, 202, 304, 400, 404, 502].map((status) => failed({ ...response, status }))).toEqual([
      ...[false, false, false],
      ...[true, true, true],
    ]);
    expect(
      ['complete', 'client_gone', 'stopped', 'server_gone'].map((end) => failed({ ...ended, end })),
    ).toEqual([false, false, false, true]);
  });

  it('steers no terminal, whatever a peer put into it', () => {
    const evil = '\u001b[2J\r\n\u202e';
    const headers = [[`x${evil}`, `y${evil}`]];
    const facts = [
      { ...request, method: evil, target: evil, headers: [['last-event-id', evil], ...headers] },
      {
        ...response,
        reason: evil,
        headers: [['location', evil], ...headers],
        failure: 'closed',
        detail: evil,
      },
      { ...ended, end: evil, trailers: [[evil, evil]] },
      { fact: 'event', type: evil, id: evil, data: evil },
    ];
    for (const fact of facts) {
      const note = httpNoteOf(JSON.stringify(fact));
      expect([note?.line, ...(note?.details ?? [])].join('')).not.toMatch(/[\u0000-\u001f\u202e]/);
    }
  });

  it.each([
    ['cut off', '{"fact":"request","head'],
    ['of a fact that is not known', '{"fact":"of a later version"}'],
    ['without a fact', '{}'],
    ['no object', 'null'],
    ['named like a member that every object has', '{"fact":"constructor"}'],
  ])('is left as it is when it is %s', (_how, text) => {
    expect(httpNoteOf(text)).toBeUndefined();
  });

  it('holds when members are missing or of another kind', () => {
    expect(lineOf({ fact: 'request', headers: 7, client: 'x' })).toBeDefined();
    expect(lineOf({ fact: 'response', headers: [null, 'a', ['b']], status: {} })).toBe('');
    expect(lineOf({ fact: 'response_ended', trailers: 'none' })).toBe('response ended:');
  });
});
