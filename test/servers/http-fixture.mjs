// The MCP server behind http-dual-era.mjs, without its transport: what the official conformance suite asks a server to
// have, by the names it asks for, and a few tools more for what an interceptor must not disturb. Nothing in it is random.
import {
  acceptedContent,
  completable,
  fromJsonSchema,
  inputRequired,
  inputResponse,
  McpServer,
  ResourceTemplate,
} from '@modelcontextprotocol/server';
import { createHmac } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';

const PNG =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==';
const WAV = 'UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA=';
export const WATCHED = 'test://watched-resource';

const text = (said) => ({ content: [{ type: 'text', text: said }] });
const says = (content) => ({ messages: [{ role: 'user', content }] });
const image = { type: 'image', data: PNG, mimeType: 'image/png' };
const embedded = (uri, mimeType, said) => ({ type: 'resource', resource: { uri, mimeType, text: said } });

/** State that the client carries must be proved to be ours. Not the codec of the SDK: that one has a time in it. */
const seal = (state) => createHmac('sha256', 'a key of the test').update(state).digest('base64url');
const sealed = (state) => `${state}.${seal(state)}`;
function verify(carried) {
  const [state, proof] = carried.split('.');
  if (seal(state) !== proof) throw new Error('not our state');
  return state;
}

const form = (message, properties, required = Object.keys(properties)) =>
  inputRequired.elicit({ message, requestedSchema: { type: 'object', properties, required } });
const sample = (prompt, maxTokens = 100) =>
  inputRequired.createMessage({
    messages: [{ role: 'user', content: { type: 'text', text: prompt } }],
    maxTokens,
  });
const spoken = (responses, key) => {
  const view = inputResponse(responses, key);
  return view.kind === 'sampling' ? view.result.content.text : undefined;
};

const titled = (word, values) =>
  values.map((title, n) => ({ const: `value${n + 1}`, title: `${title} ${word}` }));
const OPTIONS = ['option1', 'option2', 'option3'];

/** The forms that a tool of this name asks a person to fill in. */
const FORMS = {
  test_elicitation_sep1034_defaults: {
    name: { type: 'string', default: 'John Doe' },
    age: { type: 'integer', default: 30 },
    score: { type: 'number', default: 95.5 },
    status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
    verified: { type: 'boolean', default: true },
  },
  test_elicitation_sep1330_enums: {
    untitledSingle: { type: 'string', enum: OPTIONS },
    titledSingle: { type: 'string', oneOf: titled('Option', ['First', 'Second', 'Third']) },
    legacyEnum: {
      type: 'string',
      enum: ['opt1', 'opt2', 'opt3'],
      enumNames: ['Option One', 'Option Two', 'Option Three'],
    },
    untitledMulti: { type: 'array', items: { type: 'string', enum: OPTIONS } },
    titledMulti: { type: 'array', items: { anyOf: titled('Choice', ['First', 'Second', 'Third']) } },
  },
};

/** Every keyword must arrive as it is here (SEP-1613, SEP-2106). */
const KEYWORDS = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  $defs: {
    address: {
      $anchor: 'addressDef',
      type: 'object',
      properties: { street: { type: 'string' }, city: { type: 'string' } },
    },
  },
  properties: {
    name: { type: 'string' },
    address: { $ref: '#/$defs/address' },
    contactMethod: { type: 'string', enum: ['phone', 'email'] },
    phone: { type: 'string' },
    email: { type: 'string' },
  },
  allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
  if: { properties: { contactMethod: { const: 'phone' } }, required: ['contactMethod'] },
  then: { required: ['phone'] },
  else: { required: ['email'] },
  additionalProperties: false,
};

/** A server for one session or one request. `notify` tells the subscriptions of 2026-07-28 that something changed. */
export function createServer(notify) {
  const server = new McpServer(
    { name: 'http-dual-era', version: '1.0.0' },
    {
      capabilities: {
        tools: { listChanged: true },
        resources: { subscribe: true, listChanged: true },
        prompts: { listChanged: true },
        logging: {},
        completions: {},
      },
      requestState: { verify },
    },
  );
  tools(server, notify);
  questions(server);
  prompts(server);
  resources(server);
  return server;
}

function tools(server, notify) {
  const tool = (name, run, inputSchema = z.object({})) =>
    server.registerTool(name, { description: name, inputSchema }, run);

  tool('test_simple_text', () => text('This is a simple text response for testing.'));
  tool('test_image_content', () => ({ content: [image] }));
  tool('test_audio_content', () => ({ content: [{ type: 'audio', data: WAV, mimeType: 'audio/wav' }] }));
  tool('test_embedded_resource', () => ({
    content: [embedded('test://embedded-resource', 'text/plain', 'An embedded resource.')],
  }));
  tool('test_multiple_content_types', () => ({
    content: [
      { type: 'text', text: 'Multiple content types test:' },
      image,
      embedded('test://mixed-content-resource', 'application/json', '{"test":"data","value":123}'),
    ],
  }));
  tool('test_error_handling', () => {
    throw new Error('This tool intentionally returns an error for testing');
  });
  tool('test_tool_with_logging', async (_, { mcpReq }) => {
    for (const data of ['started', 'processing data', 'completed']) {
      await mcpReq.log('info', `Tool ${data}`);
      await sleep(20);
    }
    return text('logged');
  });
  tool('test_logging_tool', async (_, { mcpReq }) => {
    await mcpReq.log('info', 'only for those who asked');
    return text('logged');
  });
  tool('test_tool_with_progress', async (_, { mcpReq }) => {
    const { progressToken = 0 } = mcpReq._meta ?? {};
    for (const progress of [0, 50, 100]) {
      const params = { progressToken, progress, total: 100, message: `at ${progress}` };
      await mcpReq.notify({ method: 'notifications/progress', params });
      // Nothing but time between them: clients may drop a progress that comes in one piece with the result.
      await sleep(20);
    }
    return text(String(progressToken));
  });
  // Closes the stream of its own request; the answer is for the client that comes back for it (SEP-1699).
  tool('test_reconnection', async (_, { http }) => {
    http?.closeSSE?.();
    await sleep(100);
    return text('the client came back');
  });
  tool('json_schema_2020_12_tool', () => text('kept'), fromJsonSchema(KEYWORDS));
  tool(
    'test_custom_headers',
    ({ region }) => text(`in ${region}`),
    fromJsonSchema({
      type: 'object',
      properties: { region: { type: 'string', 'x-mcp-header': 'Region' } },
      required: ['region'],
    }),
  );
  for (const [name, method, changed] of [
    ['test_trigger_tool_change', 'sendToolListChanged', 'toolsChanged'],
    ['test_trigger_prompt_change', 'sendPromptListChanged', 'promptsChanged'],
  ]) {
    tool(name, async (_, { mcpReq }) => {
      if (mcpReq.envelope === undefined) await server.server[method]();
      else notify[changed]();
      return text('changed');
    });
  }
  tool('touch', async (_, { mcpReq }) => {
    if (mcpReq.envelope === undefined) await server.server.sendResourceUpdated({ uri: WATCHED });
    else notify.resourceUpdated(WATCHED);
    return text('touched');
  });
  tool('wait', async (_, { mcpReq }) => {
    const cancelled = new Promise((resolve) => mcpReq.signal.addEventListener('abort', resolve));
    const { progressToken = 0 } = mcpReq._meta ?? {};
    await mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress: 0 } });
    await cancelled;
    console.error('gave up waiting');
    return text('nobody hears this');
  });
  tool('echo', ({ said }) => text(said), z.object({ said: z.string() }));
  tool('large', ({ bytes }) => text('0123456789abcdef'.repeat(bytes / 16)), z.object({ bytes: z.number() }));
}

/** Tools that ask the client: in the result (2026-07-28), or with requests of their own, which the SDK makes of it. */
function questions(server) {
  const tool = (name, run, inputSchema = z.object({})) =>
    server.registerTool(name, { description: name, inputSchema }, (args, { mcpReq }) =>
      run(mcpReq.inputResponses, args, mcpReq),
    );
  const ask = (inputRequests, requestState) =>
    inputRequired({ inputRequests, ...(requestState && { requestState: sealed(requestState) }) });

  tool(
    'test_sampling',
    (given, { prompt }) => {
      const said = spoken(given, 'answer');
      return said === undefined ? ask({ answer: sample(prompt) }) : text(`LLM response: ${said}`);
    },
    z.object({ prompt: z.string() }),
  );
  const asks = (name, message, properties, required) =>
    tool(
      name,
      (given, args) => {
        const view = inputResponse(given, 'user_name');
        return view.kind === 'elicit'
          ? text(`Elicitation completed: action=${view.action}, content=${JSON.stringify(view.content)}`)
          : ask({ user_name: form(args.message ?? message, properties, required) });
      },
      z.object({ message: z.string().optional() }),
    );
  asks('test_elicitation', 'Say something', { response: { type: 'string' } });
  asks('test_streaming_elicitation', 'Say something', { response: { type: 'string' } });
  for (const [name, properties] of Object.entries(FORMS)) asks(name, 'Fill in the form', properties, []);

  const name = { name: { type: 'string' } };
  const ok = { ok: { type: 'boolean' } };
  tool('test_input_required_result_elicitation', (given) => {
    const answer = acceptedContent(given, 'user_name');
    return answer ? text(`Hello, ${answer.name}!`) : ask({ user_name: form('What is your name?', name) });
  });
  tool('test_input_required_result_sampling', (given) => {
    const said = spoken(given, 'capital_question');
    return said === undefined
      ? ask({ capital_question: sample('What is the capital of France?') })
      : text(`Sampling result: ${said}`);
  });
  // The SDK refuses to ask what the client has not said that it can (-32021).
  tool('test_missing_capability', () => ask({ answer: sample('Are you there?') }));
  tool('test_input_required_result_list_roots', (given) => {
    const view = inputResponse(given, 'client_roots');
    return view.kind === 'roots'
      ? text(`Roots: ${view.roots.map(({ uri }) => uri).join(', ')}`)
      : ask({ client_roots: inputRequired.listRoots() });
  });
  for (const which of ['request_state', 'tampered_state']) {
    tool(`test_input_required_result_${which}`, (given, _, { requestState }) =>
      acceptedContent(given, 'confirm') && requestState() === which
        ? text('state-ok')
        : ask({ confirm: form('Please confirm', ok) }, which),
    );
  }
  tool('test_input_required_result_multiple_inputs', (given, _, { requestState }) => {
    const answer = acceptedContent(given, 'user_name');
    const greeting = spoken(given, 'greeting');
    const view = inputResponse(given, 'client_roots');
    return answer && greeting !== undefined && view.kind === 'roots' && requestState() === 'multiple'
      ? text(`${greeting} ${answer.name}, with ${view.roots.length} roots`)
      : ask(
          {
            user_name: form('What is your name?', name),
            greeting: sample('Generate a greeting', 50),
            client_roots: inputRequired.listRoots(),
          },
          'multiple',
        );
  });
  tool('test_input_required_result_multi_round', (given, _, { requestState }) => {
    const [round, called] = (requestState() ?? '').split(' ');
    const first = acceptedContent(given, 'step1');
    const second = acceptedContent(given, 'step2');
    if (round === 'two' && second) return text(`${called} likes ${second.color}`);
    if (round === 'one' && first) {
      const color = { color: { type: 'string' } };
      return ask({ step2: form('Step 2: What is your favorite color?', color) }, `two ${first.name}`);
    }
    return ask({ step1: form('Step 1: What is your name?', name) }, 'one');
  });
  tool('test_input_required_result_capabilities', (given, _, { envelope }) => {
    const said = spoken(given, 'sampled');
    if (said !== undefined) return text(said);
    const { elicitation } = envelope?.['io.modelcontextprotocol/clientCapabilities'] ?? {};
    return ask({
      sampled: sample('Say something'),
      ...(elicitation && { confirm: form('Please confirm', ok) }),
    });
  });
}

function prompts(server) {
  const word = z.string();
  const prompt = (name, shape, run) =>
    server.registerPrompt(name, { description: name, argsSchema: z.object(shape) }, run);

  prompt('test_simple_prompt', {}, () => says({ type: 'text', text: 'A simple prompt.' }));
  prompt('test_prompt_with_image', {}, () => says(image));
  prompt(
    'test_prompt_with_arguments',
    {
      arg1: completable(word, (start) => ['paris', 'park', 'party'].filter((city) => city.startsWith(start))),
      arg2: word,
    },
    ({ arg1, arg2 }) => says({ type: 'text', text: `Prompt with arguments: arg1='${arg1}', arg2='${arg2}'` }),
  );
  prompt('test_prompt_with_embedded_resource', { resourceUri: word }, ({ resourceUri }) =>
    says(embedded(resourceUri, 'text/plain', 'Embedded resource content.')),
  );
  prompt('test_input_required_result_prompt', {}, (_, { mcpReq: { inputResponses } }) => {
    const answer = acceptedContent(inputResponses, 'user_context');
    if (answer) return says({ type: 'text', text: `In the context of ${answer.context}` });
    const user_context = form('What context should the prompt use?', { context: { type: 'string' } });
    return inputRequired({ inputRequests: { user_context } });
  });
}

function resources(server) {
  const resource = (name, uri, mimeType, body) =>
    server.registerResource(name, uri, { mimeType }, () => ({ contents: [{ uri, mimeType, ...body }] }));
  resource('static text', 'test://static-text', 'text/plain', { text: 'The content of the static text.' });
  resource('static binary', 'test://static-binary', 'image/png', { blob: PNG });
  resource('watched', WATCHED, 'text/plain', { text: 'Watched resource content' });
  server.registerResource(
    'template',
    new ResourceTemplate('test://template/{id}/data', { list: undefined }),
    { mimeType: 'application/json' },
    ({ href }, { id }) => ({
      contents: [
        {
          uri: href,
          mimeType: 'application/json',
          text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` }),
        },
      ],
    }),
  );
  for (const method of ['resources/subscribe', 'resources/unsubscribe'])
    server.server.setRequestHandler(method, () => ({}));
}
