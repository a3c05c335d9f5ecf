/** A session that can be run again: tools that read, one that writes and one that destroys, and an id that is made anew. */
import type { Said } from './recordings.ts';

const said = (id: number, method: string, params?: object): Said => [
  'client_to_server',
  { jsonrpc: '2.0', id, method, ...(params && { params }) },
];
const told = (id: number, result: object): Said => ['server_to_client', { jsonrpc: '2.0', id, result }];
const NOTE_ID = '5f1c1d3e-6c1b-4a57-9c7e-0d3c7c7e9a11';
export const note = {
  id: NOTE_ID,
  text: 'milk',
  tags: ['new', 'draft', 'x'],
  size: 4,
  seenAt: '2026-01-01T00:00:00Z',
};
export const content = (value: unknown): object => ({
  content: [{ type: 'text', text: JSON.stringify(value) }],
});
export const call = (name: string, args: object): object => ({ name, arguments: args });

/** As a client used test/servers/keeps-notes.mjs once: steps 0 to 4. */
export const NOTES: readonly Said[] = [
  said(1, 'initialize', {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'c', version: '1' },
  }),
  told(1, {
    protocolVersion: '2025-11-25',
    capabilities: { tools: {} },
    serverInfo: { name: 'keeps-notes', version: '1.0.0' },
  }),
  ['client_to_server', { jsonrpc: '2.0', method: 'notifications/initialized' }],
  said(2, 'tools/list'),
  told(2, {
    tools: [
      { name: 'add_note', inputSchema: { type: 'object' } },
      { name: 'get_note', inputSchema: { type: 'object' }, annotations: { readOnlyHint: true } },
      { name: 'delete_note', inputSchema: { type: 'object' }, annotations: { destructiveHint: true } },
    ],
  }),
  said(3, 'tools/call', call('add_note', { text: 'milk' })),
  told(3, content(note)),
  said(4, 'tools/call', call('get_note', { id: NOTE_ID })),
  told(4, content(note)),
  said(5, 'tools/call', call('delete_note', { id: NOTE_ID })),
  told(5, content('deleted')),
  said(6, 'ping'),
  told(6, {}),
];
