// Puts a stdio server on Streamable HTTP: `over-http.mjs <command> [args...]`. A process of its own for each session up to
// 2025-11-25, one for all requests of 2026-07-28. Says `listening <port>`; stops on SIGTERM or the end of stdin.
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';

const [command, ...args] = process.argv.slice(2);
const sessions = new Map();

/** A process, the exchanges that wait for an answer of it, by id, and the one that hears what it says by itself. */
function start() {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const session = { child, waiting: new Map(), heard: undefined };
  child.stdin.on('error', () => undefined);
  createInterface({ input: child.stdout }).on('line', (line) => {
    const { id, method } = JSON.parse(line);
    const isAnswer = method === undefined;
    const stream = isAnswer
      ? session.waiting.get(id)
      : ([...session.waiting.values()].at(-1) ?? session.heard);
    stream?.write(`data: ${line}\n\n`);
    if (!isAnswer) return;
    session.waiting.delete(id);
    stream?.end();
  });
  child.on('close', () => {
    for (const stream of session.waiting.values()) stream.destroy();
  });
  return session;
}

function serve(req, res, body) {
  const key = req.headers['mcp-session-id'] ?? req.headers['mcp-protocol-version'];
  const message = body === '' ? {} : JSON.parse(body);
  const name = message.method === 'initialize' ? randomUUID() : key;
  if (message.method === 'initialize' || (key === '2026-07-28' && !sessions.has(key)))
    sessions.set(name, start());
  const session = sessions.get(name);
  if (session === undefined) return res.writeHead(404).end();
  if (req.method === 'DELETE') {
    session.child.kill();
    sessions.delete(name);
    return res.writeHead(204).end();
  }
  const isStream = req.method === 'GET' || (message.id !== undefined && message.method !== undefined);
  if (!isStream) res.writeHead(202).end();
  else {
    res.writeHead(200, { 'content-type': 'text/event-stream', 'mcp-session-id': name });
    res.flushHeaders();
    if (req.method === 'GET') session.heard = res;
    else session.waiting.set(message.id, res);
  }
  if (body !== '') session.child.stdin.write(`${JSON.stringify(message)}\n`);
}

const server = createServer((req, res) => {
  const chunks = [];
  req.on('data', (chunk) => chunks.push(chunk));
  req.on('end', () => serve(req, res, Buffer.concat(chunks).toString()));
});
server.listen(0, '127.0.0.1', () => console.log(`listening ${server.address().port}`));
const stop = () => {
  for (const { child } of sessions.values()) child.kill();
  process.exit(0);
};
process.on('SIGTERM', stop);
process.stdin.on('end', stop).resume();
