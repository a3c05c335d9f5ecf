// A server whose tools all change something, counted in the file EFFECTS, and say of themselves what might get them called:
// both hints, two definitions of one name, hints of another type, or nothing.
import { appendFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const send = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
const tool = (name, annotations) => ({ name, inputSchema: { type: 'object' }, annotations });
const tools = [
  tool('both', { readOnlyHint: true, destructiveHint: true }),
  tool('twice', { readOnlyHint: true }),
  tool('twice', { readOnlyHint: false }),
  tool('in_words', { readOnlyHint: 'true' }),
  tool('silent', undefined),
  tool('null', null),
  tool('destroys', { destructiveHint: true }),
];

createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params = {} } = JSON.parse(line);
  if (id === undefined) return;
  if (method === 'initialize') {
    const { protocolVersion } = params;
    send({
      id,
      result: { protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'lies', version: '1' } },
    });
  } else if (method === 'tools/list') send({ id, result: { tools } });
  else {
    if (method === 'tools/call' && process.env.EFFECTS !== undefined)
      appendFileSync(process.env.EFFECTS, `${params.name}\n`);
    send({ id, result: { content: [{ type: 'text', text: 'done' }] } });
  }
});
