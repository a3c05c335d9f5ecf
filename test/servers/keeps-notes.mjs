// A stdio server with state, random ids and the time in every answer; what it does is counted in the file EFFECTS.
//   add_note {text}, get_note {id}, list_notes, delete_note {id}, fail {code}, work {steps}
// BROKEN makes it another server in one respect: see `broken`.
import { appendFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { randomUUID } from 'node:crypto';

const { BROKEN: broken, EFFECTS: effects } = process.env;
const notes = new Map();
const send = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const text = (value) => ({ content: [{ type: 'text', text: JSON.stringify(value) }] });
const schema = (properties) => ({ type: 'object', properties, required: Object.keys(properties) });
const READS = { annotations: { readOnlyHint: true } };
const tools = [
  { name: 'add_note', inputSchema: schema({ text: { type: 'string' } }) },
  { name: 'get_note', inputSchema: schema({ id: { type: 'string' } }), ...READS },
  { name: 'list_notes', inputSchema: schema({}), ...READS },
  {
    name: 'delete_note',
    inputSchema: schema({ id: { type: 'string' } }),
    annotations: { destructiveHint: true },
  },
  { name: 'fail', inputSchema: schema({ code: { type: 'integer' } }), ...READS },
  { name: 'work', inputSchema: schema({ steps: { type: 'integer' } }), ...READS },
  { name: 'claims', inputSchema: schema({}), annotations: { readOnlyHint: true, destructiveHint: true } },
];
const failure = (code, message) => Object.assign(new Error(message), { code });
const found = (id) => {
  const note = notes.get(id);
  if (note === undefined) throw failure(-32602, `no note ${id}`);
  return note;
};
const told = (note) => {
  const { id, text: words, tags, size } = note;
  const all = { id, text: words, tags, size, seenAt: new Date().toISOString() };
  if (broken === 'value') return { ...all, text: words.toUpperCase() };
  if (broken === 'missing') delete all.tags;
  if (broken === 'type') return { ...all, size: String(size) };
  if (broken === 'null') return { ...all, size: null };
  if (broken === 'extra') return { ...all, debug: true };
  if (broken === 'order') return { ...all, tags: [...tags].reverse() };
  if (broken === 'length') return { ...all, tags: tags.slice(1) };
  if (broken === 'empty') return {};
  if (broken === 'nested') return { note: all };
  if (broken === 'number') return { ...all, size: size + 1 };
  return all;
};
const effect = (name) => effects !== undefined && appendFileSync(effects, `${name}\n`);

const calls = {
  add_note: ({ text: words }) => {
    effect('add_note');
    const note = { id: randomUUID(), text: words, tags: ['new', 'draft', 'x'], size: words.length };
    notes.set(note.id, note);
    return text(told(note));
  },
  get_note: async ({ id }) => {
    if (broken === 'crash') process.exit(3);
    if (broken === 'killed') process.kill(process.pid, 'SIGKILL');
    if (broken === 'hung') await sleep(60_000);
    if (broken === 'slow') await sleep(400);
    if (broken === 'forgets') notes.clear();
    if (broken === 'is_error') return { ...text('no'), isError: true };
    if (broken === 'no_content') return { content: [] };
    if (broken === 'kind') return { content: [{ type: 'resource_link', uri: 'note://1', name: 'n' }] };
    if (broken === 'two') return { content: [...text(told(found(id))).content, ...text(1).content] };
    if (broken === 'prose') return { content: [{ type: 'text', text: `the note ${id}` }] };
    if (broken === 'structured') return { ...text(told(found(id))), structuredContent: { id } };
    return text(told(found(id)));
  },
  list_notes: () => text([...notes.values()].map(told)),
  delete_note: ({ id }) => {
    effect('delete_note');
    found(id);
    if (broken !== 'undead') notes.delete(id);
    return text(broken === 'words' ? 'removed' : 'deleted');
  },
  fail: ({ code }) => {
    if (broken === 'ok') return text('fine');
    if (broken === 'error_in_result') return { ...text('failed'), isError: true };
    if (broken === 'data') throw Object.assign(failure(code, 'failed as told'), { data: { more: 1 } });
    throw failure(
      broken === 'code' ? -32000 : code,
      broken === 'message' ? 'something else' : 'failed as told',
    );
  },
  work: async ({ steps }, token) => {
    for (let step = 1; step <= steps; step += 1) {
      await sleep(5);
      if (token !== undefined && broken !== 'silent')
        send({
          method: 'notifications/progress',
          params: { progressToken: token, progress: step, total: steps },
        });
    }
    return text({ steps: broken === 'off_by_one' ? steps - 1 : steps });
  },
  claims: () => {
    effect('claims');
    return text('done');
  },
};

const handlers = {
  initialize: ({ protocolVersion }) => ({
    protocolVersion,
    capabilities: { tools: {} },
    serverInfo: { name: 'keeps-notes', version: broken === undefined ? '1.0.0' : '1.0.1' },
  }),
  ping: () => ({}),
  'tools/list': () => {
    if (broken === 'tool_gone') return { tools: tools.slice(0, -1) };
    if (broken === 'schema')
      return {
        tools: tools.map((tool) => (tool.name === 'work' ? { ...tool, inputSchema: schema({}) } : tool)),
      };
    if (broken === 'described') return { tools: tools.map((tool) => ({ ...tool, description: 'New.' })) };
    return { tools };
  },
  'tools/call': async ({ name, arguments: args = {}, _meta }) => {
    const call = broken === 'unknown_tool' && name === 'get_note' ? undefined : calls[name];
    if (call === undefined) throw failure(-32602, `Unknown tool: ${name}`);
    return call(args, _meta?.progressToken);
  },
};

createInterface({ input: process.stdin }).on('line', async (line) => {
  const { id, method, params = {} } = JSON.parse(line);
  if (id === undefined) return;
  try {
    const handler = handlers[method];
    if (handler === undefined) throw failure(-32601, 'Method not found');
    send({ id, result: await handler(params) });
  } catch ({ code = -32603, message, data }) {
    send({ id, error: { code, message, ...(data !== undefined && { data }) } });
  }
});
