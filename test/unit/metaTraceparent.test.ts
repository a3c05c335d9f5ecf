import { describe, expect, it } from 'vitest';
import { tracedRequests, withTraceparents } from '../../src/mcp/metaTraceparent.ts';

const OURS = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
const THEIRS = `00-${'1'.repeat(32)}-${'2'.repeat(16)}-00`;

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** The text with ours in each of its requests; with several, numbered ones. */
function edited(text: string): string {
  const input = bytes(text);
  const requests = tracedRequests(input);
  const edits = requests.map((request, index) => ({
    request,
    traceparent: requests.length === 1 ? OURS : `#${index}`,
  }));
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(withTraceparents(input, edits));
}

const HEAD = '"jsonrpc":"2.0","id":1,"method":"tools/call"';
const T = `"traceparent":"${OURS}"`;

describe('a request gets our traceparent, and no other byte changes', () => {
  it.each([
    ['without params', `{${HEAD}}`, `{${HEAD},"params":{"_meta":{${T}}}}`],
    ['with empty params', `{${HEAD},"params":{}}`, `{${HEAD},"params":{"_meta":{${T}}}}`],
    ['without _meta', `{${HEAD},"params":{"name":"x"}}`, `{${HEAD},"params":{"name":"x","_meta":{${T}}}}`],
    ['with an empty _meta', `{${HEAD},"params":{"_meta":{}}}`, `{${HEAD},"params":{"_meta":{${T}}}}`],
    [
      'with white space in _meta',
      `{${HEAD},"params":{"_meta":{ \t}}}`,
      `{${HEAD},"params":{"_meta":{ \t${T}}}}`,
    ],
    [
      'with other members in _meta',
      `{${HEAD},"params":{"_meta":{"progressToken":1,"tracestate":"a=b"},"name":"x"}}`,
      `{${HEAD},"params":{"_meta":{"progressToken":1,"tracestate":"a=b",${T}},"name":"x"}}`,
    ],
    [
      'with a traceparent',
      `{${HEAD},"params":{"_meta":{"a":1,"traceparent":"${THEIRS}","b":[]}}}`,
      `{${HEAD},"params":{"_meta":{"a":1,${T},"b":[]}}}`,
    ],
    [
      'with a traceparent that is a number',
      `{${HEAD},"params":{"_meta":{"traceparent": -1.5e3 }}}`,
      `{${HEAD},"params":{"_meta":{"traceparent": "${OURS}" }}}`,
    ],
    [
      'with a traceparent that is null',
      `{${HEAD},"params":{"_meta":{"traceparent":null,"x":1}}}`,
      `{${HEAD},"params":{"_meta":{${T},"x":1}}}`,
    ],
    [
      'with a traceparent that is an object',
      `{${HEAD},"params":{"_meta":{"traceparent":{"traceparent":["}"]},"x":1}}}`,
      `{${HEAD},"params":{"_meta":{${T},"x":1}}}`,
    ],
    [
      'with a traceparent that is an array',
      `{${HEAD},"params":{"_meta":{"traceparent":[[],{"a":1}]}}}`,
      `{${HEAD},"params":{"_meta":{${T}}}}`,
    ],
    [
      'with two traceparents',
      `{${HEAD},"params":{"_meta":{"traceparent":"${THEIRS}","traceparent":"x"}}}`,
      `{${HEAD},"params":{"_meta":{${T},${T}}}}`,
    ],
    [
      'with two _metas, of which one has a traceparent',
      `{${HEAD},"params":{"_meta":{"traceparent":"x"},"_meta":{}}}`,
      `{${HEAD},"params":{"_meta":{${T}},"_meta":{${T}}}}`,
    ],
    [
      'with params twice',
      `{"params":{"a":1},${HEAD},"params":{"_meta":{"b":2}}}`,
      `{"params":{"a":1,"_meta":{${T}}},${HEAD},"params":{"_meta":{"b":2,${T}}}}`,
    ],
    [
      'with escapes in the keys',
      `{${HEAD},"\\u0070arams":{"_me\\u0074a":{"\\u0074raceparent":"x"}}}`,
      `{${HEAD},"\\u0070arams":{"_me\\u0074a":{"\\u0074raceparent":"${OURS}"}}}`,
    ],
    [
      'with texts that look like one',
      `{${HEAD},"params":{"arguments":{"_meta":{"traceparent":"x"},"t":"\\"_meta\\":{\\"traceparent\\":\\"y\\"}"}}}`,
      `{${HEAD},"params":{"arguments":{"_meta":{"traceparent":"x"},"t":"\\"_meta\\":{\\"traceparent\\":\\"y\\"}"},"_meta":{${T}}}}`,
    ],
    [
      'with objects of the same names inside _meta',
      `{${HEAD},"params":{"_meta":{"_meta":{"traceparent":"x"},"params":{}}}}`,
      `{${HEAD},"params":{"_meta":{"_meta":{"traceparent":"x"},"params":{},${T}}}}`,
    ],
    [
      'with white space everywhere',
      ` {\r\n "id" : "é" , "method" : "m" ,\t"params" : { "_meta" : { "a" : 1 } } } \r`,
      ` {\r\n "id" : "é" , "method" : "m" ,\t"params" : { "_meta" : { "a" : 1 ,${T}} } } \r`,
    ],
    [
      'with unicode around',
      `{${HEAD},"params":{"日本":"😀\\ud83d","_meta":{"é":"\\u00e9"}}}`,
      `{${HEAD},"params":{"日本":"😀\\ud83d","_meta":{"é":"\\u00e9",${T}}}}`,
    ],
    ['that ends its line', `{${HEAD}}\r\n`, `{${HEAD},"params":{"_meta":{${T}}}}\r\n`],
    ['without a version', `{"method":"m","id":"a"}`, `{"method":"m","id":"a","params":{"_meta":{${T}}}}`],
    [
      'whose last id is one',
      `{"id":null,"method":"m","id":0}`,
      `{"id":null,"method":"m","id":0,"params":{"_meta":{${T}}}}`,
    ],
  ])('%s', (_name, text, expected) => {
    expect(edited(text)).toBe(expected);
  });

  it('each of a batch its own, and what else is in it none', () => {
    const text = `[{"id":1,"method":"a"} , 7,{"method":"note"},{"id":2,"result":{}},[{"id":3,"method":"b"}],{"id":4,"method":"c","params":{"_meta":{"traceparent":"x"}}}]`;
    expect(edited(text)).toBe(
      `[{"id":1,"method":"a","params":{"_meta":{"traceparent":"#0"}}} , 7,{"method":"note"},{"id":2,"result":{}},[{"id":3,"method":"b"}],{"id":4,"method":"c","params":{"_meta":{"traceparent":"#1"}}}]`,
    );
  });

  it.each([
    ['params that are null', `{${HEAD},"params":null}`],
    ['params that are an array', `{${HEAD},"params":[{"_meta":{}}]}`],
    ['params that are a number', `{${HEAD},"params":1}`],
    ['params that are an object and then a string', `{${HEAD},"params":{},"params":"x"}`],
    ['a _meta that is null', `{${HEAD},"params":{"_meta":null}}`],
    ['a _meta that is an array', `{${HEAD},"params":{"_meta":[]}}`],
    ['a _meta that is a number', `{${HEAD},"params":{"_meta":0}}`],
    ['a _meta that is a string and then an object', `{${HEAD},"params":{"_meta":"x","_meta":{}}}`],
    ['a notification', `{"jsonrpc":"2.0","method":"notifications/initialized","params":{"_meta":{}}}`],
    ['a result', `{"jsonrpc":"2.0","id":1,"result":{"params":{"_meta":{}}}}`],
    ['an error', `{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"method"}}`],
    ['an id that is null', `{"id":null,"method":"m"}`],
    ['an id that is an object', `{"id":1,"id":{},"method":"m"}`],
    ['a method that is no text', `{"id":1,"method":["m"]}`],
    ['two messages in one text', `{${HEAD}}{${HEAD}}`],
    ['a text that breaks off', `{${HEAD},"params":{"_meta":{}}`],
    ['a comma too many', `{${HEAD},}`],
    ['text before it', `x{${HEAD}}`],
    ['a byte order mark before it', `\ufeff{${HEAD}}`],
    ['a number', '12'],
    ['a string', `"{${HEAD}}"`],
    ['an empty batch', '[]'],
    ['nothing', ''],
    ['white space', ' \r\n'],
    ['a batch of more than are told apart', `[${Array(1001).fill(`{${HEAD}}`).join(',')}]`],
  ])('%s stays as it is', (_name, text) => {
    expect(tracedRequests(bytes(text))).toEqual([]);
    expect(edited(text)).toBe(text);
  });

  it('bytes that are no UTF-8 stay as they are', () => {
    const latin1 = Buffer.from(`{${HEAD},"params":{"name":"\xe9"}}`, 'latin1');
    expect(tracedRequests(latin1)).toEqual([]);
  });

  it.each([
    ['the last one of several', `"_meta":{"traceparent":"a","traceparent":"b"}`, 'b'],
    ['none where the last _meta has none', `"_meta":{"traceparent":"a"},"_meta":{}`, undefined],
    ['one with escapes', `"_meta":{"traceparent":"\\u0061b"}`, 'ab'],
    ['none where it is no text', `"_meta":{"traceparent":"a","traceparent":1}`, undefined],
  ])('it says what the caller said: %s', (_name, members, traceparent) => {
    expect(tracedRequests(bytes(`{${HEAD},"params":{${members}}}`))).toMatchObject([{ id: 1, traceparent }]);
  });

  it.each([
    [`"inputResponses":{}`, true],
    [`"requestState":"s"`, true],
    [`"arguments":{"requestState":"s"}`, false],
  ])('it knows a retry with input: %s', (members, isRetry) => {
    expect(tracedRequests(bytes(`{${HEAD},"params":{${members}}}`))).toMatchObject([{ isRetry }]);
  });

  it('depth is no trouble', () => {
    const deep = '['.repeat(200_000) + ']'.repeat(200_000);
    const text = `{${HEAD},"params":{"deep":${deep}}}`;
    expect(edited(text)).toBe(`{${HEAD},"params":{"deep":${deep},"_meta":{${T}}}}`);
  });
});
