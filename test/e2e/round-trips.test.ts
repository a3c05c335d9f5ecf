import { describe, expect, it } from 'vitest';
import type { OperationRecord } from '../../src/store/record.ts';
import { MODERN_META } from '../track/conversation.ts';
import { expectAgreement, samples, spanOf } from './agreement.ts';
import { connectHttp } from './http-peers.ts';
import { observed } from './observed.ts';
import { everyOutput, type Outputs, type Shown } from './outputs.ts';
import { connect } from './peers.ts';
import { Running, server, until } from './sidelight.ts';

const MODERN = 'v2 pinned to 2026-07-28';
const own = (name: string): readonly string[] => [process.execPath, server(name)];

/** The session that is no probe. */
async function shownOf(outputs: Outputs): Promise<Shown> {
  return outputs.show('last');
}

const callsOf = ({ operations }: Shown): readonly OperationRecord[] =>
  operations.filter(({ method }) => method === 'tools/call');

describe('a call that asks for input, with SDK v2 on both sides', () => {
  it('is one operation in every output over stdio', async () => {
    const outputs = await everyOutput();
    const peer = await connect(MODERN, outputs.around(own('dual-era.mjs')));
    await peer.request('tools/list');
    const answer = await peer.call({ name: 'ask', arguments: {} });
    expect(JSON.stringify(answer)).toContain('the person said');
    await until(
      async () =>
        /sidelight_operation_input_wait_seconds_count\{[^}]*"ask"[^}]*\} 1/.test(await outputs.metrics()),
      'the wait in the metrics',
    );
    const metrics = await outputs.metrics();
    await peer.close();

    const shown = await shownOf(outputs);
    expectAgreement(outputs, shown);
    const [call, ...more] = callsOf(shown);
    expect(more).toEqual([]);
    expect(call).toMatchObject({
      outcome: 'ok',
      legs: [{ outcome: 'input_required', asked: ['elicitation/create'] }, { outcome: 'ok' }],
    });
    expect(shown.findings).toEqual([]);
    expect(spanOf(outputs, call)).toMatchObject({ attributes: { 'sidelight.round_trips': 2 } });
    const legs = outputs.spans().filter(({ parentSpanId }) => parentSpanId === call?.spanId);
    expect(legs).toHaveLength(2);
    expect(
      outputs.log().filter(({ operation, target }) => operation !== undefined && target === 'ask'),
    ).toMatchObject([{ outcome: 'ok', round_trips: 2 }]);
    expect(samples(metrics, 'sidelight_operation_input_required_total')).toMatchObject([
      { labels: { gen_ai_tool_name: 'ask', input: 'elicitation/create' }, value: 1 },
    ]);
    expect(samples(metrics, 'sidelight_operations_waiting_for_input')).toMatchObject([{ value: 0 }]);
  });

  it('is one operation over HTTP, on as many exchanges as it takes', async () => {
    const outputs = await observed('http-dual-era.mjs');
    const peer = await connectHttp(MODERN, outputs.url);
    await peer.request('tools/list');
    await peer.call({ name: 'test_input_required_result_elicitation', arguments: {} });
    await peer.call({ name: 'test_input_required_result_multi_round', arguments: {} });
    await peer.close();
    await outputs.stop();
    const shown = await shownOf(outputs);
    expectAgreement(outputs, shown);
    expect(callsOf(shown).map(({ legs, outcome }) => [legs.length, outcome])).toEqual([
      [2, 'ok'],
      [3, 'ok'],
    ]);
    expect(shown.findings.map(({ rule }) => rule)).not.toContain('unlinked_retry');
  });
});

describe('a task', () => {
  /** A client by hand: says a line, and waits for the answer. */
  function talking(outputs: Outputs) {
    const [program = '', ...args] = outputs.around(own('tasks.mjs'));
    const running = new Running(program, args);
    let ids = 0;
    const ask = async (method: string, params: object = {}): Promise<Record<string, unknown>> => {
      const id = (ids += 1);
      running.process.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`);
      await running.says(`"id":${id},`);
      const lines = running.stdout.toString().trimEnd().split('\n');
      const answers = lines.map(
        (line) => JSON.parse(line) as { id: number; result?: Record<string, unknown> },
      );
      return answers.find((answer) => answer.id === id)?.result ?? {};
    };
    return { running, ask };
  }

  it('of 2026-07-28 is one operation in every output, through polls, input and its end', async () => {
    const outputs = await everyOutput();
    const { running, ask } = talking(outputs);
    const call = (args: object) => ask('tools/call', { name: 'build', arguments: args, _meta: MODERN_META });
    const about = (method: string, taskId: unknown, more: object = {}) =>
      ask(method, { taskId, ...more, _meta: MODERN_META });
    await ask('tools/list', { _meta: MODERN_META });
    const { taskId } = await call({ steps: 2, asks: true });
    while ((await about('tasks/get', taskId)).status !== 'input_required');
    const inputResponses = { name: { action: 'accept', content: { name: 'Ada' } } };
    await about('tasks/update', taskId, { inputResponses });
    while ((await about('tasks/get', taskId)).status !== 'completed');
    const broken = await call({ ends: 'tool_error' });
    while ((await about('tasks/get', broken.taskId)).status !== 'completed');
    const failed = await call({ ends: 'failed' });
    while ((await about('tasks/get', failed.taskId)).status !== 'failed');
    running.process.stdin.end();
    await running.ended;

    const shown = await shownOf(outputs);
    expectAgreement(outputs, shown);
    expect(
      callsOf(shown).map(({ outcome, task }) => [outcome, task?.states.map(({ status }) => status)]),
    ).toEqual([
      ['ok', ['working', 'input_required', 'working', 'completed']],
      ['tool_error', ['working', 'completed']],
      ['protocol_error', ['working', 'failed']],
    ]);
    expect(shown.operations.map(({ method }) => method)).toEqual([
      'tools/list',
      ...Array<string>(3).fill('tools/call'),
    ]);
    // Every frame of a poll belongs to the call.
    expect(shown.operations[1]?.task?.polls).toBeGreaterThanOrEqual(5);
  });

  it('of 2025-11-25 ends with the answer to tasks/result', async () => {
    const outputs = await everyOutput();
    const { running, ask } = talking(outputs);
    const clientInfo = { name: 'by-hand', version: '1' };
    await ask('initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo });
    const { task } = await ask('tools/call', { name: 'build', arguments: {}, task: { ttl: 60_000 } });
    const { taskId } = task as { taskId: string };
    while ((await ask('tasks/get', { taskId })).status !== 'completed');
    await ask('tasks/result', { taskId });
    running.process.stdin.end();
    await running.ended;
    const shown = await shownOf(outputs);
    expectAgreement(outputs, shown);
    expect(shown.operations.map(({ method, outcome }) => [method, outcome])).toEqual([
      ['initialize', 'ok'],
      ['tools/call', 'ok'],
    ]);
  });
});
