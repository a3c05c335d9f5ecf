/**
 * The real ClickHouse engine (chdb, embedded) behind as much of its HTTP interface as its official client uses: statements,
 * parameters, inserts in any coding of the body, errors with their codes. What it is asked to do wrong, it does on purpose:
 * `/faults` with a JSON body sets what happens to the requests that follow.
 * Arguments: the folder of the data, the port (0: a free one), arguments of the engine itself. Prints its port.
 */
const { createServer } = require('node:http');
const { gunzipSync } = require('node:zlib');
const { Session } = require(process.env.FLEET_ENGINE);

const OWN = new Set([
  'query',
  'query_id',
  'database',
  'session_id',
  'default_format',
  'role',
  'user',
  'password',
]);
const session = new Session(process.argv[2], { connectionArgs: process.argv.slice(4) });
/**
 * For so many requests (`count`): `hang`: no answer; `status`: this one; `code`: this exception, such as 243 for a full disk;
 * `slowMs`: after so long; `after`: the work is done, and then nothing is said. With GET the number of those that are left.
 */
let fault = {};

const server = createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => answer(request, response, Buffer.concat(chunks)));
});

function answer(request, response, sent) {
  const url = new URL(request.url, 'http://engine');
  if (url.pathname === '/faults' && request.method === 'GET') {
    response.end(String(fault.count ?? 0));
    return;
  }
  if (url.pathname === '/faults') {
    fault = JSON.parse(sent.toString());
    response.end();
    return;
  }
  if (url.pathname === '/ping') {
    response.end('Ok.\n');
    return;
  }
  const isFaulty = (fault.count ?? 0) > 0;
  if (isFaulty) fault.count -= 1;
  if (isFaulty && fault.hang) return;
  if (isFaulty && fault.status) {
    response.writeHead(fault.status).end('not now');
    return;
  }
  if (isFaulty && fault.code) {
    response.setHeader('x-clickhouse-exception-code', String(fault.code));
    response.writeHead(500).end(`Code: ${fault.code}. DB::Exception: not now`);
    return;
  }
  if (isFaulty && fault.slowMs) {
    setTimeout(() => work(request, response, url, sent, false), fault.slowMs);
    return;
  }
  work(request, response, url, sent, isFaulty && fault.after);
}

function work(request, response, url, sent, breaks) {
  const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(sent) : sent;
  try {
    const result = run(url.searchParams, body.toString());
    if (breaks) {
      request.socket.destroy();
      return;
    }
    response.setHeader('content-type', 'application/json');
    response.end(result);
  } catch (error) {
    response.setHeader('x-clickhouse-exception-code', /Code: (\d+)/.exec(error.message)?.[1] ?? '1');
    response.writeHead(500).end(error.message);
  }
}

function run(search, body) {
  const asked = search.get('query');
  const settings = [...search].filter(([name]) => !OWN.has(name) && !name.startsWith('param_'));
  const params = Object.fromEntries(
    [...search].filter(([name]) => name.startsWith('param_')).map(([name, value]) => [name.slice(6), value]),
  );
  const given = settings.map(([name, value]) => `${name} = '${value.replaceAll("'", "\\'")}'`).join(', ');
  if (asked === null) {
    return Object.keys(params).length > 0
      ? session.queryBind(body, bound(body, params), 'JSONEachRow')
      : session.query(body, 'JSONEachRow');
  }
  const insert = given === '' ? asked : asked.replace(/ FORMAT (\w+)\s*$/, ` SETTINGS ${given} FORMAT $1`);
  return session.query(`${insert}\n${body}`, 'JSONEachRow');
}

/** The client escapes values for HTTP, and the engine's own binding once more: here they are values again. */
function bound(query, params) {
  const valueOf = ([name, text]) =>
    query.includes(`{${name}:Array(`)
      ? [...text.matchAll(/'((?:\\.|[^'\\])*)'|[^,[\]]+/gs)].map(([whole, said]) =>
          said === undefined ? BigInt(whole) : unescaped(said),
        )
      : unescaped(text);
  return Object.fromEntries(Object.entries(params).map((entry) => [entry[0], valueOf(entry)]));
}

function unescaped(text) {
  const meant = { t: '\t', n: '\n', r: '\r' };
  return text.replace(/\\(.)/gs, (_, letter) => meant[letter] ?? letter);
}

server.listen(Number(process.argv[3] ?? 0), '127.0.0.1', () => console.log(server.address().port));
// It goes with whoever started it.
process.stdin.on('end', () => process.exit(0)).resume();
