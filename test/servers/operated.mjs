// A server with a tool for each way in which a call can go, for what operators look at. On stdio; with `http` as its
// argument over HTTP, where it says `listening <port>`.
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

/** So that the list is some 12,000 tokens. */
const DESCRIPTION = 'What this tool does, at length. '.repeat(160);
const SLOW_MS = 250;
const BIG_BYTES = 120_000;

const says = (text, more = {}) => ({ result: { content: [{ type: 'text', text }], ...more } });
const question = { message: 'Who are you?', requestedSchema: { type: 'object', properties: {} } };

const tools = {
  read: () => says('well'),
  write: () => says('no space left', { isError: true }),
  crunch: () => ({ error: { code: -32_603, message: 'cannot be' } }),
  slow: () => sleep(SLOW_MS).then(() => says('at last')),
  big: () => says('x'.repeat(BIG_BYTES)),
  /** Only once it is cancelled. */
  wait: (_params, id) => new Promise((resolve) => waiting.set(id, () => resolve(says('too late')))),
  hang: () => new Promise(() => undefined),
  stray: () => {
    process.stdout.write('a line for the programmer\n');
    return says('well');
  },
  ask: (_params, id) =>
    new Promise((resolve) => {
      asked.set(`q-${id}`, () => resolve(says('thanks')));
      say({ id: `q-${id}`, method: 'elicitation/create', params: question });
    }),
  form: ({ inputResponses }) =>
    inputResponses === undefined
      ? {
          result: {
            resultType: 'input_required',
            inputRequests: { name: { method: 'elicitation/create', params: question } },
            requestState: 'state-1',
          },
        }
      : says('thanks', { resultType: 'complete' }),
};

const waiting = new Map();
const asked = new Map();
const listed = Object.keys(tools).map((name) => ({
  name,
  description: DESCRIPTION.slice(0, 4900),
  inputSchema: { type: 'object' },
}));

const methods = {
  initialize: ({ protocolVersion }) => ({
    result: {
      protocolVersion,
      capabilities: { tools: {} },
      serverInfo: { name: 'operated', version: '1.0.0' },
    },
  }),
  'tools/list': () => ({ result: { tools: listed, resultType: 'complete' } }),
  'tools/call': (params, id) =>
    tools[params.name]?.(params, id) ?? { error: { code: -32_602, message: `Unknown tool: ${params.name}` } },
};

async function answer({ id, method, params }) {
  const found = methods[method];
  const told =
    found === undefined ? { error: { code: -32_601, message: 'no such method' } } : await found(params, id);
  return JSON.stringify({ jsonrpc: '2.0', id, ...told });
}

function say(message) {
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
}

async function onStdio() {
  for await (const line of createInterface({ input: process.stdin })) {
    const message = JSON.parse(line);
    if (message.method === 'notifications/cancelled') waiting.get(message.params.requestId)?.();
    else if (message.method === undefined) asked.get(message.id)?.();
    else if (message.id !== undefined) void answer(message).then((text) => process.stdout.write(`${text}\n`));
  }
}

function overHttp() {
  const server = createServer((request, response) => {
    if (request.method === 'GET') {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(': open\n\n');
      setTimeout(() => response.end(), SLOW_MS);
      return;
    }
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      void answer(JSON.parse(Buffer.concat(chunks).toString())).then((text) => {
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end(text);
      });
    });
  });
  server.listen(0, '127.0.0.1', () => console.log(`listening ${server.address().port}`));
  process.stdin.resume().on('end', () => process.exit());
}

if (process.argv[2] === 'http') overHttp();
else await onStdio();
