/**
 * Tools as a server defines them, against those that were trusted before: a description or a schema that changes behind its
 * user's back (a "rug pull") is found. What was trusted is handed in; what is seen goes out as events.
 */
import type { ToolSeen } from '../event/event.ts';
import { changed, type DefinitionsOptions, MEMBERS, type TrustedTool } from '../event/toolDefinition.ts';
import { canonical, isObject } from '../mcp/canonical.ts';
import type { FramePlace, Session } from './session.ts';
import { jsonText } from './text.ts';

/** A longer definition is kept as its head; its hash is that of the whole. */
const MAX_DEFINITION_CHARS = 64 * 1024;

export class Definitions {
  readonly #session: Session;
  readonly #options: DefinitionsOptions;
  /** Hash by tool, as it was told last: a list that is asked for again says nothing new. */
  readonly #told = new Map<string, string>();
  /** Nothing was trusted when the first list came: what it holds is. */
  #isFirst: boolean | undefined;

  constructor(session: Session, options: DefinitionsOptions) {
    this.#session = session;
    this.#options = options;
  }

  /** `page`: of a tools/list result. `server`: what the trust is in. */
  listed(page: unknown, server: string, where: FramePlace): void {
    const trusted = this.#options.trusted(server);
    this.#isFirst ??= trusted === undefined;
    const { maxListed } = this.#session.limits;
    for (const tool of (Array.isArray(page) ? (page as unknown[]) : []).slice(0, maxListed)) {
      if (!isObject(tool) || typeof tool.name !== 'string') continue;
      if (this.#told.size < maxListed || this.#told.has(tool.name))
        this.#seen(tool.name, tool, server, trusted, where);
    }
  }

  #seen(
    name: string,
    tool: Readonly<Record<string, unknown>>,
    server: string,
    trusted: ReadonlyMap<string, TrustedTool> | undefined,
    where: FramePlace,
  ): void {
    const members = Object.fromEntries(MEMBERS.flatMap((key) => (key in tool ? [[key, tool[key]]] : [])));
    const hash = this.#options.hash(canonical(members));
    if (this.#told.get(name) === hash) return;
    this.#told.set(name, hash);
    const { clean, id } = this.#session;
    const definition = clean(jsonText(members) ?? '', MAX_DEFINITION_CHARS);
    const known = trusted?.get(name);
    const trust = trustIn(known, hash, this.#isFirst === true);
    const event: ToolSeen = {
      type: 'tool_seen',
      sessionId: id,
      atUs: where.atUs,
      server,
      tool: clean(name),
      hash,
      definition,
      trust,
    };
    this.#session.emit(event);
    if (trust === 'changed')
      this.#session.raise('tool_changed', where, `${name}: ${changed(known?.definition, definition)}`);
    if (trust === 'added') this.#session.raise('tool_added', where, name);
  }
}

function trustIn(known: TrustedTool | undefined, hash: string, isFirst: boolean): ToolSeen['trust'] {
  if (known !== undefined) return known.hash === hash ? 'trusted' : 'changed';
  return isFirst ? 'first_use' : 'added';
}
