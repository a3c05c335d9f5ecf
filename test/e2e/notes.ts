/** What clients do with keeps-notes.mjs. */
import type { Peer } from './peers.ts';

/** Adds notes, reads them by the ids that the server made, deletes one, and fails as it should. */
export async function keepsNotes(peer: Peer): Promise<void> {
  await peer.request('tools/list');
  const first = noteId(await peer.call({ name: 'add_note', arguments: { text: 'buy milk' } }));
  const second = noteId(await peer.call({ name: 'add_note', arguments: { text: 'call home' } }));
  await peer.call({ name: 'get_note', arguments: { id: second } });
  await peer.call({ name: 'get_note', arguments: { id: first } });
  await peer.call({ name: 'work', arguments: { steps: 3 } }, { onprogress: () => undefined });
  await peer.call({ name: 'delete_note', arguments: { id: first } });
  await peer.call({ name: 'get_note', arguments: { id: first } }).catch(() => undefined);
  await peer.call({ name: 'fail', arguments: { code: -32050 } }).catch(() => undefined);
}

export function noteId(answer: unknown): string {
  const { content } = answer as { content: { text: string }[] };
  return (JSON.parse(content[0]?.text ?? '{}') as { id: string }).id;
}
