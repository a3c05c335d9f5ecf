import { expect, test } from 'vitest';
import { decode, OversizeDecoder } from '../../src/mcp/decode.ts';
import { eraOf, eraOfOpening, PROTOCOL_VERSIONS } from '../../src/mcp/era.ts';
import type { Batch, Message } from '../../src/mcp/message.ts';
import { methodInfo, METHODS } from '../../src/mcp/methods.ts';
import { MAX_BATCH_MESSAGES } from '../../src/mcp/scan.ts';

const decoded = (value: unknown): Message | Batch =>
  decode(Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)));
const rpc = (members: object): Message | Batch => decoded({ jsonrpc: '2.0', ...members });
const reasonOf = (message: Message | Batch): string | undefined =>
  message.kind === 'malformed' ? message.reason : undefined;

test('a message is told by its members, in whatever order they come', () => {
  expect(rpc({ id: 0, method: 'ping' })).toMatchObject({
    kind: 'request',
    id: 0,
    method: 'ping',
    params: {},
  });
  expect(rpc({ method: 'ping', params: { name: 'a' }, id: 'x' })).toMatchObject({
    id: 'x',
    params: { name: 'a' },
  });
  expect(rpc({ method: 'notifications/initialized' })).toMatchObject({ kind: 'notification' });
  expect(rpc({ result: {}, id: 1 })).toMatchObject({ kind: 'result', id: 1, result: {} });
  expect(rpc({ error: { code: -32601, message: 'no' }, id: 1 })).toMatchObject({
    kind: 'error',
    id: 1,
    code: -32601,
    message: 'no',
  });
});

test('ids keep their type: 1, "1", 0, "" and 1.5 are ids', () => {
  for (const id of [1, '1', 0, '', 1.5, -7]) expect(rpc({ id, method: 'ping' })).toMatchObject({ id });
});

test.each([null, {}, [], true])('a request or result with the id %j is malformed', (id) => {
  expect(reasonOf(rpc({ id, method: 'ping' }))).toBe('bad_id');
  expect(reasonOf(rpc({ id, result: {} }))).toBe('bad_id');
});

test('an error may lack an id or have null, where the server could not tell', () => {
  const error = { code: -32700, message: 'Parse error' };
  expect(rpc({ error })).toMatchObject({ kind: 'error', id: undefined });
  expect(rpc({ error, id: null })).toMatchObject({ kind: 'error', id: null });
  expect(reasonOf(rpc({ error, id: [] }))).toBe('bad_id');
  expect(reasonOf(rpc({ result: {} }))).toBe('bad_id');
});

test('an error without an integer code or a text says so', () => {
  expect(rpc({ id: 1, error: { code: 1.5, message: 7 } })).toMatchObject({
    code: undefined,
    message: undefined,
  });
  expect(rpc({ id: 1, error: 'broken' })).toMatchObject({ kind: 'error', code: undefined });
});

test('a jsonrpc other than "2.0" is told, a right one is not', () => {
  expect(decoded({ jsonrpc: '2.0', method: 'a' })).not.toHaveProperty('jsonrpc');
  expect(decoded({ jsonrpc: '1.0', method: 'a' })).toHaveProperty('jsonrpc', '1.0');
  expect(decoded({ jsonrpc: 2, method: 'a' })).toHaveProperty('jsonrpc', null);
  expect(decoded({ method: 'a' })).toHaveProperty('jsonrpc', null);
});

test('what is no message says why', () => {
  expect(reasonOf(decoded('Server running on stdio'))).toBe('not_json');
  expect(reasonOf(decoded('12'))).toBe('not_an_object');
  expect(reasonOf(decoded('"text"'))).toBe('not_an_object');
  expect(reasonOf(decoded('null'))).toBe('not_an_object');
  expect(reasonOf(decoded(' [ ] '))).toBe('empty_batch');
  expect(reasonOf(decoded({ jsonrpc: '2.0', id: 1 }))).toBe('not_json_rpc');
  expect(reasonOf(decoded({ method: 7, id: 1 }))).toBe('not_json_rpc');
  expect(reasonOf(decode(Buffer.from('{"method":"\xff"}', 'latin1')))).toBe('not_utf8');
});

test('an id or a method above its cap is not taken for one', () => {
  expect(reasonOf(rpc({ id: 'x'.repeat(2000), method: 'ping' }))).toBe('bad_id');
  expect(reasonOf(rpc({ id: 1, method: 'x'.repeat(2000) }))).toBe('not_json_rpc');
});

test('the facts of a modern request come from its metadata', () => {
  const prefix = 'io.modelcontextprotocol';
  const message = rpc({
    id: 1,
    method: 'tools/call',
    params: {
      name: 'add',
      protocolVersion: 'ignored',
      requestState: 's',
      inputResponses: {},
      _meta: {
        progressToken: 0,
        traceparent: '00-a-b-01',
        tracestate: 'k=v',
        [`${prefix}/protocolVersion`]: '2026-07-28',
        [`${prefix}/clientInfo`]: { name: 'host', version: '1' },
      },
    },
  });
  expect(message).toMatchObject({
    params: {
      name: 'add',
      progressToken: 0,
      traceparent: '00-a-b-01',
      tracestate: 'k=v',
      protocolVersion: '2026-07-28',
      modern: true,
      clientInfo: { name: 'host', version: '1' },
      requestState: 's',
      hasInputResponses: true,
    },
  });
});

test('a fact of the wrong type is absent', () => {
  const message = rpc({
    id: 1,
    method: 'a',
    params: { name: 1, uri: null, total: '1', clientInfo: 'x', _meta: [] },
  });
  expect(message).toHaveProperty('params', {});
  expect(rpc({ id: 1, result: { isError: 'true', serverInfo: { name: 1 } } })).toHaveProperty('result', {
    serverInfo: {},
  });
  expect(rpc({ method: 'a', params: ['name'] })).toHaveProperty('params', {});
});

test('__proto__ is a member like any other, and pollutes nothing', () => {
  const text =
    '{"__proto__":{"method":"x"},"method":"a","params":{"__proto__":{"name":"evil"},"constructor":1}}';
  const message = decoded(text);
  expect(message).toMatchObject({ kind: 'notification', method: 'a' });
  expect((message as { params: { name?: string } }).params.name).toBeUndefined();
  expect(({} as { name?: string }).name).toBeUndefined();
});

test('the whole message is parsed when asked for, never before', () => {
  const bytes = Buffer.from('{"jsonrpc":"2.0","method":"a","params":{"b":[1,"é"]}}');
  const message = decode(bytes) as Message & { json: () => unknown };
  expect(message.sizeBytes).toBe(bytes.length);
  expect(message.json()).toEqual({ jsonrpc: '2.0', method: 'a', params: { b: [1, 'é'] } });
});

test('a batch is decoded message by message, each with its own size and text', () => {
  const batch = decoded(
    ' [ {"jsonrpc":"2.0","id":1,"method":"ping"} ,{"jsonrpc":"2.0","method":"n"}, 7, [] ] ',
  );
  expect(batch).toMatchObject({
    kind: 'batch',
    sizeBytes: 85,
    messages: [
      { kind: 'request', id: 1, sizeBytes: 40 },
      { kind: 'notification', method: 'n', sizeBytes: 30 },
      { kind: 'malformed', reason: 'not_an_object' },
      { kind: 'malformed', reason: 'not_an_object' },
    ],
  });
  const [first] = (batch as Batch).messages;
  expect(first?.kind === 'request' && first.json()).toEqual({ jsonrpc: '2.0', id: 1, method: 'ping' });
});

test('a batch of more messages than are told apart is malformed', () => {
  const ping = { jsonrpc: '2.0', id: 1, method: 'ping' };
  const full = decoded(Array<object>(MAX_BATCH_MESSAGES).fill(ping));
  expect(full.kind === 'batch' && full.messages.length).toBe(MAX_BATCH_MESSAGES);
  expect(reasonOf(decoded(Array<object>(MAX_BATCH_MESSAGES + 1).fill(ping)))).toBe('batch_above_cap');
});

test('a message above the parse cap has its facts, and no text', () => {
  const decoder = new OversizeDecoder();
  const chunk = Buffer.alloc(64 * 1024, 'x');
  const head = Buffer.from('{"result":{"content":[{"type":"text","text":"');
  const tail = Buffer.from('"}],"isError":true},"jsonrpc":"2.0","id":42}');
  decoder.push(head);
  for (let index = 0; index < 320; index++) decoder.push(chunk);
  for (const byte of tail) decoder.push(Uint8Array.of(byte));
  const message = decoder.end(head.length + 320 * chunk.length + tail.length);
  expect(message).toMatchObject({ kind: 'result', id: 42, result: { isError: true }, sizeBytes: 20_971_609 });
  expect(message.kind === 'result' && message.json()).toBeUndefined();
});

test('a batch above the parse cap is not told apart', () => {
  const decoder = new OversizeDecoder();
  decoder.push(Buffer.from('[{}]'));
  expect(decoder.end(4)).toEqual({ kind: 'malformed', reason: 'batch_above_cap', sizeBytes: 4 });
});

test('every method has one row, and names that are no method have none', () => {
  expect(new Set(METHODS.map((row) => row.method)).size).toBe(METHODS.length);
  expect(methodInfo('tools/call')).toMatchObject({ kind: 'request', targetKind: 'tool' });
  expect(methodInfo('subscriptions/listen')).toMatchObject({ stream: true });
  for (const name of ['toString', '__proto__', '', 'tools']) expect(methodInfo(name)).toBeUndefined();
});

test('every revision that a method names is a released one, and it is gone only after it came', () => {
  for (const { since, until } of METHODS) {
    expect(eraOf(since)).toBeDefined();
    if (until !== undefined) expect(until > since && eraOf(until)).toBeDefined();
  }
});

test('the era of a process is told by the message that opens it', () => {
  const meta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' };
  const era = (members: object): unknown => eraOfOpening(rpc(members) as Message);
  expect(era({ id: 0, method: 'initialize', params: { protocolVersion: '2025-11-25' } })).toBe('legacy');
  expect(era({ id: 0, method: 'tools/list', params: { _meta: meta } })).toBe('modern');
  expect(era({ id: 0, method: 'server/discover', params: {} })).toBe('modern');
  expect(era({ id: 0, method: 'tools/list' })).toBeUndefined();
  expect(era({ method: 'notifications/initialized' })).toBeUndefined();
});

test('the released versions are in order, and each has its era', () => {
  const versions = PROTOCOL_VERSIONS.map((row) => row.version);
  expect(versions).toEqual([...versions].sort());
  expect(versions.filter((version) => eraOf(version) === 'modern')).toEqual(['2026-07-28']);
  expect(eraOf('2027-01-01')).toBeUndefined();
});
