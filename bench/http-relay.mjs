/**
 * The bare relay that HTTP is compared with: node:http, a keep-alive agent, the headers as they came and a pipe each
 * way, nothing else. A head that announces no length is sent at once, since the body may be a stream that is silent.
 */
import { Agent, createServer, request } from 'node:http';

const { hostname, port } = new URL(process.argv[2]);
const agent = new Agent({ keepAlive: true });
const server = createServer((incoming, outgoing) => {
  const { method, url: path, rawHeaders: headers } = incoming;
  const upstream = request({ agent, hostname, port, method, path, headers }, (answer) => {
    outgoing.writeHead(answer.statusCode, answer.statusMessage, answer.rawHeaders);
    if (answer.headers['content-length'] === undefined) outgoing.flushHeaders();
    answer.pipe(outgoing);
  });
  incoming.pipe(upstream);
  upstream.on('error', () => outgoing.destroy());
  outgoing.on('close', () => upstream.destroy());
});
server.listen(0, '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});
// It goes with whoever started it.
process.stdin.on('end', () => process.exit(0)).resume();
