// A Streamable HTTP server whose streams end early: a POST stream closes after the first events of a call, and the GET that
// resumes it says the last of them again, with its id, before the rest: at least once, as a careful server does.
// `says-it-twice.mjs [port]` says `listening <port>`.
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';

const TOOL = { name: 'count', inputSchema: { type: 'object', properties: { to: { type: 'number' } } } };
const SESSION = { 'mcp-session-id': 'the-only-session' };

const RESULTS = {
  initialize: ({ protocolVersion }) => ({
    protocolVersion,
    capabilities: { tools: {} },
    serverInfo: { name: 'says-it-twice', version: '1.0.0' },
  }),
  'tools/list': () => ({ tools: [TOOL] }),
};

/** The events of the call, told or not; an id is a place in it. */
let events = [];

const server = createServer(async (req, res) => {
  if (req.method === 'DELETE') return void res.writeHead(200).end();
  if (req.method === 'GET') return resume(req, res);
  const { id, method, params } = JSON.parse(await text(req));
  if (id === undefined) return void res.writeHead(202).end();
  if (method !== 'tools/call') {
    res.writeHead(200, { 'content-type': 'application/json', ...SESSION });
    return void res.end(JSON.stringify({ jsonrpc: '2.0', id, result: RESULTS[method](params) }));
  }
  const { to } = params.arguments;
  const { progressToken } = params._meta ?? {};
  events = Array.from({ length: to }, (_, n) => ({
    method: 'notifications/progress',
    params: { progressToken, progress: n + 1, total: to },
  }));
  events.push({ id, result: { content: [{ type: 'text', text: `counted to ${to}` }] } });
  stream(res, 'retry: 50\nid: start\ndata:\n\n', events.slice(0, to / 2), 0);
});

function resume(req, res) {
  const last = req.headers['last-event-id'];
  if (last === undefined) return void res.writeHead(405).end();
  const again = last === 'start' ? 0 : Number(last);
  stream(res, 'retry: 50\n\n', events.slice(again), again);
}

function stream(res, opening, some, first) {
  res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache', ...SESSION });
  res.write(opening);
  for (const [n, event] of some.entries())
    res.write(`id: ${first + n}\ndata: ${JSON.stringify({ jsonrpc: '2.0', ...event })}\n\n`);
  res.end();
}

server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () =>
  console.log(`listening ${server.address().port}`),
);
process.on('SIGTERM', () => process.exit(0));
process.stdin.on('end', () => process.exit(0)).resume();
