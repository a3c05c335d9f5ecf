import { expect, test } from 'vitest';
import {
  bearerTokenOf,
  contentTypeOf,
  decodeHeaderValue,
  headerMismatches,
  headerOf,
  isEventStream,
  isJson,
  paramHeaders,
  paramMismatches,
} from '../../src/mcp/headers.ts';
import type { Notification, ParamFacts, Request } from '../../src/mcp/message.ts';

const MODERN: ParamFacts = { modern: true, protocolVersion: '2026-07-28' };
const base = { sizeBytes: 1, json: () => undefined, bytes: undefined };
const request = (method: string, params: ParamFacts): Request => ({
  kind: 'request',
  id: 0,
  method,
  params,
  ...base,
});
const notification = (method: string, params: ParamFacts): Notification => ({
  kind: 'notification',
  method,
  params,
  ...base,
});
const STANDARD = ['MCP-Protocol-Version', '2026-07-28', 'Mcp-Method', 'tools/call', 'Mcp-Name', 'add'];
const CALL = request('tools/call', { ...MODERN, name: 'add' });
const base64 = (text: string): string => `=?base64?${Buffer.from(text).toString('base64')}?=`;

test('a field is found in any case, and several of one name are one list', () => {
  const headers = ['Accept', 'a', 'X-One', '1', 'accept', 'b', 'ACCEPT', 'c'];
  expect(headerOf(headers, 'accept')).toBe('a, b, c');
  expect(headerOf(headers, 'x-one')).toBe('1');
  expect(headerOf(headers, 'x-two')).toBeUndefined();
  expect(headerOf([], 'x-two')).toBeUndefined();
});

test('the media type is told without parameters and in lower case', () => {
  expect(contentTypeOf(['content-type', 'Text/Event-Stream ; charset=utf-8'])).toBe('text/event-stream');
  expect(isEventStream(['Content-Type', 'text/event-stream;charset=utf-8'])).toBe(true);
  expect(isEventStream(['Content-Type', 'text/event-streams'])).toBe(false);
  expect(isJson(['Content-Type', 'application/JSON; charset=utf-8'])).toBe(true);
  expect(isJson(['Content-Type', 'application/problem+json'])).toBe(true);
  expect(isJson(['Content-Type', 'application/jsonl'])).toBe(false);
  expect(isJson([])).toBe(false);
});

test('a bearer token is found whatever the case of its scheme, and nothing else is taken for one', () => {
  expect(bearerTokenOf(['authorization', 'bearer  abc.def '])).toBe('abc.def');
  expect(bearerTokenOf(['Authorization', 'Basic abc'])).toBeUndefined();
  expect(bearerTokenOf([])).toBeUndefined();
});

test.each([
  ['us-west1', 'us-west1'],
  ['=?base64?SGVsbG8sIOS4lueVjA==?=', 'Hello, 世界'],
  ['=?base64?IHBhZGRlZCA=?=', ' padded '],
  ['=?base64?bGluZTEKbGluZTI=?=', 'line1\nline2'],
  ['=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=', '=?base64?literal?='],
  ['=?base64??=', ''],
  ['=?base64?77u/eA==?=', '\ufeffx'],
  ['=?BASE64?SGk=?=', '=?BASE64?SGk=?='],
  ['=?base64?SGk=', '=?base64?SGk='],
  ['', ''],
])('the value %s means %s', (value, meant) => {
  expect(decodeHeaderValue(value)).toBe(meant);
});

test.each([
  '=?base64?SGk?=',
  '=?base64?SG k=?=',
  '=?base64?SGk-?=',
  '=?base64?/w==?=',
  'caf\u00e9',
  'a\u0001b',
])('the value %j is malformed', (value) => {
  expect(decodeHeaderValue(value)).toBeUndefined();
});

test('headers that repeat what the body says are in order, in whatever case their names are', () => {
  expect(headerMismatches(STANDARD, CALL)).toEqual([]);
  expect(
    headerMismatches(
      STANDARD.map((text, index) => (index % 2 === 0 ? text.toUpperCase() : ` ${text}\t`)),
      CALL,
    ),
  ).toEqual([]);
});

test('each standard header that is missing from a modern request is told', () => {
  expect(headerMismatches([], CALL)).toEqual([
    { kind: 'missing', header: 'MCP-Protocol-Version', expected: '2026-07-28', got: undefined },
    { kind: 'missing', header: 'Mcp-Method', expected: 'tools/call', got: undefined },
    { kind: 'missing', header: 'Mcp-Name', expected: 'add', got: undefined },
  ]);
});

test('nothing is missing from a legacy request, or a notification', () => {
  const legacy = request('tools/call', { name: 'add' });
  expect(headerMismatches([], legacy)).toEqual([]);
  expect(headerMismatches(['MCP-Protocol-Version', '2025-11-25'], legacy)).toEqual([]);
  expect(headerMismatches([], request('initialize', { protocolVersion: '2025-11-25' }))).toEqual([]);
  expect(headerMismatches([], notification('notifications/progress', MODERN))).toEqual([]);
});

test('a header that says something else than the body is told, in either era', () => {
  const headers = ['MCP-Protocol-Version', '2025-11-25', 'Mcp-Method', 'Tools/Call', 'Mcp-Name', 'sub'];
  expect(headerMismatches(headers, CALL)).toEqual([
    { kind: 'differs', header: 'MCP-Protocol-Version', expected: '2026-07-28', got: '2025-11-25' },
    { kind: 'differs', header: 'Mcp-Method', expected: 'tools/call', got: 'Tools/Call' },
    { kind: 'differs', header: 'Mcp-Name', expected: 'add', got: 'sub' },
  ]);
  expect(headerMismatches(['Mcp-Method', 'ping'], request('tools/list', {}))).toMatchObject([
    { kind: 'differs', header: 'Mcp-Method' },
  ]);
  expect(headerMismatches(['Mcp-Method', 'x'], notification('notifications/cancelled', {}))).toMatchObject([
    { kind: 'differs', expected: 'notifications/cancelled', got: 'x' },
  ]);
});

test('a header sent twice is not what the body says once', () => {
  expect(headerMismatches([...STANDARD, 'mcp-name', 'add'], CALL)).toMatchObject([
    { kind: 'differs', header: 'Mcp-Name', got: 'add, add' },
  ]);
});

test('a modern version that only the header names is told', () => {
  expect(headerMismatches(['MCP-Protocol-Version', '2026-07-28'], request('tools/list', {}))).toEqual([
    { kind: 'differs', header: 'MCP-Protocol-Version', expected: undefined, got: '2026-07-28' },
  ]);
});

test.each([
  ['tools/call', { name: 'x' }],
  ['prompts/get', { name: 'x' }],
  ['resources/read', { uri: 'x' }],
  ['tasks/get', { taskId: 'x' }],
  ['tasks/update', { taskId: 'x' }],
  ['tasks/cancel', { taskId: 'x' }],
])('Mcp-Name of %s repeats %j', (method, params) => {
  const mismatches = (name: string): readonly unknown[] =>
    headerMismatches(
      [...STANDARD.slice(0, 3), method, 'Mcp-Name', name],
      request(method, { ...MODERN, ...params }),
    );
  expect(mismatches('x')).toEqual([]);
  expect(mismatches(base64('x'))).toEqual([]);
  expect(mismatches('y')).toMatchObject([{ kind: 'differs', expected: 'x', got: 'y' }]);
});

test('methods that name nothing need no Mcp-Name, and one that is there is not judged', () => {
  const list = request('tools/list', { ...MODERN, name: 'x' });
  expect(headerMismatches([...STANDARD.slice(0, 3), 'tools/list', 'Mcp-Name', 'y'], list)).toEqual([]);
});

test('Mcp-Name is compared decoded, Mcp-Method as it stands, and what cannot be decoded is malformed', () => {
  const named = request('tools/call', { ...MODERN, name: 'größe' });
  expect(headerMismatches([...STANDARD.slice(0, 4), 'Mcp-Name', base64('größe')], named)).toEqual([]);
  expect(headerMismatches([...STANDARD.slice(0, 4), 'Mcp-Name', 'größe'], named)).toMatchObject([
    { kind: 'malformed', header: 'Mcp-Name', expected: 'größe', got: 'größe' },
  ]);
  expect(headerMismatches([...STANDARD.slice(0, 4), 'Mcp-Name', '=?base64?AB?='], named)).toMatchObject([
    { kind: 'malformed', got: '=?base64?AB?=' },
  ]);
  const encodedMethod = [...STANDARD.slice(0, 3), base64('tools/call'), ...STANDARD.slice(4)];
  expect(headerMismatches(encodedMethod, CALL)).toMatchObject([{ kind: 'differs', header: 'Mcp-Method' }]);
});

const SCHEMA = {
  type: 'object',
  properties: {
    region: { type: 'string', 'x-mcp-header': 'Region' },
    query: { type: 'string' },
    page: {
      type: 'object',
      properties: {
        size: { type: 'integer', 'x-mcp-header': 'Page-Size' },
        all: { type: 'boolean', 'x-mcp-header': 'All' },
      },
    },
  },
};
const REGION = { header: 'Mcp-Param-Region', path: ['region'] };
const SIZE = { header: 'Mcp-Param-Page-Size', path: ['page', 'size'] };
const ALL = { header: 'Mcp-Param-All', path: ['page', 'all'] };

test('the annotated arguments of a tool are found at any depth', () => {
  expect(paramHeaders(SCHEMA)).toEqual([REGION, SIZE, ALL]);
});

test('an annotation that breaks a rule is left out', () => {
  const properties = {
    empty: { type: 'string', 'x-mcp-header': '' },
    spaced: { type: 'string', 'x-mcp-header': 'a b' },
    split: { type: 'string', 'x-mcp-header': 'a\r\nb' },
    number: { type: 'string', 'x-mcp-header': 1 },
    object: { type: 'object', 'x-mcp-header': 'Object' },
    untyped: { 'x-mcp-header': 'Untyped' },
    list: { type: 'array', items: { type: 'string', 'x-mcp-header': 'Item' } },
    either: { anyOf: [{ type: 'string', 'x-mcp-header': 'Either' }] },
    first: { type: 'string', 'x-mcp-header': 'Twice' },
    second: { type: 'string', 'x-mcp-header': 'twice' },
  };
  expect(paramHeaders({ type: 'string', 'x-mcp-header': 'Root', properties })).toEqual([
    { header: 'Mcp-Param-Twice', path: ['first'] },
  ]);
});

test.each([undefined, null, 1, 'x', [], { properties: null }, { properties: { a: null, b: 1 } }])(
  'a schema of %j has none',
  (schema) => {
    expect(paramHeaders(schema)).toEqual([]);
  },
);

test('a schema of any depth and width is read within bounds', () => {
  let deep: unknown = { type: 'string', 'x-mcp-header': 'Deep' };
  for (let depth = 0; depth < 10_000; depth++) deep = { properties: { a: deep } };
  expect(paramHeaders(deep)).toEqual([]);
  const wide = Object.fromEntries(
    Array.from({ length: 1000 }, (_, index) => [
      `p${index}`,
      { type: 'string', 'x-mcp-header': `H${index}` },
    ]),
  );
  expect(paramHeaders({ properties: wide })).toHaveLength(64);
});

test('arguments that their headers repeat are in order', () => {
  const headers = [
    'mcp-param-region',
    base64('köln'),
    'Mcp-Param-Page-Size',
    '42.0',
    'MCP-PARAM-ALL',
    'false',
  ];
  expect(
    paramMismatches(headers, paramHeaders(SCHEMA), { region: 'köln', page: { size: 42, all: false } }),
  ).toEqual([]);
});

test('an argument whose header is missing, malformed or different is told', () => {
  const headers = ['Mcp-Param-Region', '=?base64?x?=', 'Mcp-Param-Page-Size', '0x2a'];
  const args = { region: 'us', page: { size: 42, all: true } };
  expect(paramMismatches(headers, paramHeaders(SCHEMA), args)).toEqual([
    { kind: 'malformed', header: 'Mcp-Param-Region', expected: 'us', got: '=?base64?x?=' },
    { kind: 'differs', header: 'Mcp-Param-Page-Size', expected: '42', got: '0x2a' },
    { kind: 'missing', header: 'Mcp-Param-All', expected: 'true', got: undefined },
  ]);
});

test('an argument that is null, not there, no primitive or inherited has no header to have', () => {
  const declared = [...paramHeaders(SCHEMA), { header: 'Mcp-Param-X', path: ['constructor', 'name'] }];
  for (const args of [
    undefined,
    null,
    'x',
    {},
    { region: null, page: 1 },
    { region: { a: 1 }, page: { size: [] } },
  ]) {
    expect(paramMismatches(['Mcp-Param-Region', 'us'], declared, args)).toEqual([]);
  }
});
