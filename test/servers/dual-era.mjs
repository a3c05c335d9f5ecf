// Serves both eras, 2025 (initialize) and 2026-07-28, with SDK v2: every kind of outcome, and a question to the person
// that each era asks in its own way.
import { acceptedContent, inputRequired, McpServer } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { z } from 'zod';

const text = (said) => ({ content: [{ type: 'text', text: said }] });
const question = {
  message: 'Which colour?',
  requestedSchema: { type: 'object', properties: { colour: { type: 'string' } }, required: ['colour'] },
};
const NOTE = 'note://one';

serveStdio(() => {
  const capabilities = { logging: {}, resources: { subscribe: true } };
  const server = new McpServer({ name: 'dual-era', version: '1.0.0' }, { capabilities });
  const tool = (name, shape, run) =>
    server.registerTool(name, { description: name, inputSchema: z.object(shape) }, run);

  tool('echo', { text: z.string() }, ({ text: said }) => text(said));
  tool('fail', {}, () => ({ ...text('it failed'), isError: true }));
  tool('large', { bytes: z.number() }, ({ bytes }) => text('0123456789abcdef'.repeat(bytes / 16)));
  tool('count', { to: z.number() }, async ({ to }, { mcpReq }) => {
    const { progressToken } = mcpReq._meta;
    for (let progress = 1; progress <= to; progress += 1) {
      const params = { progressToken, progress, total: to, message: `at ${progress}` };
      await mcpReq.notify({ method: 'notifications/progress', params });
    }
    return text(`counted to ${to}`);
  });
  tool('wait', {}, async (_, { mcpReq }) => {
    const cancelled = new Promise((resolve) => mcpReq.signal.addEventListener('abort', resolve));
    const { progressToken } = mcpReq._meta;
    await mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress: 0 } });
    await cancelled;
    console.error('gave up waiting');
    return text('nobody hears this');
  });
  tool('log', {}, async (_, { mcpReq }) => {
    console.error('a line on stderr, ünicode too');
    await mcpReq.log('warning', { why: 'because' }, 'dual-era');
    return text('logged');
  });
  tool('ask', {}, async (_, { mcpReq }) => {
    const modern = mcpReq.envelope !== undefined;
    const answer = modern
      ? acceptedContent(mcpReq.inputResponses, 'colour')
      : (await mcpReq.elicitInput(question)).content;
    if (answer !== undefined) return text(`the person said ${answer.colour}`);
    return inputRequired({
      inputRequests: { colour: inputRequired.elicit(question) },
      requestState: 'asked',
    });
  });
  tool('touch', {}, async () => {
    await server.server.sendResourceUpdated({ uri: NOTE });
    return text('touched');
  });
  server.registerPrompt('greet', { argsSchema: z.object({ name: z.string() }) }, ({ name }) => ({
    messages: [{ role: 'user', content: { type: 'text', text: `Greet ${name}.` } }],
  }));
  server.registerResource('one', NOTE, { mimeType: 'text/plain' }, () => ({
    contents: [{ uri: NOTE, text: 'the note' }],
  }));
  for (const method of ['resources/subscribe', 'resources/unsubscribe'])
    server.server.setRequestHandler(method, () => ({}));
  return server;
});
