import { describe, expect, it } from 'vitest';
import type { OperationRecord } from '../../src/store/record.ts';
import { expectAgreement, expectCounts, outcomesOf, spanOf } from './agreement.ts';
import { everyOutput } from './outputs.ts';
import { connect, hears, settled } from './peers.ts';
import { packageFile, server, until } from './sidelight.ts';

const EVERYTHING = [process.execPath, packageFile('@modelcontextprotocol/server-everything/dist/index.js')];
const own = (name: string): readonly string[] => [process.execPath, server(name)];

const PARENT = { traceId: 'ab'.repeat(16), spanId: 'cd'.repeat(8) };
const TRACEPARENT = `00-${PARENT.traceId}-${PARENT.spanId}-01`;

describe('an operation is the same one in every output', () => {
  it('answered, failed, refused, given up, asking back: ids, names, outcomes, times and counts agree', async () => {
    const outputs = await everyOutput();
    const peer = await connect('v1', outputs.around(EVERYTHING));
    await hears(peer, 'notifications/message');
    await peer.request('tools/list');
    await peer.request('prompts/list');
    await peer.call({ name: 'echo', arguments: { message: 'hello' } });
    await peer.call({
      name: 'echo',
      arguments: { message: 'traced' },
      _meta: { traceparent: TRACEPARENT, tracestate: 'vendor=value' },
    });
    await peer.call({ name: 'get-sum', arguments: { a: 'one', b: 2 } });
    await settled(peer.request('prompts/get', { name: 'no-such-prompt' }));
    await settled(peer.request('no/such/method'));
    await peer.request('prompts/get', { name: 'args-prompt', arguments: { city: 'Kyiv' } });
    await peer.request('resources/read', { uri: 'demo://resource/static/document/features.md' });
    await peer.call({ name: 'trigger-sampling-request', arguments: { prompt: 'hello', maxTokens: 5 } });
    await peer.call({ name: 'trigger-elicitation-request', arguments: {} });
    await peer.call(
      { name: 'trigger-long-running-operation', arguments: { duration: 0.3, steps: 3 } },
      { onprogress: () => undefined },
    );
    const long = { name: 'trigger-long-running-operation', arguments: { duration: 1, steps: 1 } };
    await settled(peer.call(long, { timeout: 100 }));
    const cancel = new AbortController();
    const cancelled = settled(peer.call(long, { signal: cancel.signal }));
    cancel.abort('changed my mind');
    await cancelled;
    await peer.request('ping');
    await until(
      async () => /sidelight_operations_total\{[^}]*"ping"[^}]*\} 1/.test(await outputs.metrics()),
      'the last operation in the metrics',
    );
    const metrics = await outputs.metrics();
    await peer.close();

    const shown = await outputs.show();
    expectAgreement(outputs, shown);
    expectCounts(metrics, shown.operations);
    expect(outcomesOf(shown)).toEqual(['cancelled', 'ok', 'protocol_error', 'timeout', 'tool_error']);

    const byMethod = (method: string): OperationRecord | undefined =>
      shown.operations.find((operation) => operation.method === method);
    const [, traced] = shown.operations.filter(({ target }) => target?.name === 'echo');
    expect(spanOf(outputs, traced)).toMatchObject({
      ...{ traceId: PARENT.traceId, parentSpanId: PARENT.spanId, traceState: 'vendor=value' },
    });
    for (const [question, caller] of [
      ['sampling/createMessage', 'trigger-sampling-request'],
      ['elicitation/create', 'trigger-elicitation-request'],
    ] as const) {
      const call = shown.operations.find(({ target }) => target?.name === caller);
      const asked = byMethod(question);
      expect(asked).toMatchObject({
        initiator: 'server_to_client',
        parentOperationId: call?.operationId,
        traceId: call?.traceId,
      });
      expect(spanOf(outputs, asked)).toMatchObject({ kind: 'SPAN_KIND_CLIENT', parentSpanId: call?.spanId });
    }
    // Asked on the server's own account, with no call in flight.
    expect(spanOf(outputs, byMethod('roots/list'))).not.toHaveProperty('parentSpanId');
  });

  it('left without an answer by a server that died', async () => {
    const outputs = await everyOutput();
    const peer = await connect('v1', outputs.around(own('crashes-on-call.mjs')));
    await settled(peer.call({ name: 'exit' }));
    await until(() => peer.pid() === null, 'the end of Sidelight');
    const shown = await outputs.show();
    expectAgreement(outputs, shown);
    expect(outcomesOf(shown)).toEqual(['ok', 'server_crashed']);
    expect(shown.session).toMatchObject({ endCause: 'server_crashed', exitCode: 3, status: 'crashed' });
    expect(shown.session.lastStderr).toEqual(['last words before exit']);
  });

  it('left without an answer by a client that went away', async () => {
    const outputs = await everyOutput();
    const peer = await connect('v1', outputs.around(own('crashes-on-call.mjs')));
    const call = settled(peer.call({ name: 'stay' }));
    await until(() => peer.stderr().includes('last words before stay'), 'the call to arrive');
    await peer.close();
    await call;
    const shown = await outputs.show();
    expectAgreement(outputs, shown);
    expect(outcomesOf(shown)).toEqual(['abandoned', 'ok']);
    expect(shown.session).toMatchObject({ endCause: 'client_closed', exitCode: 0, status: 'failed' });
  });
});
