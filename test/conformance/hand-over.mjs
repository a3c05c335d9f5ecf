// The "client" that the conformance suite starts: `hand-over.mjs <port> <server url>` posts to the test at that port what the
// suite wants of a client and ends as that client did. The suite starts some forty at once; this one is cheap.
import { request } from 'node:http';

const [port, url] = process.argv.slice(2);
const {
  MCP_CONFORMANCE_SCENARIO: scenario,
  MCP_CONFORMANCE_PROTOCOL_VERSION: version = '2025-11-25',
  MCP_CONFORMANCE_CONTEXT: context = '{}',
} = process.env;

request({ host: '127.0.0.1', port, method: 'POST' }, (played) => {
  if (played.statusCode !== 200) process.exitCode = 1;
  played.pipe(process.stderr);
}).end(JSON.stringify({ url, scenario, version, context: JSON.parse(context) }));
