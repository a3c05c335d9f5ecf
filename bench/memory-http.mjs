/**
 * Traffic for the memory bench, as records of HTTP exchanges. More sessions than there is room for, which nobody ends; as
 * many requests without a response as a listener takes connections; streams that are opened and left; clients that go
 * away; ids of events. It decides nothing by chance.
 */

/** In use at a time. The others were in use before, and nobody ends them. */
const SESSIONS = 5000;
/** More than are told apart. */
const ALL_SESSIONS = 10_500;
/** Connections that a listener takes, by default. */
const CONNECTIONS = 10_000;
/** Of these, such as hold a stream. */
const STREAMS = 4000;

const CLIENT = 'client_to_server';
const SERVER = 'server_to_client';
const JSON_TYPE = ['Content-Type', 'application/json'];
const SSE_TYPE = ['Content-Type', 'text/event-stream'];
const EXTENSION = 'io.modelcontextprotocol';

export class HttpTraffic {
  #http;
  #turn = 0;
  #warm;
  #sessions = [];
  #opened = 0;
  /** Exchanges that never end of themselves, the oldest first. */
  #hung = [];
  #streams = [];

  /** `warmup`: messages in which what has a bound is to reach it. */
  constructor({ observed, clock, warmup }) {
    this.#http = new Http(observed, clock);
    this.#warm = warmup;
  }

  get messages() {
    return this.#http.messages;
  }

  /** A few exchanges of one session. */
  next() {
    const turn = (this.#turn += 1);
    const filled = Math.min(1, this.messages / this.#warm);
    // What is open at a time grows until the bound; then a new one comes for each that leaves, or is made to.
    if (turn % 25 === 0) this.#opens();
    while (this.#opened <= ALL_SESSIONS * filled) this.#opens();
    const session = this.#sessions[(turn * 7919) % this.#sessions.length];
    TURNS[turn % TURNS.length](this.#http, session, turn);
    if (this.#hung.length < (CONNECTIONS - STREAMS) * filled || turn % 20 === 0) this.#hangs(session, turn);
    if (this.#streams.length < STREAMS * filled || turn % 50 === 0)
      this.#streams.push(session.listens(this.#http));
    if (this.#hung.length > CONNECTIONS - STREAMS) this.#hung.shift().ends('client_gone');
    if (this.#streams.length > STREAMS) this.#streams.shift().ends('client_gone');
    const stream = this.#streams[turn % this.#streams.length];
    stream?.event({ method: 'notifications/message', params: { level: 'info', data: `line ${turn}` } }, turn);
  }

  #opens() {
    const number = (this.#opened += 1);
    const session = new HttpSession(number);
    session.opens(this.#http);
    // Those that are long gone are heard of no more, as nobody ends a session.
    this.#sessions.push(session);
    if (this.#sessions.length > SESSIONS) this.#sessions.shift();
  }

  #hangs(session, turn) {
    this.#hung.push(session.posts(this.#http, 'tools/call', { name: `hung ${turn}`, arguments: { turn } }));
  }
}

/** Every other session has an id; the others are known by who speaks in them. */
export class HttpSession {
  #number;
  #headers;
  #id = 0;

  constructor(number) {
    this.#number = number;
    const own = number % 2 === 0 ? ['Mcp-Session-Id', `id ${number}`] : ['Authorization', `Bearer ${number}`];
    this.#headers = [...JSON_TYPE, ...own];
  }

  opens(http) {
    if (this.#number % 2 !== 0) {
      this.calls(http, 'server/discover', {}, { capabilities: { tools: {} } });
      return;
    }
    const params = {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: 'bench', version: '1' },
    };
    const exchange = http.exchange().request('POST', JSON_TYPE);
    exchange.body(CLIENT, this.#request('initialize', params)).requestEnds();
    exchange.responds(200, [...JSON_TYPE, ...this.#headers.slice(2)]);
    exchange.body(
      SERVER,
      this.#answer({
        protocolVersion: '2025-11-25',
        capabilities: { tools: {} },
        serverInfo: infoOf(this.#number),
      }),
    );
    exchange.ends('complete');
    const told = http.exchange().request('POST', this.#headers);
    told
      .body(CLIENT, { method: 'notifications/initialized' })
      .requestEnds()
      .responds(202, [])
      .ends('complete');
  }

  /** A request that has no response yet. */
  posts(http, method, params) {
    const exchange = http.exchange().request('POST', this.#headers);
    return exchange.body(CLIENT, this.#request(method, params)).requestEnds();
  }

  calls(http, method, params, result) {
    const exchange = this.posts(http, method, params).responds(200, JSON_TYPE);
    exchange.body(SERVER, this.#answer(result)).ends('complete');
  }

  /** Answered by an event with an id. */
  streams(http, method, params, result, eventId) {
    const exchange = this.posts(http, method, params).responds(200, SSE_TYPE);
    exchange.event(this.#answer(result), eventId).ends('complete');
  }

  listens(http) {
    return http.exchange().request('GET', this.#headers.slice(2)).requestEnds().responds(200, SSE_TYPE);
  }

  #request(method, params) {
    const _meta = this.#number % 2 === 0 ? {} : metaOf(this.#number);
    return { id: (this.#id += 1), method, params: { ...params, _meta } };
  }

  #answer(result) {
    return { id: this.#id, result: { ...(this.#number % 2 !== 0 && { resultType: 'complete' }), ...result } };
  }
}

/** A name of its own: it is what is trusted, labelled and told by. */
function infoOf(number) {
  return { name: `bench ${number}`, version: '1' };
}

function metaOf(number) {
  return {
    [`${EXTENSION}/protocolVersion`]: '2026-07-28',
    [`${EXTENSION}/clientInfo`]: { name: `bench ${number}`, version: '2' },
    [`${EXTENSION}/clientCapabilities`]: {},
  };
}

function contentOf(turn) {
  return { content: [{ type: 'text', text: `the answer ${turn}: ${'x'.repeat(200)}` }] };
}

const TURNS = [
  (http, session, turn) =>
    session.calls(http, 'tools/call', { name: `tool ${turn % 50}`, arguments: {} }, contentOf(turn)),
  (http, session, turn) =>
    session.calls(http, 'tools/call', { name: `made up ${turn}`, arguments: {} }, contentOf(turn)),
  (http, session, turn) => {
    const tools = Array.from({ length: 5 }, (_, index) => ({
      name: `tool ${(turn + index) % 50}`,
      inputSchema: { type: 'object', properties: { city: { type: 'string' } } },
    }));
    session.calls(http, 'tools/list', {}, { tools });
  },
  (http, session, turn) =>
    session.streams(http, 'tools/call', { name: `tool ${turn % 50}` }, contentOf(turn), `event ${turn}`),
  (http, session, turn) => {
    // Its client goes away: the answer may still come elsewhere, or not at all.
    session.posts(http, 'tools/call', { name: `left ${turn}`, arguments: {} }).ends('client_gone');
  },
  (http, session, turn) => {
    const ask = inputRequired(`left behind in turn ${turn}`);
    session.calls(http, 'tools/call', { name: 'asks', arguments: { turn } }, ask);
  },
  (http, session, turn) => {
    const handle = {
      taskId: `task ${turn}`,
      status: 'working',
      createdAt: '2026-08-01T00:00:00Z',
      ttlMs: null,
    };
    session.calls(
      http,
      'tools/call',
      { name: 'takes long', arguments: {} },
      { resultType: 'task', ...handle },
    );
  },
  (http, session) => {
    session
      .posts(http, 'tools/call', { name: 'gone', arguments: {} })
      .responds(502, JSON_TYPE)
      .ends('complete');
  },
];

function inputRequired(requestState) {
  const params = { message: 'Who?', requestedSchema: { type: 'object' } };
  return {
    resultType: 'input_required',
    inputRequests: { who: { method: 'elicitation/create', params } },
    requestState,
  };
}

/** Says exchanges into the pipeline; counts messages, which are bodies and events. */
export class Http {
  #observed;
  #clock;
  #exchanges = 0;
  messages = 0;

  constructor(observed, clock) {
    this.#observed = observed;
    this.#clock = clock;
  }

  exchange() {
    return new Exchange((this.#exchanges += 1), this);
  }

  record(record) {
    this.#observed.record({ ...record, atUs: this.#clock() });
  }
}

class Exchange {
  #number;
  #http;
  #index = 0;
  #offset = 0;

  constructor(number, http) {
    this.#number = number;
    this.#http = http;
  }

  request(method, headers) {
    const client = { address: '192.0.2.7', port: 1024 + (this.#number % 60_000) };
    const line = { connection: this.#number, client, method, target: '/mcp', httpVersion: '1.1' };
    return this.#fact({ fact: 'request', ...line, headers });
  }

  requestEnds() {
    return this.#fact({ fact: 'request_ended', aborted: false, trailers: [] });
  }

  responds(status, headers) {
    return this.#fact({ fact: 'response', status, reason: '', headers });
  }

  ends(end) {
    return this.#fact({ fact: 'response_ended', end, trailers: [] });
  }

  body(direction, message) {
    this.#http.messages += 1;
    return this.#put(direction, JSON.stringify({ jsonrpc: '2.0', ...message }));
  }

  event(message, id) {
    this.#http.messages += 1;
    return this.#put(SERVER, `id: ${id}\ndata: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`);
  }

  #fact(fact) {
    const isRequest = fact.fact === 'request' || fact.fact === 'request_ended';
    return this.#put(isRequest ? 'request' : 'response', JSON.stringify(fact));
  }

  #put(kind, text) {
    const bytes = Buffer.from(text);
    this.#http.record({ kind, bytes, exchange: this.#number, index: this.#index, offset: this.#offset });
    this.#index += 1;
    this.#offset += bytes.length;
    return this;
  }
}
