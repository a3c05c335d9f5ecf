/**
 * The demo: a real MCP server wrapped by Sidelight, driven by the real SDK client through every kind of outcome, with a
 * real OTLP receiver and a scrape of /metrics. It prints what came out of each, checks it, and ends by itself.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { root } from './step.mjs';

const require = createRequire(import.meta.url);
const { MockOtlpServer, normalizeTrace } = require('@elastic/mockotlpserver');

const SIDELIGHT = join(root, 'dist/main.js');
const EVERYTHING = require.resolve('@modelcontextprotocol/server-everything/dist/index.js');
/** Something hangs: say so instead of waiting with it. */
const DEADLINE_MS = 60_000;

const colour = process.stdout.isTTY && !process.env.NO_COLOR;
const paint = (code, text) => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);
const bold = (text) => paint(1, text);
const dim = (text) => paint(2, text);
const print = (text = '') => process.stdout.write(`${text}\n`);
const title = (text) => print(`\n${bold(text)}`);

const checks = [];
const check = (holds, what) => {
  checks.push(holds);
  print(`  ${holds ? paint(32, '✓') : paint(31, '✗')} ${what}`);
};

const deadline = setTimeout(() => {
  print(`\n${paint(31, '✗')} the demo did not end within ${DEADLINE_MS / 1000} s`);
  process.exit(1);
}, DEADLINE_MS);

const dataDir = mkdtempSync(join(tmpdir(), 'sidelight-demo-'));
const logFile = join(dataDir, 'sidelight.log');
const spans = [];
const receiver = new MockOtlpServer({
  services: ['http'],
  httpHostname: '127.0.0.1',
  httpPort: 0,
  logLevel: 'fatal',
  onTrace: (raw) => {
    for (const { scopeSpans } of normalizeTrace(raw).resourceSpans)
      spans.push(...scopeSpans.flatMap((scope) => scope.spans));
  },
});
await receiver.start();
const adminPort = await freePort();

const flags = ['--name', 'everything', '--data-dir', dataDir, '--otlp-endpoint', receiver.httpUrl.origin];
const args = [
  ...flags,
  '--admin',
  `127.0.0.1:${adminPort}`,
  '--log-file',
  logFile,
  '--',
  process.execPath,
  EVERYTHING,
];
print(
  `${bold('Sidelight')} in front of @modelcontextprotocol/server-everything, as a client would start it:`,
);
print(dim(`  sidelight ${args.map(shorten).join(' ')}`));

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
client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [{ uri: 'file:///demo', name: 'demo' }] }));

const transport = new StdioClientTransport({
  command: process.execPath,
  args: [SIDELIGHT, ...args],
  stderr: 'ignore',
});
const call = (name, input = {}, options = {}) =>
  client.callTool({ name, arguments: input }, undefined, options);
const outcome = (promise) =>
  promise.then((result) => (result.isError ? 'isError' : 'result')).catch((error) => error.message);

title('What the client did');
await client.connect(transport);
const { tools } = await client.listTools();
check(tools.length > 5, `connected, ${tools.length} tools listed`);
check((await outcome(call('echo', { message: 'hello' }))) === 'result', 'echo: a result');
check(
  (await outcome(call('echo', {}))) === 'isError',
  'echo without its argument: a tool error inside a successful response',
);
check((await outcome(call('no-such-tool'))) !== 'result', 'a tool that does not exist');
check(
  (await outcome(client.getPrompt({ name: 'no-such-prompt' }))).includes('-32602'),
  'a prompt that does not exist: a JSON-RPC error',
);

let progress = 0;
await call(
  'trigger-long-running-operation',
  { duration: 1, steps: 4 },
  { onprogress: () => (progress += 1) },
);
check(progress >= 3, `a long operation: ${progress} progress notifications`);

const cancel = new AbortController();
const cancelled = outcome(
  call(
    'trigger-long-running-operation',
    { duration: 20, steps: 20 },
    { signal: cancel.signal, onprogress: () => cancel.abort('changed my mind') },
  ),
);
check((await cancelled) !== 'result', 'a long operation, cancelled by the client at its first sign of life');
check(
  (await outcome(call('trigger-sampling-request', { prompt: 'say something', maxTokens: 20 }))) === 'result',
  'a tool that asks the model (sampling)',
);
check(
  (await outcome(call('trigger-elicitation-request'))) === 'result',
  'a tool that asks the person (elicitation)',
);

const metrics = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();

const { frames: recorded } = await read('show', 'last');
const { pid: serverPid } = recorded
  .map(({ kind, text }) => (kind === 'lifecycle' ? JSON.parse(text) : {}))
  .find(({ pid }) => pid);
const crashing = outcome(
  call(
    'trigger-long-running-operation',
    { duration: 20, steps: 20 },
    { onprogress: () => process.kill(serverPid, 'SIGKILL') },
  ),
);
check((await crashing) !== 'result', 'the server is killed in the middle of a call');

const { session, operations, frames } = await ended();
await until(() => spans.some(({ name }) => name.includes('session')));

title('What the recording says');
const shown = await sidelight('show', 'last', '--no-frames', '--data-dir', dataDir);
print(shown.trimEnd().replace(/^/gm, '  '));
const outcomes = new Set(operations.map((operation) => operation.outcome));
for (const wanted of ['ok', 'tool_error', 'protocol_error', 'cancelled', 'server_crashed']) {
  check(outcomes.has(wanted), `an operation with the outcome ${wanted}`);
}
const asked = operations.filter(({ initiator }) => initiator === 'server_to_client');
check(
  asked.length >= 2 && asked.every(({ parentOperationId }) => parentOperationId !== undefined),
  `${asked.length} requests of the server, each under the call that caused it`,
);
check(
  session.endCause === 'server_crashed' && session.exitSignal === 'SIGKILL',
  'the end: the server died of SIGKILL',
);
check(session.completeness.complete, `${frames.length} frames, none missing, none cut`);

title('Traces: what the OTLP receiver got');
for (const { name, kind, traceId, attributes } of spans.slice(-8)) {
  const side = String(kind).replace('SPAN_KIND_', '').toLowerCase();
  print(
    `  ${dim(traceId.slice(0, 8))}  ${side.padEnd(8)}  ${name.padEnd(52)} ${dim(attributes['sidelight.outcome'] ?? '')}`,
  );
}
check(
  spans.length === operations.length + 1,
  `${spans.length} spans: one for each operation, and one for the session`,
);
const recordedSpans = new Set(spans.map(({ spanId }) => spanId));
check(
  operations.every(({ spanId }) => recordedSpans.has(spanId)),
  'each recorded operation has its span',
);

title('Metrics: what Prometheus would scrape');
const shownMetrics = /^(sidelight_operations_total|sidelight_tools_list_bytes|sidelight_server_up)\{.*$/gm;
for (const line of (metrics.match(shownMetrics) ?? []).slice(0, 9)) {
  // Empty labels are left out here, for reading; Prometheus gets every label.
  print(`  ${dim(fit(line.replaceAll(/\w+="",?/g, '').replace(',}', '}')))}`);
}
check(
  /^sidelight_operations_total\{.*outcome="tool_error".*\} [1-9]/m.test(metrics),
  'tool errors are counted as errors',
);

title('Logs: one line for each operation');
const log = readFileSync(logFile, 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line));
const line = log.find((one) => one.outcome === 'tool_error');
for (const [key, value] of Object.entries(line)) print(`  ${dim(fit(`${key.padEnd(12)} ${value}`))}`);
check(
  operations.every(({ spanId }) => log.some((one) => one.span_id === spanId)),
  'every operation has its line, with the ids of its span',
);

const failed = checks.filter((holds) => !holds).length;
title(
  failed === 0 ? `All ${checks.length} checks hold.` : `${failed} of ${checks.length} checks do not hold.`,
);
print(`The recording is in ${dataDir}. Look at it:`);
const again = `node dist/main.js`;
print(`  ${again} show last --data-dir ${dataDir}`);
print(`  ${again} sessions --data-dir ${dataDir}`);
print('Then put Sidelight before a server of your own:');
print(`  ${again} -- <your server's command>`);

clearTimeout(deadline);
await client.close().catch(() => undefined);
await receiver.close();
process.exit(failed === 0 ? 0 : 1);

/** A command of Sidelight, as a user would run it. */
async function sidelight(...words) {
  const child = spawn(process.execPath, [SIDELIGHT, ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, COLUMNS: String(columns()) },
  });
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (out += text));
  await once(child, 'close');
  return out;
}

async function read(...words) {
  return JSON.parse(await sidelight(...words, '--json', '--data-dir', dataDir));
}

async function ended() {
  for (;;) {
    const recording = await read('show', 'last');
    if (recording.session.endedAtUs !== undefined) return recording;
  }
}

/** The deadline of the whole demo ends a wait in vain. */
async function until(condition) {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20));
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  return port;
}

function columns() {
  return Math.min(process.stdout.columns ?? 110, 140) - 2;
}

function fit(text) {
  return text.length > columns() - 2 ? `${text.slice(0, columns() - 3)}…` : text;
}

/** Paths of this project, as one would type them. */
function shorten(arg) {
  return arg.startsWith(root) ? arg.slice(root.length) : arg === process.execPath ? 'node' : arg;
}
