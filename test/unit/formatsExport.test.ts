/** What goes out is read by something that is not ours: HAR by its schema, OTLP by a receiver, HTML by a parser of tags. */
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { Script } from 'node:vm';
import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import { ByBeginning } from '../../src/formats/calls.ts';
import { startReceiver } from './receiver.ts';
import {
  exported,
  folder,
  HTTP_ID,
  httpEvents,
  imported,
  reading,
  STDIO_ID,
  stdioEvents,
  stored,
  TALK,
} from './recordings.ts';
import { described, ended, finding, frame, operation, sessionId, started } from './storeEvents.ts';

const load = createRequire(import.meta.url);
const ajv = new Ajv({ strict: false, allErrors: true });
ajv.addMetaSchema(load('ajv/dist/refs/json-schema-draft-06.json') as object);
(addFormats as unknown as (to: Ajv) => void)(ajv);
for (const schema of Object.values(load('har-schema') as Record<string, object>)) ajv.addSchema(schema);

interface Har {
  readonly log: {
    readonly entries: readonly {
      readonly startedDateTime: string;
      readonly time: number;
      readonly request: {
        readonly method: string;
        readonly url: string;
        readonly headers: readonly { readonly name: string; readonly value: string }[];
        readonly postData?: { readonly text: string };
      };
      readonly response: {
        readonly status: number;
        readonly statusText: string;
        readonly content: { readonly text?: string; readonly mimeType: string };
      };
      readonly timings: { readonly send: number; readonly wait: number; readonly receive: number };
    }[];
  };
}

async function har(id: string, events: () => Parameters<typeof stored>[1]): Promise<Har> {
  const dir = folder();
  await stored(dir, events());
  return JSON.parse(await exported(dir, id, 'har')) as Har;
}

describe('HAR', () => {
  it.each([
    ['over HTTP', HTTP_ID, httpEvents],
    ['over stdio', STDIO_ID, () => stdioEvents(STDIO_ID, TALK)],
    ['with nothing in it', STDIO_ID, () => stdioEvents(STDIO_ID, [])],
  ])('of a session %s is valid by the schema of HAR 1.2', async (_name, id, events) => {
    const document = await har(id, events);
    const valid = ajv.getSchema('har.json#');
    expect(valid?.(document), JSON.stringify(valid?.errors)).toBe(true);
    for (const { time, timings } of document.log.entries)
      expect(time).toBeCloseTo(timings.send + timings.wait + timings.receive, 6);
    const starts = document.log.entries.map(({ startedDateTime }) => startedDateTime);
    expect(starts).toEqual([...starts].sort());
  });

  it('holds each exchange with its bodies, and streams as streams', async () => {
    const { entries } = (await har(HTTP_ID, httpEvents)).log;
    expect(entries.map(({ request, response }) => [request.method, response.status])).toEqual([
      ['POST', 200],
      ['GET', 200],
      ['POST', 200],
      ['POST', 202],
      ['POST', 502],
      ['POST', 200],
      ['DELETE', 204],
    ]);
    expect(entries[0]?.request.url).toBe('http://127.0.0.1:3001/mcp');
    expect(JSON.parse(entries[0]?.request.postData?.text ?? '')).toMatchObject({ method: 'initialize' });
    expect(entries[1]?.response.content).toMatchObject({ mimeType: 'text/event-stream' });
    expect(entries[2]?.response.content.text).toMatch(/^data: \{.*\}\n\nid: e2\ndata: \{.*\}\n\n$/);
    expect(entries[4]?.response.content.text).toBe('<h1>no</h1>');
  });

  it('of stdio holds each operation with what it was asked and what it answered', async () => {
    const { entries } = (await har(STDIO_ID, () => stdioEvents(STDIO_ID, TALK))).log;
    const call = entries.find(({ request }) => request.url.endsWith('/tools%2Fcall/fails'));
    expect(call?.response.statusText).toBe('tool_error');
    expect(call?.request.postData?.text).toContain('"name":"fails"');
    expect(call?.response.content.text).toContain('"isError":true');
  });

  it('over HTTP comes in again with the same outcomes', async () => {
    const [from, to] = [folder(), folder()];
    await stored(from, httpEvents());
    const { sessions, leftOut } = await imported(to, await exported(from, HTTP_ID, 'har'));
    expect(leftOut).toEqual([]);
    expect(sessions).toHaveLength(1);
    const outcomes = (dir: string, id: string) =>
      reading(dir, (reader) => [...reader.operations(id)].map(({ method, outcome }) => [method, outcome]));
    const again = await outcomes(to, sessions[0]?.id ?? '');
    expect(again.filter(([method]) => method === 'tools/call')).toEqual([
      ['tools/call', 'ok'],
      ['tools/call', 'http_error'],
      // That the connection broke HAR cannot tell; that no message came is still known.
      ['tools/call', expect.stringMatching(/^(?:http_error|disconnected|abandoned)$/)],
    ]);
  });
});

describe('pieces that ended out of order', () => {
  it('come in the order in which they began, as far as they can be held', () => {
    const sorted = new ByBeginning();
    const told = [
      ...sorted.add(3, 'c', 1),
      ...sorted.add(2, 'b', 1),
      ...sorted.add(1, 'a', 2),
      ...sorted.add(5, 'e', 4),
      ...sorted.add(4, 'd', 9),
      ...sorted.rest(),
    ];
    expect(told.join('')).toBe('abcde');
  });
});

describe('OTLP', () => {
  it('is taken by a receiver, with the ids that were recorded', async () => {
    const dir = folder();
    await stored(dir, stdioEvents(STDIO_ID, TALK));
    const receiver = await startReceiver();
    const text = await exported(dir, STDIO_ID, 'otlp');
    for (const body of text.trimEnd().split('\n')) {
      const headers = { 'content-type': 'application/json' };
      const response = await fetch(new URL('/v1/traces', receiver.endpoint), {
        method: 'POST',
        body,
        headers,
      });
      expect(response.status).toBe(200);
    }
    const operations = await reading(dir, (reader) => [...reader.operations(STDIO_ID)]);
    const spans = receiver.spans();
    expect(spans.map(({ spanId }) => spanId)).toEqual(
      expect.arrayContaining(operations.map(({ spanId }) => spanId)),
    );
    expect(spans).toHaveLength(operations.length + 1);
    expect(spans.find(({ name }) => name === 'tools/call fails')?.attributes).toMatchObject({
      'error.type': 'tool_error',
    });
    const parent = spans.find(({ name }) => name === 'tools/call echo');
    const child = spans.find(({ name }) => name === 'sampling/createMessage');
    expect(child?.parentSpanId).toBe(parent?.spanId);
  });

  it('hangs operations under the span that the client told of', async () => {
    const dir = folder();
    const id = sessionId(1);
    const [traceId, parent] = ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331'];
    const params = { _meta: { traceparent: `00-${traceId}-${parent}-01` } };
    await stored(dir, [
      started(id),
      described(id),
      frame(id, 0, { bytes: Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping', params })) }),
      frame(id, 1),
      operation(id, 0, {
        span: { traceId, spanId: '1'.repeat(16), parentSpanId: parent, traceState: undefined, sampled: true },
      }),
      ended(id),
    ]);
    expect(await exported(dir, id, 'otlp')).toContain(`"parentSpanId":"${parent}"`);
  });
});

const EVIL = [
  '</script><script>alert(1)</script>',
  '<!--<script>',
  ']]>',
  '<img src=x onerror=alert(1)>',
  '\u2028\u2029',
  '"><svg/onload=alert(1)>',
  "'); alert(1); ('",
];

describe('HTML', () => {
  async function page(): Promise<string> {
    const dir = folder();
    const id = sessionId(1);
    const evil = EVIL.join(' ');
    await stored(dir, [
      started(id, { command: [evil], cwd: evil }),
      described(id, { server: evil, serverInfo: { name: evil, version: evil } }),
      frame(id, 0, { bytes: Buffer.from(JSON.stringify({ [evil]: evil })), method: evil }),
      frame(id, 1, { kind: 'stderr', channel: 'stderr', bytes: Buffer.from(evil) }),
      operation(id, 0, {
        method: evil,
        target: { kind: 'tool', name: evil },
        outcome: 'tool_error',
        error: { code: 1, type: evil, message: evil },
      }),
      finding(id, 1, { detail: evil }),
      ended(id),
    ]);
    return exported(dir, id, 'html');
  }

  it('has no tag, attribute or comment that was not written here, whatever was recorded', async () => {
    const dir = folder();
    await stored(dir, stdioEvents(STDIO_ID, []));
    const tags = (text: string): string[] => {
      const [scripts, bare] = [
        /<script[^>]*>([^]*?)<\/script>/g,
        text.replace(/(<script[^>]*>)[^]*?(<\/script>)/g, '$1$2'),
      ];
      expect([...text.matchAll(scripts)]).toHaveLength(3);
      return bare.replace(/<style>[^]*<\/style>/, '').match(/<[^>]*>/g) ?? [];
    };
    expect(tags(await page())).toEqual(tags(await exported(dir, STDIO_ID, 'html')));
    const text = await page();
    expect(text).not.toContain('<!--');
    for (const [, data] of text.matchAll(/<script type="application\/json"[^>]*>([^]*?)<\/script>/g))
      expect(data).not.toMatch(/[<>&\u2028\u2029]/);
  });

  it('lets nothing run but its own script and style, and asks nobody for anything', async () => {
    const text = await page();
    const policy = /Content-Security-Policy" content="([^"]*)"/.exec(text)?.[1] ?? '';
    const script = /<script>([^]*?)<\/script>/.exec(text)?.[1] ?? '';
    const style = /<style>([^]*?)<\/style>/.exec(text)?.[1] ?? '';
    const hash = (part: string): string => createHash('sha256').update(part).digest('base64');
    expect(policy).toBe(
      `default-src 'none'; style-src 'sha256-${hash(style)}'; script-src 'sha256-${hash(script)}'; base-uri 'none'; form-action 'none'`,
    );
    expect(script).not.toMatch(
      /innerHTML|outerHTML|insertAdjacent|document\.write|eval|Function\(|srcdoc|href|\.src/,
    );
    const outside = text.replace(/<script[^]*?<\/script>/g, '').match(/(?:src|href|url)\s*[=(]/g);
    expect(outside).toBeNull();
    expect(() => new Script(script)).not.toThrow();
  });

  it('holds what was recorded, to the character', async () => {
    const text = await page();
    const data = (id: string): unknown =>
      JSON.parse(
        new RegExp(`<script type="application/json" id="${id}">([^]*?)</script>`).exec(text)?.[1] ?? '',
      );
    const evil = EVIL.join(' ');
    expect(data('frames')).toMatchObject([
      { text: JSON.stringify({ [evil]: evil }) },
      { text: evil, kind: 'stderr' },
    ]);
    expect(data('session')).toMatchObject({ title: evil, operations: [{ failed: true }] });
  });
});

describe('a report in Markdown', () => {
  it('says what failed, where, with what was asked and answered, and the last of stderr', async () => {
    const dir = folder();
    await stored(dir, stdioEvents(STDIO_ID, TALK));
    const text = await exported(dir, STDIO_ID, 'md', true);
    for (const part of [
      '## What went wrong',
      '## Calls that failed',
      'tools/call fails',
      '"isError": true',
      'Method not found',
      '## Standard error',
      'going down',
      'node server.js',
    ])
      expect(text).toContain(part);
    expect(text).not.toContain('kJ8xq0PzW3mV');
  });

  it('lets no recorded text become markup', async () => {
    const dir = folder();
    await stored(dir, stdioEvents(STDIO_ID, TALK));
    const text = await exported(dir, STDIO_ID, 'md');
    let fence: string | undefined;
    const outside = text.split('\n').filter((line) => {
      const run = /^`{3,}/.exec(line)?.[0];
      if (fence === undefined && run !== undefined) fence = run;
      else if (fence !== undefined && line === fence) fence = undefined;
      else return fence === undefined;
      return false;
    });
    expect(fence).toBeUndefined();
    expect(outside.join('\n')).not.toMatch(/<[a-z/!]/i);
    expect(outside.filter((line) => line.startsWith('# '))).toHaveLength(1);
    expect(text).not.toContain('\u001b');
  });
});
