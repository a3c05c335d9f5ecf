// A stdio server whose tool is a task: the call is answered with a handle, and what became of it is to be asked for. To who
// speaks 2026-07-28 it is the extension (SEP-2663), to others the tasks of 2025-11-25. No SDK serves the extension yet.
//   build {steps, asks, ends}: works for so many polls, asks for a name before it ends if it is to, ends as it is told
import { createInterface } from 'node:readline';
import { randomUUID } from 'node:crypto';

const VERSION = 'io.modelcontextprotocol/protocolVersion';
const question = { name: { method: 'elicitation/create', params: { message: 'What name?' } } };
const tool = { name: 'build', inputSchema: { type: 'object' }, execution: { taskSupport: 'optional' } };
const tasks = new Map();
const send = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);

const stateOf = ({ taskId, status, createdAt }) => {
  const now = new Date().toISOString();
  return { taskId, status, createdAt, lastUpdatedAt: now, ttlMs: 60_000, pollIntervalMs: 10 };
};
const resultOf = ({ ends, name }) => ({
  content: [{ type: 'text', text: ends === 'tool_error' ? 'the build broke' : `built ${name ?? ''}` }],
  ...(ends === 'tool_error' && { isError: true }),
});
/** One poll further. */
const advance = (task) => {
  if (task.status === 'input_required' || task.left < 0) return;
  task.left -= 1;
  if (task.left >= 0) return;
  if (task.asks && task.name === undefined) {
    task.status = 'input_required';
    task.left = 0;
  } else task.status = task.ends === 'failed' ? 'failed' : 'completed';
};

const handlers = {
  initialize: ({ protocolVersion }) => ({
    protocolVersion,
    capabilities: { tools: {}, tasks: { requests: { tools: { call: {} } } } },
    serverInfo: { name: 'tasks', version: '1.0.0' },
  }),
  'tools/list': () => ({ tools: [tool] }),
  'tools/call': ({ arguments: { steps = 1, asks = false, ends = 'completed' } = {} }, isModern) => {
    const task = { taskId: randomUUID(), status: 'working', createdAt: new Date().toISOString() };
    Object.assign(task, { left: steps, asks, ends });
    tasks.set(task.taskId, task);
    return isModern ? { resultType: 'task', ...stateOf(task) } : { task: stateOf(task) };
  },
  'tasks/get': ({ taskId }, isModern) => {
    const task = tasks.get(taskId);
    if (task === undefined) throw Object.assign(new Error('Task not found'), { code: -32602 });
    advance(task);
    const error = { code: -32603, message: 'out of disk' };
    return {
      ...stateOf(task),
      ...(isModern && { resultType: 'complete' }),
      ...(isModern && task.status === 'input_required' && { inputRequests: question }),
      ...(isModern && task.status === 'completed' && { result: resultOf(task) }),
      ...(isModern && task.status === 'failed' && { error }),
    };
  },
  'tasks/result': ({ taskId }) => resultOf(tasks.get(taskId)),
  'tasks/update': ({ taskId, inputResponses }) => {
    const task = tasks.get(taskId);
    Object.assign(task, { name: inputResponses.name.content.name, status: 'working', left: 1 });
    return { resultType: 'complete' };
  },
  'tasks/cancel': ({ taskId }, isModern) => {
    const task = tasks.get(taskId);
    task.status = 'cancelled';
    task.left = -1;
    return isModern ? { resultType: 'complete' } : stateOf(task);
  },
};

createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params = {} } = JSON.parse(line);
  if (id === undefined) return;
  try {
    send({ id, result: handlers[method](params, params._meta?.[VERSION] !== undefined) });
  } catch ({ code = -32603, message }) {
    send({ id, error: { code, message } });
  }
});
