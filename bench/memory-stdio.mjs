/**
 * Traffic for the memory bench, as lines of stdio sessions. One session asks and is never answered, in both directions;
 * two others, of either era, do everything that is remembered: calls that ask for input and are left, tasks that do not
 * end, names that nobody listed, ids used twice, cancels, late answers, stray output. It decides nothing by chance.
 */

const TOOLS = 10_000;
const PAGE = 100;
const SUBSCRIPTIONS = 100;
/** Of the messages of the first fifth, those that are never answered. */
const HUNG_SHARE = 2;
/** Requests of one direction that are in flight at most, see limits.ts. */
const MAX_PENDING = 100_000;
const EXTENSION = 'io.modelcontextprotocol';

const CLIENT = 'client_to_server';
const SERVER = 'server_to_client';

/** `open(command)`: a new session's pipeline. `clock`: gives the time of the next message. */
export class StdioTraffic {
  #hung;
  #legacy;
  #modern;
  #turn = 0;
  #warm;

  /** `warmup`: messages in which what has a bound is to reach it. */
  constructor({ open, clock, warmup }) {
    this.#warm = warmup;
    this.#hung = new Hung(new Wire(open('hung'), clock));
    this.#legacy = new Legacy(new Wire(open('legacy'), clock));
    this.#modern = new Modern(new Wire(open('modern'), clock));
  }

  get messages() {
    return this.#hung.wire.messages + this.#legacy.wire.messages + this.#modern.wire.messages;
  }

  /** A conversation of a few messages. */
  next() {
    const turn = (this.#turn += 1);
    const fills = this.messages < this.#warm ? this.#hung.wire.messages * HUNG_SHARE <= this.messages : false;
    if (fills || (this.#hung.isFull && turn % 8 === 0)) this.#hung.next();
    else if (turn % 2 === 0) this.#legacy.next();
    else this.#modern.next();
  }
}

/** Says messages of one session into its pipeline. */
class Wire {
  #observed;
  #clock;
  #id = 0;
  messages = 0;

  constructor(observed, clock) {
    this.#observed = observed;
    this.#clock = clock;
  }

  get nextId() {
    return (this.#id += 1);
  }

  say(kind, message) {
    const text = typeof message === 'string' ? message : JSON.stringify({ jsonrpc: '2.0', ...message });
    this.messages += 1;
    const bytes = Buffer.from(`${text}\n`);
    this.#observed.record({ kind, bytes, atUs: this.#clock(), exchange: 0, index: 0, offset: 0 });
  }

  asks(method, params, id = this.nextId) {
    this.say(CLIENT, { id, method, params });
    return id;
  }

  answers(id, result) {
    this.say(SERVER, { id, result });
  }

  opens(version) {
    const id = this.asks('initialize', {
      protocolVersion: version,
      capabilities: { elicitation: {}, sampling: {}, roots: {} },
      clientInfo: { name: 'bench', version: '1' },
    });
    this.answers(id, { protocolVersion: version, capabilities: CAPABILITIES, serverInfo: SERVER_INFO });
    this.say(CLIENT, { method: 'notifications/initialized' });
  }

  /** A page of the list, each tool with a schema of its own. */
  lists(page, extra, meta) {
    const last = (page + 1) * PAGE >= TOOLS;
    const tools = Array.from({ length: PAGE }, (_, index) => toolOf(page * PAGE + index));
    const cursor = page === 0 ? {} : { cursor: `page ${page}` };
    const id = this.asks('tools/list', { ...cursor, ...meta });
    this.answers(id, { ...extra, tools, ...(!last && { nextCursor: `page ${page + 1}` }) });
  }
}

const CAPABILITIES = {
  tools: { listChanged: true },
  prompts: {},
  resources: { subscribe: true },
  logging: {},
};
const SERVER_INFO = { name: 'bench', version: '1' };

function toolOf(index) {
  const properties = { [`of ${index}`]: { type: 'integer' }, city: { type: 'string' } };
  return { name: `tool ${index}`, description: 'Does it', inputSchema: { type: 'object', properties } };
}

function contentOf(turn) {
  return { content: [{ type: 'text', text: `the answer ${turn}: ${'x'.repeat(200)}` }] };
}

/** Nothing that it asks is ever answered, whoever asks. */
class Hung {
  wire;
  #asked = 0;

  constructor(wire) {
    this.wire = wire;
    wire.opens('2025-11-25');
  }

  get isFull() {
    return this.#asked >= MAX_PENDING;
  }

  next() {
    const turn = (this.#asked += 1);
    this.wire.asks(turn % 50 === 0 ? 'subscriptions/listen' : 'tools/call', {
      name: `hung ${turn}`,
      arguments: { turn },
      _meta: { progressToken: `token ${turn}` },
    });
    const asks = turn % 2 === 0 ? 'elicitation/create' : 'sampling/createMessage';
    this.wire.say(SERVER, { id: turn, method: asks, params: { message: `question ${turn}` } });
  }
}

/** 2025-11-25. */
class Legacy {
  wire;
  #turn = 0;

  constructor(wire) {
    this.wire = wire;
    wire.opens('2025-11-25');
    for (let page = 0; page < TOOLS / PAGE; page += 1) wire.lists(page);
  }

  next() {
    const turn = (this.#turn += 1);
    LEGACY_TURNS[turn % LEGACY_TURNS.length](this.wire, turn);
  }
}

function calls(wire, name, turn, more) {
  return wire.asks('tools/call', { name, arguments: { turn, city: `city ${turn}` }, ...more });
}

const LEGACY_TURNS = [
  (wire, turn) => wire.answers(calls(wire, `tool ${turn % TOOLS}`, turn), contentOf(turn)),
  (wire, turn) => wire.answers(calls(wire, `made up ${turn}`, turn), contentOf(turn)),
  (wire, turn) => {
    const id = calls(wire, `tool ${turn % TOOLS}`, turn, { _meta: { progressToken: turn } });
    for (let progress = 1; progress <= 3; progress += 1)
      wire.say(SERVER, { method: 'notifications/progress', params: { progressToken: turn, progress } });
    wire.answers(id, contentOf(turn));
    wire.answers(id, contentOf(turn));
  },
  (wire, turn) => {
    const requestId = calls(wire, `tool ${turn % TOOLS}`, turn);
    wire.say(CLIENT, { method: 'notifications/cancelled', params: { requestId, reason: `reason ${turn}` } });
    wire.answers(requestId, contentOf(turn));
  },
  (wire, turn) => {
    const id = calls(wire, `failing ${turn}`, turn);
    wire.answers(id, { isError: true, content: [{ type: 'text', text: `MCP error -32602: no ${turn}` }] });
    const error = { code: -32_000 - (turn % 5000), message: `failed ${turn}` };
    wire.say(SERVER, { id: calls(wire, `failing ${turn}`, turn), error });
  },
  (wire, turn) => {
    const handle = {
      taskId: `task ${turn}`,
      status: 'working',
      createdAt: '2026-01-01T00:00:00Z',
      ttl: null,
    };
    wire.answers(calls(wire, 'tool 1', turn, { task: { ttl: 60_000 } }), { task: handle });
    const taskId = `task ${turn % 500}`;
    const status = turn % 2 === 0 ? 'working' : 'input_required';
    wire.answers(wire.asks('tasks/get', { taskId }), { ...handle, taskId, status });
  },
  (wire, turn) => {
    wire.say(SERVER, { id: `s ${turn}`, method: 'elicitation/create', params: { message: `who? ${turn}` } });
    wire.say(CLIENT, { id: `s ${turn}`, result: { action: 'accept', content: {} } });
    wire.say(SERVER, { method: 'notifications/message', params: { level: 'info', data: `line ${turn}` } });
  },
  (wire, turn) => {
    wire.say('stderr', `a line of stderr ${turn}`);
    wire.say(SERVER, `a stray line ${turn}`);
    wire.say(SERVER, `{"jsonrpc":"2.0","id":"nobody ${turn}","result":{}}`);
    wire.say(CLIENT, `{"id":${turn}}`);
  },
  (wire, turn) => {
    wire.answers(wire.asks('resources/read', { uri: `file:///made/up/${turn}` }), { contents: [] });
    wire.answers(wire.asks('prompts/get', { name: `prompt ${turn}` }), { messages: [] });
    wire.answers(wire.asks(`made/up/${turn}`, {}), {});
  },
  (wire, turn) => {
    // Two requests under one id: both are answered.
    const id = calls(wire, 'tool 2', turn);
    wire.asks('tools/call', { name: 'tool 3', arguments: {} }, id);
    wire.answers(id, contentOf(turn));
    wire.answers(id, contentOf(turn));
  },
  (wire, turn) => {
    if (turn % 5 !== 0) return;
    wire.say(SERVER, { method: 'notifications/tools/list_changed' });
    wire.lists(turn % (TOOLS / PAGE));
  },
];

/** 2026-07-28. */
class Modern {
  wire;
  #turn = 0;

  constructor(wire) {
    this.wire = wire;
    wire.answers(wire.asks('server/discover', META), { resultType: 'complete', capabilities: CAPABILITIES });
    for (let page = 0; page < TOOLS / PAGE; page += 1) wire.lists(page, COMPLETE, META);
    for (let count = 0; count < SUBSCRIPTIONS; count += 1) {
      wire.asks('subscriptions/listen', { notifications: { toolsListChanged: true }, ...META }, `l ${count}`);
      wire.say(SERVER, ofSubscription('notifications/subscriptions/acknowledged', count));
    }
  }

  next() {
    const turn = (this.#turn += 1);
    MODERN_TURNS[turn % MODERN_TURNS.length](this.wire, turn);
  }
}

const META = {
  _meta: {
    [`${EXTENSION}/protocolVersion`]: '2026-07-28',
    [`${EXTENSION}/clientInfo`]: { name: 'bench', version: '2' },
    [`${EXTENSION}/clientCapabilities`]: { elicitation: {} },
  },
};
const COMPLETE = { resultType: 'complete' };

function ofSubscription(method, count) {
  return { method, params: { _meta: { [`${EXTENSION}/subscriptionId`]: `l ${count % SUBSCRIPTIONS}` } } };
}

function inputRequired(requestState) {
  const params = { message: 'Who?', requestedSchema: { type: 'object' } };
  return {
    resultType: 'input_required',
    inputRequests: { who: { method: 'elicitation/create', params } },
    requestState,
  };
}

const MODERN_TURNS = [
  (wire, turn) =>
    wire.answers(calls(wire, `tool ${turn % TOOLS}`, turn, META), { ...COMPLETE, ...contentOf(turn) }),
  // Asked for input, and left.
  (wire, turn) =>
    wire.answers(calls(wire, 'tool 1', turn, META), inputRequired(`left behind in turn ${turn}`)),
  (wire, turn) => {
    const state = `taken up again in turn ${turn}`;
    wire.answers(calls(wire, 'tool 2', turn, META), inputRequired(state));
    const inputResponses = { who: { action: 'accept', content: {} } };
    const retry = calls(wire, 'tool 2', turn, { ...META, inputResponses, requestState: state });
    wire.answers(retry, { ...COMPLETE, ...contentOf(turn) });
  },
  (wire, turn) => {
    const handle = {
      taskId: `task ${turn}`,
      status: 'working',
      createdAt: '2026-08-01T00:00:00Z',
      ttlMs: null,
    };
    wire.answers(calls(wire, 'tool 3', turn, META), { resultType: 'task', ...handle });
    const taskId = `task ${turn % 500}`;
    const poll = wire.asks('tasks/get', { taskId, ...META });
    wire.answers(poll, {
      ...COMPLETE,
      ...handle,
      taskId,
      status: turn % 2 === 0 ? 'working' : 'input_required',
    });
  },
  (wire, turn) => wire.say(SERVER, ofSubscription('notifications/tools/list_changed', turn)),
  (wire, turn) =>
    wire.answers(calls(wire, `made up ${turn}`, turn, META), { ...COMPLETE, ...contentOf(turn) }),
  (wire, turn) => {
    // A retry of nothing that is known.
    const retry = { ...META, inputResponses: { who: {} }, requestState: `nobody's in turn ${turn}` };
    wire.answers(calls(wire, 'tool 4', turn, retry), { ...COMPLETE, ...contentOf(turn) });
  },
  (wire, turn) => {
    if (turn % 5 === 0) wire.lists(turn % (TOOLS / PAGE), COMPLETE, META);
  },
];
