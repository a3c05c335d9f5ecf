import { spawnSync } from 'node:child_process';
import { describe, expect, it, onTestFinished } from 'vitest';
import { expectAgreement, expectCounts, outcomesOf, samples, spanOf } from './agreement.ts';
import { connectHttp } from './http-peers.ts';
import { freePort, startListening } from './listening.ts';
import { initialize, observed, post } from './observed.ts';
import { settled } from './peers.ts';
import { packageFile, until } from './sidelight.ts';

const PARENT = { traceId: 'ab'.repeat(16), spanId: 'cd'.repeat(8) };
const OTHER = { traceId: 'ef'.repeat(16), spanId: '12'.repeat(8) };
const traceparent = ({ traceId, spanId }: typeof PARENT): string => `00-${traceId}-${spanId}-01`;

async function everything(): Promise<string> {
  const { port, stop } = await startListening(
    [packageFile('@modelcontextprotocol/server-everything/dist/index.js'), 'streamableHttp'],
    { ...process.env, PORT: String(await freePort()) },
  );
  onTestFinished(stop);
  return `http://127.0.0.1:${port}/mcp`;
}

describe('over HTTP an operation is the same one in every output', () => {
  it('of a session with an id: ids, names, outcomes, times and counts agree', async () => {
    const outputs = await observed(await everything());
    const peer = await connectHttp('v1', outputs.url);
    await peer.request('tools/list');
    await peer.request('prompts/list');
    await peer.call({ name: 'echo', arguments: { message: 'hello' } });
    await peer.call({ name: 'get-sum', arguments: { a: 'one', b: 2 } });
    await settled(peer.request('no/such/method'));
    await peer.call({ name: 'trigger-sampling-request', arguments: { prompt: 'hello', maxTokens: 5 } });
    const long = { name: 'trigger-long-running-operation', arguments: { duration: 1, steps: 1 } };
    await settled(peer.call(long, { timeout: 100 }));
    await peer.request('ping');
    // The server asks for the roots by itself, a moment after the client is there.
    for (const last of ['ping', 'roots/list']) {
      await until(
        async () =>
          new RegExp(`sidelight_operations_total\\{[^}]*"${last}"[^}]*\\} 1`).test(await outputs.metrics()),
        `${last} in the metrics`,
      );
    }
    const metrics = await outputs.metrics();
    await peer.terminate();
    await peer.close();
    await outputs.stop();

    const [session, ...others] = await outputs.sessions();
    expect(others).toEqual([]);
    const shown = await outputs.show(session?.id);
    expectAgreement(outputs, shown);
    expectCounts(metrics, shown.operations);
    expect(outcomesOf(shown)).toEqual(['ok', 'protocol_error', 'timeout', 'tool_error']);

    const asked = shown.operations.find(({ method }) => method === 'sampling/createMessage');
    const caller = shown.operations.find(({ target }) => target?.name === 'trigger-sampling-request');
    expect(asked).toMatchObject({ parentOperationId: caller?.operationId, traceId: caller?.traceId });
    expect(spanOf(outputs, asked)).toMatchObject({
      kind: 'SPAN_KIND_CLIENT',
      attributes: { 'server.address': '127.0.0.1', 'network.transport': 'tcp' },
    });
    expect(spanOf(outputs, caller)).toMatchObject({
      kind: 'SPAN_KIND_SERVER',
      attributes: {
        'network.transport': 'tcp',
        'network.protocol.name': 'http',
        'network.protocol.version': '1.1',
        'http.request.method': 'POST',
        'http.response.status_code': 200,
        'url.path': '/mcp',
        'client.address': '127.0.0.1',
        'mcp.session.id': session?.sessionIdHash,
        'mcp.protocol.version': '2025-11-25',
      },
    });
    const exchanges = samples(metrics, 'sidelight_http_exchanges_total');
    const count = (method: string, status: string): number =>
      exchanges
        .filter(({ labels }) => labels.http_request_method === method)
        .filter(({ labels }) => labels.http_response_status_code === status)
        .reduce((sum, { value }) => sum + value, 0);
    const answered = shown.operations.filter(
      ({ initiator, outcome }) => initiator === 'client_to_server' && outcome !== 'timeout',
    );
    // The stream of the call that was given up may be open still.
    expect(count('POST', '200') - answered.length).toBeOneOf([0, 1]);
    // Notifications, and the answer to the server's question.
    expect(count('POST', '202')).toBeGreaterThanOrEqual(2);
    expect(samples(metrics, 'sidelight_streams_open')).toMatchObject([{ value: 1 }]);
    expect(samples(metrics, 'sidelight_http_connections_open')[0]?.value).toBeGreaterThan(0);
    expect(samples(metrics, 'sidelight_sessions_active')).toMatchObject([{ value: 1 }]);
    const checked = spawnSync('promtool', ['check', 'metrics'], { input: metrics, encoding: 'utf8' });
    expect([checked.error, checked.stdout, checked.stderr, checked.status]).toEqual([undefined, '', '', 0]);
  });

  it('of 2026-07-28: no session id, and a stream that is no latency', async () => {
    const outputs = await observed('http-dual-era.mjs');
    const peer = await connectHttp('v2 pinned to 2026-07-28', outputs.url);
    await peer.request('tools/list');
    const stream = await peer.listen('test://static-text');
    await until(
      async () => samples(await outputs.metrics(), 'sidelight_streams_open')[0]?.value === 1,
      'the stream in the metrics',
    );
    await stream.close();
    await until(
      async () => samples(await outputs.metrics(), 'sidelight_stream_duration_seconds_count')[0]?.value === 1,
      'its duration in the metrics',
    );
    const metrics = await outputs.metrics();
    await peer.close();
    await outputs.stop();
    const [session] = await outputs.sessions();
    const shown = await outputs.show(session?.id);
    expectAgreement(outputs, shown);
    const [duration] = samples(metrics, 'sidelight_stream_duration_seconds_count');
    expect(duration?.labels).toMatchObject({ stream: 'subscriptions/listen' });
    for (const { attributes } of outputs.spans()) expect(attributes).not.toHaveProperty(['mcp.session.id']);
    const listen = shown.operations.find(({ method }) => method === 'subscriptions/listen');
    expect(listen).toMatchObject({ outcome: 'ok', stream: true });
    expect(
      samples(metrics, 'mcp_server_operation_duration_seconds_count').map(
        ({ labels }) => labels.mcp_method_name,
      ),
    ).not.toContain('subscriptions/listen');
  });

  it.each([
    ['the message alone', PARENT, undefined, PARENT, []],
    ['the header alone', undefined, PARENT, PARENT, []],
    ['both, which agree', PARENT, PARENT, PARENT, []],
    ['both, which differ', PARENT, OTHER, PARENT, [OTHER]],
  ] as const)('hangs below the context of %s', async (_where, inMessage, inHeader, parent, links) => {
    const outputs = await observed('http-dual-era.mjs');
    const opened = await post(outputs.url, initialize('tracer'));
    await opened.text();
    const own = { 'mcp-session-id': opened.headers.get('mcp-session-id') ?? '' };
    const params = inMessage && { params: { _meta: { traceparent: traceparent(inMessage) } } };
    const headers = { ...own, ...(inHeader && { traceparent: traceparent(inHeader) }) };
    await (await post(outputs.url, { jsonrpc: '2.0', id: 1, method: 'ping', ...params }, headers)).text();
    await outputs.stop();
    const span = outputs.spans().find(({ name }) => name === 'ping');
    expect(span).toMatchObject({ traceId: parent.traceId, parentSpanId: parent.spanId });
    expect(span?.links ?? []).toMatchObject(links);
  });
});

it('what is no operation is told by the metrics and the log: refusals, rejections, a server that is not there', async () => {
  const outputs = await observed('http-dual-era.mjs');
  const rejected = await fetch(outputs.url, { method: 'PUT', body: 'x' });
  await rejected.text();
  expect(rejected.status).toBe(405);
  await until(
    async () =>
      samples(await outputs.metrics(), 'sidelight_http_exchanges_total').some(
        ({ labels }) => labels.http_request_method === 'PUT' && labels.http_response_status_code === '405',
      ),
    'the rejection in the metrics',
  );
  await outputs.stop();
  expect(outputs.log()).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ level: 'info', msg: 'PUT /mcp: 405', http_status: 405, end: 'complete' }),
    ]),
  );

  const nobody = await observed('http://127.0.0.1:1/mcp');
  await (await fetch(nobody.url)).text();
  await until(
    async () =>
      samples(await nobody.metrics(), 'sidelight_http_exchanges_total').some(
        ({ labels }) => labels.failure === 'refused',
      ),
    'the failure in the metrics',
  );
  await nobody.stop();
  expect(nobody.log()).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ level: 'warn', msg: 'GET /mcp: refused', failure: 'refused' }),
    ]),
  );
});
