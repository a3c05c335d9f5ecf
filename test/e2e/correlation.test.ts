import { describe, expect, it } from 'vitest';
import { errorTypeOf } from '../../src/event/attributes.ts';
import type { OperationRecord } from '../../src/store/record.ts';
import { everyOutput, type LogLine, type Outputs, type Shown } from './outputs.ts';
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

/** Nanoseconds as OTLP has them: more digits than fit into a number. */
function nanos(us: number): string {
  return `${us}000`;
}

function spanOf({ spans }: Outputs, operation: OperationRecord | undefined): LogLine | undefined {
  return spans().find(({ spanId }) => spanId === operation?.spanId);
}

function outcomesOf({ operations }: Shown): string[] {
  return [...new Set(operations.map(({ outcome }) => outcome))].sort();
}

/** Spans and log lines are those of the stored operations, no more and no less, and say the same of each. */
function expectAgreement(outputs: Outputs, { session, operations }: Shown): void {
  const expectedSpans = operations.map((operation) => {
    const { method, target, outcome, error, traceId, spanId, startedAtUs, endedAtUs, requestId } = operation;
    const errorType = errorTypeOf(operation);
    return {
      ...{ traceId, spanId },
      name: target === undefined || target.kind === 'resource' ? method : `${method} ${target.name}`,
      kind: operation.initiator === 'client_to_server' ? 'SPAN_KIND_SERVER' : 'SPAN_KIND_CLIENT',
      startTimeUnixNano: nanos(startedAtUs),
      endTimeUnixNano: nanos(endedAtUs),
      attributes: {
        'mcp.method.name': method,
        'jsonrpc.request.id': String(requestId),
        'sidelight.session.id': session.id,
        'sidelight.operation.id': `${session.id}/${operation.operationId}`,
        'sidelight.server.name': session.server,
        'sidelight.outcome': outcome,
        ...(target?.kind === 'tool' && { 'gen_ai.tool.name': target.name }),
        ...(target?.kind === 'prompt' && { 'gen_ai.prompt.name': target.name }),
        ...(target?.kind === 'resource' && { 'mcp.resource.uri': target.name }),
        ...(errorType !== undefined && { 'error.type': errorType }),
        ...(error?.code !== undefined && { 'rpc.response.status_code': String(error.code) }),
      },
    };
  });
  const inOrder = <T>(items: readonly T[], key: (item: T) => string | undefined): T[] =>
    [...items].sort((a, b) => String(key(a)).localeCompare(String(key(b))));
  const received = outputs.spans();
  const spans = received.filter(({ name }) => name !== 'session');
  expect(received.length - spans.length).toBe(1);
  const sessionSpan = received.find(({ name }) => name === 'session');
  expect(inOrder(spans, ({ spanId }) => spanId)).toMatchObject(
    inOrder(expectedSpans, ({ spanId }) => spanId),
  );
  expect(sessionSpan).toMatchObject({
    startTimeUnixNano: nanos(session.startedAtUs),
    endTimeUnixNano: nanos(session.endedAtUs ?? 0),
    attributes: {
      'sidelight.session.id': session.id,
      'sidelight.session.end_cause': session.endCause,
      'sidelight.session.operations': operations.length,
      'sidelight.session.failed_operations': session.failedOperations,
    },
  });
  // What has no parent leads to the session.
  for (const { links } of spans.filter(({ parentSpanId }) => parentSpanId === undefined)) {
    expect(links).toMatchObject([{ traceId: sessionSpan?.traceId, spanId: sessionSpan?.spanId }]);
  }

  const lines = outputs.log();
  const operationLines = lines.filter(({ span_id: spanId }) => spanId !== undefined);
  expect(inOrder(operationLines, ({ span_id: id }) => String(id))).toMatchObject(
    inOrder(operations, ({ spanId }) => spanId).map((operation) => ({
      session: session.id,
      operation: operation.operationId,
      trace_id: operation.traceId,
      span_id: operation.spanId,
      initiator: operation.initiator,
      method: operation.method,
      ...(operation.target && { target: operation.target.name }),
      outcome: operation.outcome,
      duration_ms: (operation.endedAtUs - operation.startedAtUs) / 1000,
      server: session.server,
    })),
  );
  expect(lines.filter(({ cause }) => cause !== undefined)).toMatchObject([
    { session: session.id, cause: session.endCause, operations: operations.length },
  ]);
}

/** Each way an operation ended is counted as often as it is stored. */
function expectCounts(metrics: string, operations: readonly OperationRecord[]): void {
  const expected = new Map<string, number>();
  for (const { initiator, method, target, outcome } of operations) {
    const known = method.startsWith('no/') ? '_other' : method;
    const tool = target?.kind === 'tool' ? target.name : '';
    const key = [initiator, known, tool, outcome].join(' ');
    expected.set(key, (expected.get(key) ?? 0) + 1);
  }
  const counted = samples(metrics, 'sidelight_operations_total').map(
    ({ labels: { initiator, mcp_method_name, gen_ai_tool_name = '', outcome }, value }) =>
      [[initiator, mcp_method_name, gen_ai_tool_name, outcome].join(' '), value] as const,
  );
  expect(new Map(counted)).toEqual(expected);

  const sum = (name: string): number => samples(metrics, name).reduce((total, { value }) => total + value, 0);
  const asked = operations.filter(({ initiator }) => initiator === 'client_to_server').length;
  expect(sum('mcp_server_operation_duration_seconds_count')).toBe(asked);
  expect(sum('mcp_client_operation_duration_seconds_count')).toBe(operations.length - asked);
  expect(sum('sidelight_dropped_total')).toBe(0);
}

interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

function samples(metrics: string, name: string): readonly Sample[] {
  return metrics
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .map((line) => {
      const labels = [...line.matchAll(/(\w+)="([^"]*)"/g)].map(([, label = '', value = '']) => [
        label,
        value,
      ]);
      return {
        labels: Object.fromEntries(labels) as Sample['labels'],
        value: Number(/ ([^ ]+)$/.exec(line)?.[1]),
      };
    });
}
