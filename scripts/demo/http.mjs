/** The same server over Streamable HTTP, with Sidelight as the reverse proxy in front of it. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ListRootsRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import {
  dim,
  EVERYTHING,
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

export async function httpAct(stage) {
  const receiver = await openReceiver();
  const server = await startServer();
  const admin = `127.0.0.1:${await freePort()}`;
  const where = ['--target', server.url, '--listen', '127.0.0.1:0'];
  const outputs = ['--otlp-endpoint', receiver.endpoint, '--admin', admin];
  const args = ['http', ...where, '--name', 'over-http', '--data-dir', stage.dataDir, ...outputs];
  title('The same over HTTP: the server on a port of its own, Sidelight on another in front of it');
  print(dim(`  sidelight ${typed(args)}`));
  const proxy = spawn(process.execPath, [SIDELIGHT, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  process.once('exit', () => proxy.kill());
  const [, url] = await said(proxy.stderr, /listening on (http\S+),/);

  title('What the client did');
  const client = new Client({ name: 'demo-client', version: '1.0.0' }, { capabilities: { roots: {} } });
  const asked = new Promise((resolve) => {
    client.setRequestHandler(ListRootsRequestSchema, () => {
      resolve(true);
      return { roots: [{ uri: 'file:///demo', name: 'demo' }] };
    });
  });
  const transport = new StreamableHTTPClientTransport(new URL('/mcp', url));
  await client.connect(transport);
  await play(stage, client, asked);
  await stopServer(stage, server, client);
  const metrics = await (await fetch(`http://${admin}/metrics`)).text();

  await client.close();
  proxy.kill('SIGTERM');
  const [code] = await once(proxy, 'exit');
  stage.check(code === 0, 'Sidelight is told to end: it flushes and exits with 0');

  const recording = await stage.ended();
  await checkRecording(stage, recording, transport.sessionId);
  checkTraces(stage, receiver.spans, recording.operations);
  title('Metrics');
  printMetrics(metrics, /^(sidelight_operations_total|sidelight_sessions_active)\{.*$/gm);
  stage.check(
    /^sidelight_operations_total\{.*outcome="tool_error".*\} 1$/m.test(metrics),
    'a tool error inside a 200 is counted as an error',
  );
  await receiver.close();
}

async function play(stage, client, asked) {
  const call = (name, input = {}, options = {}) =>
    client.callTool({ name, arguments: input }, undefined, options);
  const { tools } = await client.listTools();
  stage.check(tools.length > 5, `connected, ${tools.length} tools listed`);
  stage.check((await outcome(call('echo', { message: 'hello' }))) === 'result', 'echo: a result');
  stage.check(
    (await outcome(call('echo', {}))) === 'isError',
    'echo without its argument: a tool error inside a 200',
  );
  let progress = 0;
  await call(
    'trigger-long-running-operation',
    { duration: 1, steps: 4 },
    { onprogress: () => (progress += 1) },
  );
  stage.check(
    progress >= 3,
    `a long operation: ${progress} progress notifications on the stream of its POST`,
  );
  stage.check(
    await asked,
    'the server asks for the roots on the GET stream; the answer is a POST of its own',
  );
}

async function stopServer(stage, server, client) {
  server.process.kill('SIGKILL');
  await once(server.process, 'exit');
  const echo = () => outcome(client.callTool({ name: 'echo', arguments: { message: 'anybody?' } }));
  let answer = await echo();
  // A connection that the server took with it can still meet a call, which then fails as it would without Sidelight.
  while (answer === 'fetch failed') answer = await echo();
  stage.check(
    answer.includes('refused the connection') && answer.includes('"jsonrpc":"2.0"'),
    'the server is gone: the next call gets 502 with a JSON-RPC error',
  );
}

async function checkRecording(stage, { session, operations, frames }, sessionId) {
  title('What the recording says');
  await stage.printOperations();
  const outcomes = new Set(operations.map((operation) => operation.outcome));
  for (const wanted of ['ok', 'tool_error']) {
    stage.check(outcomes.has(wanted), `an operation with the outcome ${wanted}`);
  }
  stage.check(
    operations.every(({ http }) => http?.method === 'POST' || http?.method === 'GET'),
    'each operation has the method, path and status of its HTTP exchange',
  );
  stage.check(
    operations.some(({ outcome, http }) => outcome === 'http_error' && http?.status === 502),
    'the call that found no server: failed, with status 502',
  );
  stage.check(
    operations.some(({ initiator, http }) => initiator === 'server_to_client' && http?.method === 'GET'),
    'a request of the server, asked on the GET stream',
  );
  const hash = createHash('sha256').update(sessionId).digest('hex').slice(0, 16);
  stage.check(session.sessionIdHash === hash, `one session, known by the hash of its id: ${hash}`);
  stage.check(!JSON.stringify(frames).includes(sessionId), 'the id itself stands nowhere');
  stage.check(session.completeness.complete, `${frames.length} frames, none missing, none cut`);
}

function checkTraces(stage, spans, operations) {
  title('Traces');
  printSpans(spans.slice(-6), (attributes) => attributes['sidelight.outcome'] ?? '');
  const received = new Set(spans.map(({ spanId }) => spanId));
  stage.check(
    operations.every(({ spanId }) => received.has(spanId)),
    'each recorded operation has its span',
  );
}

async function startServer() {
  const port = await freePort();
  const server = spawn(process.execPath, [EVERYTHING, 'streamableHttp'], {
    env: { ...process.env, PORT: String(port) },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  process.once('exit', () => server.kill());
  await said(server.stderr, /listening on port/);
  return { process: server, url: `http://127.0.0.1:${port}` };
}

/** Waits until a stream has said it; what it says later is thrown away. */
async function said(stream, what) {
  let text = '';
  stream.setEncoding('utf8').on('data', (more) => (text += more));
  await until(() => what.test(text));
  return what.exec(text);
}
