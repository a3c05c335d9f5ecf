import { describe, expect, it } from 'vitest';
import { MODERN_META } from '../track/conversation.ts';
import { JSON_TYPE, Records, SSE_TYPE } from './httpRecords.ts';

const call = (id: number, name = 'echo', params: object = {}) => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name, ...params },
});
const result = (id: number, text = '') => ({
  jsonrpc: '2.0',
  id,
  result: { content: [{ type: 'text', text }] },
});

describe('exchanges', () => {
  it('that are under way at the same time keep apart what belongs to each', () => {
    const records = new Records();
    const first = records.exchange().posts(call(1, 'a')).responds(SSE_TYPE);
    const second = records.exchange().posts(call(1, 'b')).responds();
    first.body('server_to_client', 'data: {"jsonrpc":"2.0",');
    second.body('server_to_client', JSON.stringify(result(1)).slice(0, 20));
    first.body('server_to_client', '"id":1,"result":{"isError":true}}\n\n');
    second.body('server_to_client', JSON.stringify(result(1)).slice(20));
    second.ends();
    first.ends();
    const told = records.of('operation_finished').map(({ target, outcome }) => [target?.name, outcome]);
    expect(told).toEqual([
      ['a', 'tool_error'],
      ['b', 'ok'],
    ]);
    expect(records.of('finding_raised')).toEqual([]);
  });

  it('whose response comes before the end of the request are observed both ways', () => {
    const records = new Records();
    const exchange = records
      .exchange()
      .request()
      .body('client_to_server', JSON.stringify(call(1)).slice(0, 10));
    exchange.responds(['Content-Type', 'text/plain'], { status: 413 });
    exchange.body('client_to_server', JSON.stringify(call(1)).slice(10)).requestEnds();
    exchange.body('server_to_client', 'too much').ends();
    expect(records.outcomes()).toEqual(['tools/call http_error']);
    expect(records.frames().map(([kind]) => kind)).toEqual(['http', 'http', 'request', 'body']);
  });

  it('are told when they are over, with their sizes, whatever they carried', () => {
    const records = new Records();
    records.exchange().posts(call(1)).answers(result(1));
    records
      .exchange()
      .request({ method: 'GET', target: '/mcp?token=abc' })
      .requestEnds()
      .responds([], { status: 405 })
      .ends();
    const [asked, other] = records.of('exchange_finished');
    expect(asked).toMatchObject({ asked: true, status: 200, end: 'complete', method: 'POST', path: '/mcp' });
    expect(asked?.requestBytes).toBe(JSON.stringify(call(1)).length);
    expect(asked?.responseBytes).toBe(JSON.stringify(result(1)).length);
    expect(other).toMatchObject({ asked: false, status: 405, method: 'GET', path: '/mcp', stream: false });
  });

  it('that should have an answer and have none are found, but not those of HTTP+SSE', () => {
    const rules = (target: string): string[] => {
      const records = new Records();
      const post = records.exchange().request({ target });
      post.body('client_to_server', call(1)).requestEnds().responds([], { status: 202 }).ends();
      return records.of('finding_raised').map(({ rule }) => rule);
    };
    expect(rules('/mcp')).toEqual(['http_without_json_rpc']);
    expect(rules('/message?sessionId=7')).toEqual(['deprecated_feature']);
  });

  it('whose answer is to come elsewhere, or is not to come, lack none', () => {
    const primed = new Records();
    const post = primed.exchange().posts(call(1)).responds(SSE_TYPE);
    post.body('server_to_client', 'id: 7-0\ndata:\n\n').ends();
    const again = primed.exchange().request({ method: 'GET', headers: ['Last-Event-ID', '7-0'] });
    again.requestEnds().responds(SSE_TYPE).event(result(1), '7-1').ends();
    const cancelled = new Records();
    const slow = cancelled.exchange().posts(call(1));
    const params = { requestId: 1 };
    const cancel = { jsonrpc: '2.0', method: 'notifications/cancelled', params };
    cancelled.exchange().posts(cancel).responds([], { status: 202 }).ends();
    slow.responds(SSE_TYPE).ends();
    for (const records of [primed, cancelled]) {
      records.close();
      expect(records.of('finding_raised')).toEqual([]);
    }
    expect(primed.outcomes()).toEqual(['tools/call ok']);
    expect(cancelled.outcomes()).toEqual(['tools/call cancelled']);
  });

  it('whose session id is not of their revision are found', () => {
    const records = new Records();
    const { params, ...rest } = call(1);
    const modern = { ...rest, params: { ...params, _meta: MODERN_META } };
    records.exchange().posts(modern, ['Mcp-Session-Id', 'x']).responds().ends();
    records.exchange().posts(call(1), ['Mcp-Session-Id', 'y']).responds().ends();
    const misused = records.of('finding_raised').filter(({ rule }) => rule === 'session_id_misuse');
    expect(misused.map(({ detail }) => detail)).toEqual(['tools/call of 2026-07-28 with Mcp-Session-Id']);
  });

  it('that listen are streams from the response to their end', () => {
    const records = new Records();
    const get = records.exchange().request({ method: 'GET' }).requestEnds().responds(SSE_TYPE);
    const post = records.exchange().posts(call(1)).responds(SSE_TYPE).event(result(1)).ends();
    expect(post).toBeDefined();
    expect(records.of('stream_opened')).toMatchObject([{ exchange: 1 }]);
    get.ends('client_gone');
    expect(records.of('exchange_finished')).toMatchObject([
      { exchange: 2, stream: false },
      { exchange: 1, stream: true, end: 'client_gone' },
    ]);
  });

  it('that are open when Sidelight stops end with it', () => {
    const records = new Records();
    records.exchange().posts(call(1)).responds(SSE_TYPE);
    records.close();
    expect(records.of('exchange_finished')).toMatchObject([{ end: 'unknown' }]);
    expect(records.events.at(-1)).toMatchObject({ type: 'session_ended', cause: 'sidelight_stopped' });
  });
});

describe('a body', () => {
  it('that is longer than a message may be is told by its size and hash, and still finds its operation', () => {
    const records = new Records();
    records
      .exchange()
      .posts(call(1))
      .answers(result(1, 'x'.repeat(20_000)));
    expect(records.outcomes()).toEqual(['tools/call ok']);
    const frame = records.of('frame_recorded').find(({ kind }) => kind === 'result');
    expect(frame).toMatchObject({ truncated: true });
    expect(frame?.sizeBytes).toBeGreaterThan(20_000);
    expect(frame?.sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(frame?.bytes.length).toBeLessThanOrEqual(1000);
  });

  it.each(['client_gone', 'server_gone'] as const)(
    'that is cut off (%s) is kept as far as it came',
    (end) => {
      const records = new Records();
      records
        .exchange()
        .posts(call(1))
        .responds()
        .body('server_to_client', '{"jsonrpc":"2.0","id":1,')
        .ends(end);
      expect(records.frames().at(-2)).toEqual(['unterminated', '{"jsonrpc":"2.0","id":1,']);
      records.close();
      const outcome = end === 'server_gone' ? 'disconnected' : 'abandoned';
      expect(records.outcomes()).toEqual([`tools/call ${outcome}`]);
    },
  );
});

describe('copies that were lost', () => {
  it('within an exchange make a gap in its session, which tells how much, and no operation is made up', () => {
    const records = new Records();
    const exchange = records
      .exchange()
      .posts(call(1))
      .responds(SSE_TYPE)
      .event({ jsonrpc: '2.0', method: 'a' });
    exchange.loses().event(result(1)).recovers();
    exchange.event({ jsonrpc: '2.0', method: 'b' }).ends();
    const lostBytes = `data: ${JSON.stringify(result(1))}\n\n`.length;
    expect(records.of('copies_dropped')).toMatchObject([
      { chunks: 1, bytes: lostBytes, channel: 'server_to_client' },
    ]);
    expect(records.outcomes()).toEqual(['tools/call unknown']);
    expect(records.frames().filter(([kind]) => kind === 'gap')).toHaveLength(1);
  });

  it('of which the end was one are given up when that is told', () => {
    const records = new Records();
    records.exchange().posts(call(1)).responds().loses().ends();
    expect(records.outcomes()).toEqual([]);
    records.lifecycle({ fact: 'exchanges_lost', exchanges: [1], unseen: 0 });
    expect(records.outcomes()).toEqual(['tools/call unknown']);
    expect(records.of('exchange_finished')).toMatchObject([{ end: 'unknown' }]);
  });

  it('of an exchange whose beginning was one are counted, since nobody knows whose they are', () => {
    const records = new Records();
    records
      .exchange()
      .loses()
      .request()
      .recovers()
      .body('client_to_server', call(1))
      .requestEnds()
      .answers(result(1));
    expect(records.events).toEqual([]);
    expect(records.dropped).toEqual(['unknown_exchange', 'unknown_exchange']);
  });

  it('of whole exchanges make every session that lasted incomplete, and no later one', () => {
    const records = new Records();
    const of = (name: string): readonly string[] => ['Authorization', `Bearer ${name}`];
    records.exchange().posts(call(1), of('early')).answers(result(1));
    records.lifecycle({ fact: 'exchanges_lost', exchanges: [], unseen: 3 });
    records.exchange().posts(call(2), of('late')).answers(result(2));
    records.lifecycle({ fact: 'exchanges_lost', exchanges: [], unseen: 2 });
    records.close();
    expect(records.of('exchanges_missed').map(({ sessionId, exchanges }) => [sessionId, exchanges])).toEqual([
      [records.of('session_started')[0]?.sessionId, 5],
      [records.of('session_started')[1]?.sessionId, 2],
    ]);
  });
});

describe('arguments that calls repeat in headers', () => {
  const tools = [
    {
      name: 'weather',
      inputSchema: {
        type: 'object',
        properties: { city: { type: 'string', 'x-mcp-header': 'City' }, days: { type: 'integer' } },
      },
    },
  ];
  const modern = (id: number, method: string, params: object) => ({
    jsonrpc: '2.0',
    id,
    method,
    params: { ...params, _meta: MODERN_META },
  });
  const headers = (method: string, ...more: readonly string[]) => [
    ...['MCP-Protocol-Version', '2026-07-28', 'Mcp-Method', method],
    ...more,
  ];

  it.each([
    ['the same', ['Mcp-Param-City', 'Kyiv'], []],
    ['the same in base64', ['Mcp-Param-City', '=?base64?S3lpdg==?='], []],
    ['another one', ['Mcp-Param-City', 'Oslo'], ['Mcp-Param-City: Oslo, the body says Kyiv']],
    ['none', [], ['Mcp-Param-City: missing, the body says Kyiv']],
  ] as const)('are compared with them once the tool was listed: %s', (_what, own, findings) => {
    const records = new Records();
    const list = headers('tools/list');
    records
      .exchange()
      .posts(modern(1, 'tools/list', {}), list)
      .answers({ jsonrpc: '2.0', id: 1, result: { tools } });
    const asked = modern(2, 'tools/call', { name: 'weather', arguments: { city: 'Kyiv', days: 3 } });
    records
      .exchange()
      .posts(asked, headers('tools/call', 'Mcp-Name', 'weather', ...own))
      .answers(result(2));
    expect(records.of('finding_raised').map(({ detail }) => detail)).toEqual(findings);
  });

  it('are not compared for a tool that was not listed', () => {
    const records = new Records();
    const asked = modern(2, 'tools/call', { name: 'weather', arguments: { city: 'Kyiv' } });
    records
      .exchange()
      .posts(asked, headers('tools/call', 'Mcp-Name', 'weather'))
      .responds(JSON_TYPE)
      .ends();
    expect(records.of('finding_raised').map(({ rule }) => rule)).not.toContain('header_mismatch');
  });
});
