// Serves both eras over Streamable HTTP with SDK v2: sessions, GET streams and resumption for 2025, one exchange per
// request for 2026-07-28. `http-dual-era.mjs [port]` says `listening <port>` and stops on SIGTERM or the end of stdin.
/* global Request, Response */
import {
  createMcpHandler,
  hostHeaderValidationResponse,
  isLegacyRequest,
  localhostAllowedHostnames,
  WebStandardStreamableHTTPServerTransport,
} from '@modelcontextprotocol/server';
import { randomUUID } from 'node:crypto';
import { createServer as createHttpServer } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createServer } from './http-fixture.mjs';

const sessions = new Map();
const modern = createMcpHandler(() => createServer(modern.notify), { legacy: 'reject' });

async function serve(request) {
  // By Host alone: checking Origin too would hide from the suite that a proxy has put another Host in its place.
  const rejected = hostHeaderValidationResponse(request, localhostAllowedHostnames());
  if (rejected) return rejected;
  if (new URL(request.url).pathname !== '/mcp') return new Response('Not found', { status: 404 });
  return (await isLegacyRequest(request)) ? legacy(request) : modern.fetch(request);
}

async function legacy(request) {
  const id = request.headers.get('mcp-session-id');
  if (id === null) return (await newSession()).handleRequest(request);
  const error = { code: -32001, message: 'Session not found' };
  return (
    sessions.get(id)?.handleRequest(request) ??
    Response.json({ jsonrpc: '2.0', error, id: null }, { status: 404 })
  );
}

/** Without an initialize request the transport answers 400 itself, and nothing is kept. */
async function newSession() {
  const server = createServer(modern.notify);
  const transport = new WebStandardStreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    eventStore: eventStore(),
    retryInterval: 200,
    onsessioninitialized: (id) => sessions.set(id, transport),
    onsessionclosed: (id) => sessions.delete(id),
  });
  await server.connect(transport);
  return transport;
}

/** Ids are `<stream>_<place>`; a replay is what the same stream had after that place (SEP-1699). */
function eventStore() {
  const events = [];
  const streamOf = (id) => id.slice(0, id.lastIndexOf('_'));
  return {
    storeEvent: async (stream, message) => `${stream}_${events.push({ stream, message }) - 1}`,
    getStreamIdForEventId: async (id) => streamOf(id),
    replayEventsAfter: async (last, { send }) => {
      const stream = streamOf(last);
      const seen = Number(last.slice(stream.length + 1));
      for (const [place, event] of events.entries())
        if (place > seen && event.stream === stream && Object.keys(event.message).length > 0)
          await send(`${stream}_${place}`, event.message);
      return stream;
    },
  };
}

/** node:http on one side, web standard on the other; a client that goes away is an aborted request. */
const http = createHttpServer(async (req, res) => {
  const gone = new AbortController();
  res.on('close', () => gone.abort());
  const hasBody = req.method !== 'GET' && req.method !== 'HEAD';
  const headers = Object.entries(req.headersDistinct).flatMap(([name, values]) =>
    values.map((value) => [name, value]),
  );
  const request = new Request(`http://${req.headers.host ?? 'localhost'}${req.url}`, {
    method: req.method,
    headers,
    signal: gone.signal,
    ...(hasBody && { body: Readable.toWeb(req), duplex: 'half' }),
  });
  const response = await serve(request).catch((error) => {
    console.error(error);
    return new Response(null, { status: 500 });
  });
  res.writeHead(response.status, [...response.headers].flat());
  res.flushHeaders();
  if (response.body === null) return void res.end();
  // Fails only when the client has gone, which has told the request so already.
  await pipeline(Readable.fromWeb(response.body), res).catch(() => undefined);
});

http.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => console.log(`listening ${http.address().port}`));
process.on('SIGTERM', () => process.exit(0));
process.stdin.on('end', () => process.exit(0)).resume();
