/** Recordings that want to hurt who looks at them: made of events, as the observer would have sent them. */
import type { McpEvent } from '../../src/event/event.ts';
import { stored } from '../unit/recordings.ts';
import {
  calls,
  described,
  ended,
  finding,
  frame,
  operation,
  sessionId,
  START_US,
  started,
} from '../unit/storeEvents.ts';

export const SCRIPT = sessionId(0xa1);
export const BIG = sessionId(0xa2);
export const LONG = sessionId(0xa3);
export const CROWDED = sessionId(0xa4);
export const MEDIA = sessionId(0xa5);
export const DEEP = sessionId(0xa6);

/** Says so when it is run: the tests look for it. */
export const EVIL =
  '"><img src=x onerror="globalThis.pwned=1;alert(1)"><script>globalThis.pwned=1</script>javascript:alert(1)';
/** Turns the rest of a line around, hides a part, and rings a bell. */
export const BIDI = 'safe\u202Egnp.exe\u2066\u200B\u0007\u001B[31m\uFEFF';
export const FRAMES = 100_000;
export const IN_FLIGHT = 2000;

const json = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));

/** A red pixel, and a tenth of a second of silence. */
const PNG =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==';
const WAV = Buffer.concat([
  Buffer.from('RIFF'),
  Buffer.from(new Uint32Array([36 + 800]).buffer),
  Buffer.from('WAVEfmt '),
  Buffer.from(new Uint32Array([16, 0x00010001, 8000, 8000, 0x00080001]).buffer),
  Buffer.from('data'),
  Buffer.from(new Uint32Array([800]).buffer),
  Buffer.alloc(800, 128),
]).toString('base64');

export async function hostileStores(dataDir: string): Promise<void> {
  const write = (events: readonly McpEvent[]): Promise<void> => stored(dataDir, events);
  await write(scripted());
  await write(big());
  await write(crowded());
  await write(media());
  await write(deep());
  await write([
    started(LONG),
    described(LONG, { server: 'long' }),
    ...calls(LONG, 0, FRAMES / 2),
    ended(LONG, { operations: FRAMES / 2, server: 'long' }),
  ]);
}

/** A script in every text that has a place on the page. */
function scripted(): McpEvent[] {
  const both = EVIL + BIDI;
  const tool = {
    name: both,
    title: both,
    description: both,
    inputSchema: { type: 'object', description: both },
  };
  return [
    started(SCRIPT, { command: ['node', both], cwd: both, envNames: [both], hostname: both }),
    described(SCRIPT, {
      server: both,
      serverInfo: { name: both, version: both },
      clientInfo: { name: both, version: both },
      protocolVersion: both.slice(0, 100),
      clientCapabilities: [both],
      serverCapabilities: [both],
    }),
    frame(SCRIPT, 0, { bytes: Buffer.from(both), channel: 'stderr', kind: 'stderr', method: undefined }),
    frame(SCRIPT, 1, {
      bytes: json({ method: both, params: { [both]: both } }),
      method: both,
      operationId: 0,
    }),
    frame(SCRIPT, 2, {
      bytes: json({ jsonrpc: '2.0', id: both, result: { tools: [tool], [EVIL]: [EVIL] } }),
      kind: 'result',
      channel: 'server_to_client',
      method: 'tools/list',
      operationId: 0,
    }),
    frame(SCRIPT, 3, {
      bytes: json({ jsonrpc: '2.0', method: 'notifications/message', params: { level: both, data: both } }),
      kind: 'notification',
      channel: 'server_to_client',
      method: 'notifications/message',
      operationId: undefined,
    }),
    frame(SCRIPT, 4, { bytes: Buffer.from(`not json ${both}`), kind: 'malformed', method: undefined }),
    operation(SCRIPT, 0, { method: 'tools/list', target: undefined, firstSeq: 1, lastSeq: 2 }),
    operation(SCRIPT, 1, {
      method: both,
      target: { kind: 'tool', name: both },
      outcome: 'protocol_error',
      error: { code: -1, type: both, message: both },
      requestId: both,
    }),
    finding(SCRIPT, 1, { detail: both, operationId: 1 }),
    ended(SCRIPT, { operations: 2, failedOperations: 1, findings: 1, server: both }),
  ];
}

/** One message of ten megabytes: a hundred thousand objects and a text of one. */
function big(): McpEvent[] {
  const items = Array.from({ length: 100_000 }, (_, index) => ({
    index,
    name: `item ${index}`,
    tags: ['a', 'b'],
    note: 'x'.repeat(30),
  }));
  const text = `${'a line of a long text\n'.repeat(50_000)}needle`;
  return [
    started(BIG),
    described(BIG, { server: 'big' }),
    frame(BIG, 0, { bytes: json({ jsonrpc: '2.0', id: 1, result: { items, text } }), kind: 'result' }),
    frame(BIG, 1, { bytes: Buffer.from(`"${'z'.repeat(10 * 1024 * 1024)}"`), kind: 'malformed' }),
    operation(BIG, 0),
    ended(BIG, { operations: 1, server: 'big' }),
  ];
}

/** Two thousand calls that all run at the same time. */
function crowded(): McpEvent[] {
  const events: McpEvent[] = [started(CROWDED), described(CROWDED, { server: 'crowded' })];
  for (let id = 0; id < IN_FLIGHT; id += 1) {
    const startedAtUs = START_US + id;
    const endedAtUs = START_US + 4_000_000 - id;
    events.push(
      frame(CROWDED, id, { operationId: id, kind: 'request', channel: 'client_to_server' }),
      operation(CROWDED, id, {
        startedAtUs,
        endedAtUs,
        outcome: id % 3 === 0 ? 'timeout' : 'ok',
        parentOperationId: id % 10 === 0 || id === 1 ? undefined : id - 1,
        firstSeq: id,
        lastSeq: id,
        legs:
          id === 1
            ? [
                {
                  requestId: 1,
                  startedAtUs,
                  endedAtUs: startedAtUs + 1_000_000,
                  outcome: 'input_required',
                  asked: ['roots/list'],
                },
                { requestId: 2, startedAtUs: startedAtUs + 2_000_000, endedAtUs, outcome: 'ok' },
              ]
            : [],
      }),
    );
  }
  events.push(
    ended(CROWDED, { operations: IN_FLIGHT, failedOperations: Math.ceil(IN_FLIGHT / 3), server: 'crowded' }),
  );
  return events;
}

function media(): McpEvent[] {
  const svg = Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`).toString('base64');
  const content = [
    { type: 'image', mimeType: 'image/png', data: PNG },
    { type: 'audio', mimeType: 'audio/wav', data: WAV },
    { type: 'image', mimeType: 'image/svg+xml', data: svg },
    { type: 'image', mimeType: 'image/png', data: 'this is no picture' },
    {
      type: 'resource',
      resource: { uri: 'file:///x', mimeType: 'text/html', blob: Buffer.from(EVIL).toString('base64') },
    },
    { type: 'text', text: `# A title\n\n<b>not bold</b> [a link](javascript:alert(1))\n` },
  ];
  return [
    started(MEDIA),
    described(MEDIA, { server: 'media' }),
    frame(MEDIA, 0, { bytes: json({ jsonrpc: '2.0', id: 1, result: { content } }), kind: 'result' }),
    operation(MEDIA, 0),
    ended(MEDIA, { operations: 1, server: 'media' }),
  ];
}

/** Ten thousand levels. */
function deep(): McpEvent[] {
  const depth = 10_000;
  const text = `{"jsonrpc":"2.0","id":1,"result":${'['.repeat(depth)}"bottom"${']'.repeat(depth)}}`;
  return [
    started(DEEP),
    described(DEEP, { server: 'deep' }),
    frame(DEEP, 0, { bytes: Buffer.from(text), kind: 'result' }),
    operation(DEEP, 0),
    ended(DEEP, { operations: 1, server: 'deep' }),
  ];
}
