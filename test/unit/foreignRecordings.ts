/** Files as other programs write them, in the shapes of the versions that docs/recording-format.md names. */

const line = (value: object): string => `${JSON.stringify(value)}\n`;
const call = (id: number, name: string): object => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name, arguments: { text: 'hi' } },
});
const HELLO = {
  jsonrpc: '2.0',
  id: 0,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'mcp', version: '0.1.0' } },
};
const WELCOME = {
  jsonrpc: '2.0',
  id: 0,
  result: {
    protocolVersion: '2025-11-25',
    capabilities: { tools: {} },
    serverInfo: { name: 'Test Calculator', version: '2.14.5' },
  },
};

function envelope(seq: number, direction: string, said: object, sessionId = 's1'): string {
  const ts = `2026-09-01T10:00:00.${String(seq).padStart(3, '0')}456789Z`;
  return line({
    session_id: sessionId,
    server_label: 'calculator',
    seq,
    ts,
    direction,
    transport: 'stdio',
    ...said,
  });
}

export const MCPSNOOP = [
  envelope(0, 'meta', { raw: { command: ['node', 'calc.js'], cwd: '/srv' } }),
  envelope(1, 'c2s', { raw: HELLO }),
  envelope(2, 's2c', { raw: WELCOME }),
  envelope(3, 'c2s', { raw: call(1, 'add') }),
  envelope(4, 'stderr', { text: 'adding' }),
  envelope(5, 's2c', { text: 'stray output' }),
  envelope(6, 's2c', { raw: { jsonrpc: '2.0', id: 1, result: { content: [], isError: true } } }),
  envelope(7, 'c2s', { raw: HELLO }, 's2'),
  envelope(8, 'c2s', { raw: 'BIG' }).replace(
    '"BIG"',
    '{"jsonrpc":"2.0","id":12345678901234567890,"method":"ping"}',
  ),
].join('');

const interaction = (said: object): object => ({
  type: 'jsonrpc_request',
  request: null,
  response: null,
  response_is_sse: true,
  response_status: 200,
  latency_ms: 7,
  http_method: null,
  http_path: null,
  ...said,
});

export const CASSETTE = JSON.stringify(
  {
    version: '1.0',
    metadata: {
      recorded_at: '2026-02-17T20:25:23.855390+00:00',
      server_url: 'http://127.0.0.1:8000',
      protocol_version: '2025-11-25',
      server_info: { name: 'Test Calculator', version: '2.14.5' },
    },
    interactions: [
      interaction({ request: HELLO, response: WELCOME }),
      interaction({
        type: 'notification',
        request: { jsonrpc: '2.0', method: 'notifications/initialized' },
        response_is_sse: false,
        response_status: 202,
      }),
      interaction({ request: call(1, 'add'), response: { jsonrpc: '2.0', id: 1, result: { content: [] } } }),
      interaction({
        request: call(2, 'fail'),
        response: { jsonrpc: '2.0', id: 2, error: { code: -32603, message: 'oops' } },
        response_is_sse: false,
      }),
      interaction({ type: 'lifecycle', http_method: 'GET', http_path: '/mcp', latency_ms: 86 }),
      interaction({ type: 'lifecycle', http_method: 'DELETE', http_path: '/mcp', response_is_sse: false }),
    ],
  },
  undefined,
  2,
);

interface Entry {
  readonly at: number;
  readonly ms: number;
  readonly method?: string;
  readonly url?: string;
  readonly headers?: readonly (readonly [string, string])[];
  readonly body?: string;
  readonly status?: number;
  readonly type?: string;
  readonly text?: string;
  readonly encoding?: string;
  readonly responseHeaders?: readonly (readonly [string, string])[];
}

function entry({ at, ms, method = 'POST', url = 'https://mcp.example/mcp', ...rest }: Entry): object {
  const { headers = [], body, status = 200, type = 'application/json', text = '', encoding } = rest;
  const fields = (pairs: readonly (readonly [string, string])[]) =>
    pairs.map(([name, value]) => ({ name, value }));
  return {
    startedDateTime: new Date(Date.UTC(2026, 8, 1, 10) + at).toISOString(),
    time: ms,
    request: {
      method,
      url,
      httpVersion: 'HTTP/2',
      cookies: [],
      headers: fields([['Authorization', 'Bearer abcdefghijklmnop'], ...headers]),
      queryString: [],
      headersSize: -1,
      bodySize: body?.length ?? 0,
      ...(body !== undefined && { postData: { mimeType: 'application/json', text: body } }),
    },
    response: {
      status,
      statusText: '',
      httpVersion: 'HTTP/2',
      cookies: [],
      headers: fields([
        ['content-type', type],
        ['content-encoding', 'gzip'],
        ...(rest.responseHeaders ?? []),
      ]),
      content: { size: text.length, mimeType: type, text, ...(encoding !== undefined && { encoding }) },
      redirectURL: '',
      headersSize: -1,
      bodySize: -1,
    },
    cache: {},
    timings: { send: 0, wait: ms - 1, receive: 1 },
  };
}

const NAMED = [['Mcp-Session-Id', 'abc']] as const;

export const HAR = JSON.stringify({
  log: {
    version: '1.2',
    creator: { name: 'WebInspector', version: '537.36' },
    pages: [
      { startedDateTime: '2026-09-01T10:00:00.000Z', id: 'page_1', title: '"entries":[', pageTimings: {} },
    ],
    entries: [
      entry({
        at: 0,
        ms: 5,
        method: 'GET',
        url: 'https://mcp.example/app.js',
        type: 'text/javascript',
        text: 'let a',
      }),
      entry({
        at: 10,
        ms: 20,
        body: JSON.stringify(HELLO),
        text: JSON.stringify(WELCOME),
        responseHeaders: NAMED,
      }),
      entry({
        at: 40,
        ms: 100,
        body: JSON.stringify(call(1, 'slow')),
        headers: NAMED,
        type: 'text/event-stream',
        text: `event: message\nid: 1\ndata: {"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}\n\ndata: ${JSON.stringify({ jsonrpc: '2.0', id: 1, result: { content: [] } })}\n\n`,
      }),
      entry({
        at: 50,
        ms: 10,
        body: JSON.stringify(call(2, 'quick')),
        headers: NAMED,
        text: Buffer.from(
          JSON.stringify({ jsonrpc: '2.0', id: 2, result: { isError: true, content: [] } }),
        ).toString('base64'),
        encoding: 'base64',
      }),
      entry({
        at: 200,
        ms: 10,
        body: JSON.stringify(call(3, 'gone')),
        headers: NAMED,
        status: 0,
        type: 'x-unknown',
      }),
      entry({
        at: 300,
        ms: 10,
        body: JSON.stringify(call(4, 'lost')),
        headers: NAMED,
        status: 503,
        type: 'text/html',
        text: 'busy',
      }),
    ],
  },
});
