/** A server on stdio, driven through every kind of outcome, and what came out of each output. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
} from '@modelcontextprotocol/sdk/types.js';
import {
  bold,
  dim,
  EVERYTHING,
  fit,
  freePort,
  openReceiver,
  outcome,
  print,
  printMetrics,
  printSpans,
  SIDELIGHT,
  title,
  typed,
  until,
} from './stage.mjs';

export async function stdioAct(stage) {
  const receiver = await openReceiver();
  const admin = `127.0.0.1:${await freePort()}`;
  const logFile = join(stage.dataDir, 'stdio.log');
  const outputs = ['--otlp-endpoint', receiver.endpoint, '--admin', admin, '--log-file', logFile];
  const flags = ['--name', 'everything', '--data-dir', stage.dataDir, ...outputs];
  const args = [...flags, '--', process.execPath, EVERYTHING];
  print(
    `${bold('Sidelight')} in front of @modelcontextprotocol/server-everything, as a client would start it:`,
  );
  print(dim(`  sidelight ${typed(args)}`));

  const client = openClient();
  await client.connect(
    new StdioClientTransport({
      command: process.execPath,
      args: [SIDELIGHT, ...args],
      stderr: 'ignore',
    }),
  );
  title('What the client did');
  const call = (name, input = {}, options = {}) =>
    client.callTool({ name, arguments: input }, undefined, options);
  await play(stage, client, call);
  const metrics = await (await fetch(`http://${admin}/metrics`)).text();
  await crash(stage, call);

  const recording = await stage.ended();
  await until(() => receiver.spans.some(({ name }) => name.includes('session')));
  await checkRecording(stage, recording);
  checkTraces(stage, receiver.spans, recording.operations);
  title('Metrics: what Prometheus would scrape');
  printMetrics(
    metrics,
    /^(sidelight_operations_total|sidelight_tools_list_bytes|sidelight_server_up)\{.*$/gm,
  );
  stage.check(
    /^sidelight_operations_total\{.*outcome="tool_error".*\} [1-9]/m.test(metrics),
    'tool errors are counted as errors',
  );
  checkLogs(stage, logFile, recording.operations);
  await client.close().catch(() => undefined);
  await receiver.close();
}

function openClient() {
  const client = new Client(
    { name: 'demo-client', version: '1.0.0' },
    { capabilities: { sampling: {}, elicitation: {}, roots: {} } },
  );
  client.setRequestHandler(CreateMessageRequestSchema, () => ({
    role: 'assistant',
    model: 'demo-model',
    content: { type: 'text', text: 'Said by the model of the demo.' },
  }));
  client.setRequestHandler(ElicitRequestSchema, () => ({
    action: 'accept',
    content: { name: 'Ada', check: true },
  }));
  client.setRequestHandler(ListRootsRequestSchema, () => ({
    roots: [{ uri: 'file:///demo', name: 'demo' }],
  }));
  return client;
}

async function play(stage, client, call) {
  const { tools } = await client.listTools();
  stage.check(tools.length > 5, `connected, ${tools.length} tools listed`);
  stage.check((await outcome(call('echo', { message: 'hello' }))) === 'result', 'echo: a result');
  stage.check(
    (await outcome(call('echo', {}))) === 'isError',
    'echo without its argument: a tool error inside a successful response',
  );
  stage.check((await outcome(call('no-such-tool'))) !== 'result', 'a tool that does not exist');
  stage.check(
    (await outcome(client.getPrompt({ name: 'no-such-prompt' }))).includes('-32602'),
    'a prompt that does not exist: a JSON-RPC error',
  );

  let progress = 0;
  await call(
    'trigger-long-running-operation',
    { duration: 1, steps: 4 },
    { onprogress: () => (progress += 1) },
  );
  stage.check(progress >= 3, `a long operation: ${progress} progress notifications`);

  const cancel = new AbortController();
  const cancelled = outcome(
    call(
      'trigger-long-running-operation',
      { duration: 20, steps: 20 },
      { signal: cancel.signal, onprogress: () => cancel.abort('changed my mind') },
    ),
  );
  stage.check(
    (await cancelled) !== 'result',
    'a long operation, cancelled by the client at its first sign of life',
  );
  stage.check(
    (await outcome(call('trigger-sampling-request', { prompt: 'say something', maxTokens: 20 }))) ===
      'result',
    'a tool that asks the model (sampling)',
  );
  stage.check(
    (await outcome(call('trigger-elicitation-request'))) === 'result',
    'a tool that asks the person (elicitation)',
  );
}

async function crash(stage, call) {
  const { frames } = await stage.read('show', 'last');
  const { pid } = frames
    .map(({ kind, text }) => (kind === 'lifecycle' ? JSON.parse(text) : {}))
    .find(({ pid }) => pid);
  const crashing = outcome(
    call(
      'trigger-long-running-operation',
      { duration: 20, steps: 20 },
      { onprogress: () => process.kill(pid, 'SIGKILL') },
    ),
  );
  stage.check((await crashing) !== 'result', 'the server is killed in the middle of a call');
}

async function checkRecording(stage, { session, operations, frames }) {
  title('What the recording says');
  await stage.printOperations();
  const outcomes = new Set(operations.map((operation) => operation.outcome));
  for (const wanted of ['ok', 'tool_error', 'protocol_error', 'cancelled', 'server_crashed']) {
    stage.check(outcomes.has(wanted), `an operation with the outcome ${wanted}`);
  }
  const asked = operations.filter(({ initiator }) => initiator === 'server_to_client');
  stage.check(
    asked.length >= 2 && asked.every(({ parentOperationId }) => parentOperationId !== undefined),
    `${asked.length} requests of the server, each under the call that caused it`,
  );
  stage.check(
    session.endCause === 'server_crashed' && session.exitSignal === 'SIGKILL',
    'the end: the server died of SIGKILL',
  );
  stage.check(session.completeness.complete, `${frames.length} frames, none missing, none cut`);
}

function checkTraces(stage, spans, operations) {
  title('Traces: what the OTLP receiver got');
  printSpans(spans.slice(-8), (attributes) => attributes['sidelight.outcome'] ?? '');
  stage.check(
    spans.length === operations.length + 1,
    `${spans.length} spans: one for each operation, and one for the session`,
  );
  const received = new Set(spans.map(({ spanId }) => spanId));
  stage.check(
    operations.every(({ spanId }) => received.has(spanId)),
    'each recorded operation has its span',
  );
}

function checkLogs(stage, logFile, operations) {
  title('Logs: one line for each operation');
  const log = readFileSync(logFile, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  const line = log.find((one) => one.outcome === 'tool_error');
  for (const [key, value] of Object.entries(line)) print(`  ${dim(fit(`${key.padEnd(12)} ${value}`))}`);
  stage.check(
    operations.every(({ spanId }) => log.some((one) => one.span_id === spanId)),
    'every operation has its line, with the ids of its span',
  );
}
