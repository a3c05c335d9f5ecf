/** Names that were seen in lists, whatever the filter is now: what a filter is completed with. */
import type { Known } from '../../filter/complete.ts';
import type { SessionRow } from './listing.ts';

/** Of one key: more helps nobody who completes one. */
const MAX_NAMES = 500;

export class Names {
  readonly #server = new Set<string>();
  readonly #client = new Set<string>();
  readonly #version = new Set<string>();

  add(sessions: readonly SessionRow[]): void {
    for (const { server, clientInfo, protocolVersion } of sessions) {
      keep(this.#server, server);
      keep(this.#client, clientInfo.name);
      keep(this.#version, protocolVersion);
    }
  }

  known(): Known {
    return { server: [...this.#server], client: [...this.#client], version: [...this.#version] };
  }
}

function keep(names: Set<string>, name: string | undefined): void {
  if (name !== undefined && names.size < MAX_NAMES) names.add(name);
}
