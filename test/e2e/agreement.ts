/** That every output tells the same of the same operations: each of them once, with the same ids, names, times and ends. */
import { expect } from 'vitest';
import { errorTypeOf } from '../../src/event/attributes.ts';
import type { OperationRecord } from '../../src/store/record.ts';
import type { LogLine, Outputs, Shown } from './outputs.ts';

/** Nanoseconds as OTLP has them: more digits than fit into a number. */
function nanos(us: number): string {
  return `${us}000`;
}

export function spanOf({ spans }: Outputs, operation: OperationRecord | undefined): LogLine | undefined {
  return spans().find(({ spanId }) => spanId === operation?.spanId);
}

export function outcomesOf({ operations }: Shown): string[] {
  return [...new Set(operations.map(({ outcome }) => outcome))].sort();
}

/** Spans and log lines are those of the stored operations, no more and no less, and say the same of each. */
export function expectAgreement(outputs: Outputs, { session, operations }: Shown): void {
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
  const received = outputs
    .spans()
    .filter(({ attributes }) => attributes['sidelight.session.id'] === session.id);
  const legs = operations.reduce((sum, operation) => sum + operation.legs.length, 0);
  const spans = received.filter(({ kind }) => kind !== 'SPAN_KIND_INTERNAL');
  // The session's, and one for each leg where there are several.
  expect(received.length - spans.length).toBe(1 + legs);
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

  const lines = outputs.log().filter((line) => line.session === session.id);
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
export function expectCounts(metrics: string, operations: readonly OperationRecord[]): void {
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

export function samples(metrics: string, name: string): readonly Sample[] {
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
