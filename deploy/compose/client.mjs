/** Calls tools of the sample server, one in a few in vain, until it is stopped: `node client.mjs URL`. Needs nothing but Node. */
import { setTimeout as pause } from 'node:timers/promises';

const url = process.argv[2] ?? 'http://127.0.0.1:8808/mcp';
const CALLS = [
  { name: 'echo', arguments: { message: 'hello' } },
  { name: 'get-sum', arguments: { a: 1, b: 2 } },
  { name: 'get-tiny-image', arguments: {} },
  { name: 'trigger-long-running-operation', arguments: { duration: 2, steps: 2 } },
  { name: 'get-sum', arguments: { a: 'one' } },
  { name: 'no-such-tool', arguments: {} },
];
const PAUSE_MS = 2000;
const CALLS_OF_A_SESSION = 50;

process.once('SIGTERM', () => process.exit(0));
for (;;) {
  try {
    await session();
  } catch (error) {
    console.error(`client: ${error.cause?.message ?? error.message}`);
    await pause(PAUSE_MS);
  }
}

async function session() {
  const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
  let id = 0;
  const post = async (method, params, isRequest = true) => {
    const message = { jsonrpc: '2.0', ...(isRequest ? { id: ++id } : {}), method, params };
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(message) });
    await response.text();
    if (!response.ok) throw new Error(`${method}: HTTP ${response.status}`);
    return response;
  };
  const clientInfo = { name: 'sample-client', version: '1.0.0' };
  const first = await post('initialize', { protocolVersion: '2025-06-18', capabilities: {}, clientInfo });
  headers['mcp-session-id'] = first.headers.get('mcp-session-id') ?? '';
  headers['mcp-protocol-version'] = '2025-06-18';
  await post('notifications/initialized', {}, false);
  await post('tools/list', {});
  for (let call = 0; call < CALLS_OF_A_SESSION; call += 1) {
    await post('tools/call', CALLS[call % CALLS.length]);
    await pause(PAUSE_MS);
  }
  await fetch(url, { method: 'DELETE', headers });
}
