// A Streamable HTTP server that compresses what it answers, streams too, event by event: `compresses.mjs [port]` says
// `listening <port>`. The query chooses: `/mcp?with=gzip`, `br` or `deflate`. No SDK server does this; proxies in front do.
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { constants, createBrotliCompress, createDeflate, createGzip } from 'node:zlib';

const COMPRESS = {
  gzip: () => createGzip({ flush: constants.Z_SYNC_FLUSH }),
  deflate: () => createDeflate({ flush: constants.Z_SYNC_FLUSH }),
  br: () => createBrotliCompress({ flush: constants.BROTLI_OPERATION_FLUSH }),
};
const TOOL = { name: 'count', inputSchema: { type: 'object', properties: { to: { type: 'number' } } } };

const RESULTS = {
  initialize: ({ protocolVersion }) => ({
    protocolVersion,
    capabilities: { tools: {} },
    serverInfo: { name: 'compresses', version: '1.0.0' },
  }),
  'tools/list': () => ({ tools: [TOOL] }),
};

const server = createServer(async (req, res) => {
  const encoding = new URL(req.url, 'http://localhost').searchParams.get('with');
  if (req.method !== 'POST') return void res.writeHead(405).end();
  const { id, method, params } = JSON.parse(await text(req));
  if (id === undefined) return void res.writeHead(202).end();
  const stream = method === 'tools/call';
  const type = stream ? 'text/event-stream' : 'application/json';
  res.writeHead(200, { 'content-type': type, 'content-encoding': encoding, vary: 'accept-encoding' });
  const body = COMPRESS[encoding]();
  body.pipe(res);
  if (!stream) return void body.end(JSON.stringify({ jsonrpc: '2.0', id, result: RESULTS[method](params) }));

  const say = (message) =>
    body.write(`event: message\ndata: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`);
  const { progressToken } = params._meta ?? {};
  const { to } = params.arguments;
  for (let progress = 1; progress <= to; progress += 1) {
    say({ method: 'notifications/progress', params: { progressToken, progress, total: to } });
    await sleep(20);
  }
  say({ id, result: { content: [{ type: 'text', text: `counted to ${to}` }] } });
  body.end();
});

server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () =>
  console.log(`listening ${server.address().port}`),
);
process.on('SIGTERM', () => process.exit(0));
process.stdin.on('end', () => process.exit(0)).resume();
