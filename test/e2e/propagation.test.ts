import { describe, expect, it, onTestFinished } from 'vitest';
import { connectHttp } from './http-peers.ts';
import { startListening } from './listening.ts';
import { observed, post } from './observed.ts';
import { everyOutput, type Outputs, type Shown } from './outputs.ts';
import { connect, type Peer } from './peers.ts';
import { Running, server, SIDELIGHT, until, wrapped } from './sidelight.ts';

const TELLS_META = server('tells-meta.mjs');
const CALLER = { traceId: 'ab'.repeat(16), spanId: 'cd'.repeat(8) };
const traceparent = (flags: string): string => `00-${CALLER.traceId}-${CALLER.spanId}-${flags}`;

const ANY = expect.any(String) as string;

interface Told {
  readonly meta: { readonly traceparent?: unknown } | null;
  readonly header: string | null;
}

async function tell(peer: Peer, meta?: Record<string, unknown>): Promise<Told> {
  const result = await peer.call({ name: 'tell', ...(meta && { _meta: meta }) });
  const { content } = result as { content: readonly { readonly text: string }[] };
  return JSON.parse(content[0]?.text ?? 'null') as Told;
}

/** Calls with every kind of context, and what the server was told each time. */
async function conversation(peer: Peer): Promise<readonly Told[]> {
  const listed = (await peer.request('tools/list')) as { tools: readonly { readonly description: string }[] };
  return [
    JSON.parse(listed.tools[0]?.description ?? 'null') as Told,
    await tell(peer),
    await tell(peer, { traceparent: traceparent('01'), tracestate: 'vendor=value', 'example.com/x': [1] }),
    await tell(peer, { traceparent: traceparent('00') }),
    await tell(peer, { traceparent: 'nonsense' }),
    ...(await Promise.all([tell(peer), tell(peer, { traceparent: traceparent('01') }), tell(peer)])),
  ];
}

/** Each server-side context is below the span of the operation that it was told in, and of no other. */
function expectChildren(outputs: Outputs, shown: Shown, told: readonly unknown[]): void {
  const operations = shown.operations.filter(({ method }) => method.startsWith('tools/'));
  const received = told.map((value): readonly string[] => String(value).split('-').slice(1));
  expect(received).toEqual(operations.map(({ traceId, spanId }) => [traceId, spanId, ANY]));
  expect(new Set(operations.map(({ spanId }) => spanId)).size).toBe(told.length);
  const spans = new Map(outputs.spans().map((span) => [span.spanId, span]));
  const sampled = received.filter(([, , flags]) => flags === '01');
  for (const [traceId, spanId = ''] of sampled)
    expect(spans.get(spanId)).toMatchObject({ traceId, kind: 'SPAN_KIND_SERVER' });
  expect(sampled).toHaveLength(told.length - 1);
  // Of what the caller said, the trace and the flags stay.
  expect(received[2]).toEqual([CALLER.traceId, ANY, '01']);
  expect(received[3]).toEqual([CALLER.traceId, ANY, '00']);
  expect(spans.get(received[2]?.[1] ?? '')).toMatchObject({ parentSpanId: CALLER.spanId });
  expect(received[4]?.[0]).not.toBe(CALLER.traceId);
}

const metaOf = ({ meta }: Told): unknown => meta?.traceparent;

describe('the server is told of the span that is exported', () => {
  it('on stdio, in _meta; the recording has what the client sent', async () => {
    const outputs = await everyOutput();
    const peer = await connect('v1', outputs.around([process.execPath, TELLS_META], '--propagate'));
    const told = await conversation(peer);
    await peer.close();
    const shown = await outputs.show();
    expectChildren(outputs, shown, told.map(metaOf));
    expect(told[2]?.meta).toMatchObject({ tracestate: 'vendor=value', 'example.com/x': [1] });
    const recorded = shown.frames.filter(({ channel }) => channel === 'client_to_server');
    expect(recorded.map(({ text = '' }) => JSON.parse(text) as unknown)).toEqual(peer.sent);
    expect(shown.findings.map(({ rule }) => rule)).toEqual(['malformed_trace_context']);
  });

  it.each(['v1', 'v2 auto'] as const)('over HTTP, in _meta, with %s', async (sdk) => {
    const { port, stop } = await startListening([TELLS_META, 'http']);
    onTestFinished(stop);
    const outputs = await observed(`http://127.0.0.1:${port}/mcp`, '--propagate=meta');
    const peer = await connectHttp(sdk, outputs.url);
    const told = await conversation(peer);
    await peer.close();
    await outputs.stop();
    const [session] = await outputs.sessions();
    const shown = await outputs.show(session?.id);
    expectChildren(outputs, shown, told.map(metaOf));
    expect(told.map(({ header }) => header)).toEqual(told.map(() => null));
  });

  it('over HTTP, in the header, and nothing in the body changes', async () => {
    const { port, stop } = await startListening([TELLS_META, 'http']);
    onTestFinished(stop);
    const outputs = await observed(`http://127.0.0.1:${port}/mcp`, '--propagate', 'header');
    const peer = await connectHttp('v1', outputs.url);
    const told = await conversation(peer);
    await peer.close();
    await outputs.stop();
    const [session] = await outputs.sessions();
    const shown = await outputs.show(session?.id);
    expectChildren(
      outputs,
      shown,
      told.map(({ header }) => header),
    );
    expect(told.map(metaOf).slice(1, 5)).toEqual([
      undefined,
      traceparent('01'),
      traceparent('00'),
      'nonsense',
    ]);
  });

  it('over HTTP, below the span that the request header tells of where the message tells of none', async () => {
    const { port, stop } = await startListening([TELLS_META, 'http']);
    onTestFinished(stop);
    const outputs = await observed(`http://127.0.0.1:${port}/mcp`, '--propagate');
    const answer = await post(
      outputs.url,
      { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'tell' } },
      { traceparent: traceparent('01'), 'mcp-protocol-version': '2025-06-18' },
    );
    const { result } = (await answer.json()) as { result: { content: readonly { text: string }[] } };
    const told = JSON.parse(result.content[0]?.text ?? 'null') as Told;
    await outputs.stop();
    const [span] = outputs.spans().filter(({ kind }) => kind === 'SPAN_KIND_SERVER');
    expect(span).toMatchObject({ traceId: CALLER.traceId, parentSpanId: CALLER.spanId });
    expect(metaOf(told)).toBe(`00-${CALLER.traceId}-${span?.spanId ?? ''}-01`);
    expect(told.header).toBe(traceparent('01'));
  });
});

describe('what is no request passes as it came', () => {
  it('on stdio: broken lines, long lines, blank ones, an unfinished one, in chunks of any size', async () => {
    const long = `{"jsonrpc":"2.0","id":9,"method":"m","params":{"x":"${'y'.repeat(1024 * 1024)}"}}`;
    const lines = [
      'no JSON {"jsonrpc":"2.0","id":1,"method":"m"}',
      '',
      '{"jsonrpc":"2.0","method":"notifications/initialized"}\r',
      '{"jsonrpc":"2.0","id":1,"result":{}}',
      long,
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":[]}',
      '{"jsonrpc":"2.0","id":1,"meth',
    ];
    const input = Buffer.from(lines.join('\n'));
    const outputs = await everyOutput();
    const echo = 'process.stdin.pipe(process.stdout)';
    const run = wrapped(outputs.dataDir, [process.execPath, '-e', echo], { flags: ['--propagate'] });
    for (let at = 0; at < input.length; at += at < 300 || at > 1024 * 1024 ? 7 : 65_536)
      run.process.stdin.write(input.subarray(at, at + (at < 300 || at > 1024 * 1024 ? 7 : 65_536)));
    run.process.stdin.end();
    const { stdout, code } = await run.ended;
    expect(code).toBe(0);
    expect(stdout.equals(input)).toBe(true);
  });

  it('a line goes on as soon as its newline is there, and the rest at the end', async () => {
    const outputs = await everyOutput();
    const echo = 'process.stdin.pipe(process.stdout)';
    const run = wrapped(outputs.dataDir, [process.execPath, '-e', echo], { flags: ['--propagate'] });
    run.process.stdin.write('{"jsonrpc":"2.0",');
    run.process.stdin.write('"id":1,"method":"ping"}\n{"id"');
    await until(() => run.stdout.includes('\n'), 'the line');
    expect(run.stdout.toString()).toMatch(
      /^\{"jsonrpc":"2.0","id":1,"method":"ping","params":\{"_meta":\{"traceparent":"00-\w{32}-\w{16}-01"\}\}\}\n$/,
    );
    run.process.stdin.end();
    const { stdout } = await run.ended;
    expect(stdout.toString().split('\n')[1]).toBe('{"id"');
  });
});

it('--propagate=header is not for a server on stdio: one line, and nothing is started', async () => {
  for (const env of [{}, { SIDELIGHT_PROPAGATE: 'header' }]) {
    const flags = 'SIDELIGHT_PROPAGATE' in env ? [] : ['--propagate=header'];
    const run = new Running(process.execPath, [SIDELIGHT, 'run', ...flags, '--', 'no-such-command'], {
      env: { ...process.env, ...env },
    });
    const { code, stderr } = await run.ended;
    expect(code).toBe(2);
    const where = flags.length === 0 ? 'SIDELIGHT_PROPAGATE' : '--propagate';
    expect(stderr.toString()).toBe(
      `sidelight: ${where}: a server on stdio has no headers; header is for sidelight http, use meta\n`,
    );
  }
});
