/** The names that list results have shown: a caller can ask for anything, but only what is listed becomes a label. */
import type { CatalogListed, Target } from '../event/event.ts';
import { type ParamHeader, paramHeaders } from '../mcp/headers.ts';

type Kind = CatalogListed['kind'];

const KIND_OF: Readonly<Record<Target['kind'], Kind>> = {
  tool: 'tools',
  prompt: 'prompts',
  resource: 'resources',
};
const NAMED_BY: Readonly<Record<Kind, 'name' | 'uri'>> = { tools: 'name', prompts: 'name', resources: 'uri' };

export class ListedNames {
  readonly #names: Partial<Record<Kind, Set<string>>> = {};
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  /** Takes a page of a list; gives back the names in it, cleaned. */
  add(kind: Kind, page: unknown, clean: (name: string) => string): readonly string[] {
    const names = (Array.isArray(page) ? page : []).slice(0, this.#max).flatMap((item: unknown) => {
      const name = member(item, NAMED_BY[kind]);
      return typeof name === 'string' ? [clean(name)] : [];
    });
    const known = (this.#names[kind] ??= new Set());
    for (const name of names) if (known.size < this.#max) known.add(name);
    return names;
  }

  has(target: Target | undefined): boolean {
    return target !== undefined && this.#names[KIND_OF[target.kind]]?.has(target.name) === true;
  }
}

/** What listed tools say of the headers that their calls repeat arguments in; most say nothing. */
export class ListedParamHeaders {
  readonly #byTool = new Map<string, readonly ParamHeader[]>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  add(page: unknown): void {
    for (const tool of (Array.isArray(page) ? page : []).slice(0, this.#max) as unknown[]) {
      const name = member(tool, 'name');
      if (typeof name !== 'string') continue;
      const headers = paramHeaders(member(tool, 'inputSchema'));
      // A tool can be listed anew with another schema.
      if (headers.length === 0) this.#byTool.delete(name);
      else if (this.#byTool.size < this.#max || this.#byTool.has(name)) this.#byTool.set(name, headers);
    }
  }

  of(tool: string): readonly ParamHeader[] {
    return this.#byTool.get(tool) ?? [];
  }
}

function member(item: unknown, key: string): unknown {
  return typeof item === 'object' && item !== null ? (item as Record<string, unknown>)[key] : undefined;
}
