/** The released revisions of MCP and their two eras. It judges from what a message says, never from what it should say. */
import type { Message } from './message.ts';

/** `legacy`: opened by initialize. `modern`: metadata on every request. */
export type Era = 'legacy' | 'modern';

/** In the order of release. 2024-10-07 was never final; SDKs still accept it. */
export const PROTOCOL_VERSIONS: readonly { readonly version: string; readonly era: Era }[] = [
  { version: '2024-10-07', era: 'legacy' },
  { version: '2024-11-05', era: 'legacy' },
  { version: '2025-03-26', era: 'legacy' },
  { version: '2025-06-18', era: 'legacy' },
  { version: '2025-11-25', era: 'legacy' },
  { version: '2026-07-28', era: 'modern' },
];

/** Undefined for a version that is not a released one. */
export function eraOf(version: string): Era | undefined {
  return PROTOCOL_VERSIONS.find((row) => row.version === version)?.era;
}

/**
 * The era that a client's message opens a stdio process in; undefined when it does not tell, and the next one may.
 * `server/discover` is a modern client's probe even without metadata, `initialize` a legacy client's even with.
 */
export function eraOfOpening(message: Message): Era | undefined {
  if (message.kind !== 'request') return undefined;
  if (message.method === 'initialize') return 'legacy';
  return message.method === 'server/discover' || message.params.modern === true ? 'modern' : undefined;
}
