// The plainest reverse proxy that streams: `bare-http-relay.mjs <target url> [port]` passes every exchange on and back with
// node:http and knows nothing else. Says `listening <port>`; stops on SIGTERM or the end of stdin.
import { createServer, request } from 'node:http';

const { hostname, port } = new URL(process.argv[2]);

const relay = createServer((req, res) => {
  const { method, url: path, rawHeaders: headers } = req;
  const upstream = request({ hostname, port, method, path, headers, setHost: false });
  upstream.on('response', (answer) => {
    res.writeHead(answer.statusCode, answer.statusMessage, answer.rawHeaders);
    res.flushHeaders();
    answer.on('error', () => res.destroy());
    answer.pipe(res);
  });
  upstream.on('error', () => (res.headersSent ? res.destroy() : res.writeHead(502).end()));
  res.on('close', () => upstream.destroy());
  req.pipe(upstream);
});

relay.listen(Number(process.argv[3] ?? 0), '127.0.0.1', () =>
  console.log(`listening ${relay.address().port}`),
);
process.on('SIGTERM', () => process.exit(0));
process.stdin.on('end', () => process.exit(0)).resume();
