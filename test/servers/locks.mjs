// A server with a fault that needs three calls: a door that was opened and then locked cannot be entered. MENDED: it can.
import { createInterface } from 'node:readline';

const opened = new Set();
const locked = new Set();
const send = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
const text = (words) => ({ content: [{ type: 'text', text: words }] });

const calls = {
  read: ({ number }) => text(`page ${number}`),
  open: ({ door }) => {
    opened.add(door);
    return text('open');
  },
  lock: ({ door }) => {
    if (opened.has(door)) locked.add(door);
    return text('locked');
  },
  enter: ({ door }) => {
    const isStuck = locked.has(door) && process.env.MENDED === undefined;
    return isStuck ? { ...text(`door ${door} is stuck`), isError: true } : text('in');
  },
};

createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params = {} } = JSON.parse(line);
  if (id === undefined) return;
  if (method === 'initialize') {
    const serverInfo = { name: 'locks', version: '1.0.0' };
    send({
      id,
      result: { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo },
    });
  } else if (method === 'tools/list') {
    send({
      id,
      result: { tools: Object.keys(calls).map((name) => ({ name, inputSchema: { type: 'object' } })) },
    });
  } else if (method === 'tools/call') send({ id, result: calls[params.name](params.arguments) });
  else send({ id, error: { code: -32601, message: 'Method not found' } });
});
