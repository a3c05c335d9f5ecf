/**
 * The tools of a session as its lists have shown them, with the validators of their schemas, and whether all of them were
 * shown. It keeps no schema itself.
 */
import { memberOf } from './json.ts';
import type { Validator, ValidatorOf } from './validator.ts';

/** A tool on a page. */
export interface ListedTool {
  readonly name: string;
  readonly inputSchema: unknown;
}

/** What a listing has come to, from its first page on. */
export interface Listing {
  readonly pages: number;
  readonly tools: number;
  readonly bytes: number;
}

export class ToolList {
  readonly #max: number;
  readonly #validatorOf: ValidatorOf | undefined;
  readonly #inputs = new Map<string, Validator | undefined>();
  /** Only of tools that have an outputSchema. */
  readonly #outputs = new Map<string, Validator | undefined>();
  #listing: Listing = { pages: 0, tools: 0, bytes: 0 };
  /** The cursor that the next page of the listing is asked for with; null when that is not known, undefined at its end. */
  #next: string | null | undefined;
  #complete = false;

  /** `max`: of tools. */
  constructor(max: number, validatorOf: ValidatorOf | undefined) {
    this.#max = max;
    this.#validatorOf = validatorOf;
  }

  /** Every tool that there is was shown: to call another one is a mistake. */
  get isComplete(): boolean {
    return this.#complete;
  }

  has(name: string): boolean {
    return this.#inputs.has(name);
  }

  input(name: string): Validator | undefined {
    return this.#inputs.get(name);
  }

  hasOutput(name: string): boolean {
    return this.#outputs.has(name);
  }

  output(name: string): Validator | undefined {
    return this.#outputs.get(name);
  }

  get listing(): Listing {
    return this.#listing;
  }

  /** Takes a page. `cursor`: of its request; `result`: undefined when it was too large to be parsed. */
  page(cursor: string | null | undefined, result: unknown, bytes: number): readonly ListedTool[] {
    const tools = memberOf(result, 'tools');
    const page = Array.isArray(tools) ? (tools as unknown[]).slice(0, this.#max) : undefined;
    const isFirst = cursor === undefined;
    const goesOn = isFirst || (cursor !== null && cursor === this.#next);
    const before = isFirst ? { pages: 0, tools: 0, bytes: 0 } : this.#listing;
    this.#listing = {
      pages: before.pages + 1,
      tools: before.tools + (page?.length ?? 0),
      bytes: before.bytes + bytes,
    };
    const listed = (page ?? []).flatMap((tool) => this.#add(tool));
    this.#next = page === undefined || !goesOn ? null : cursorOf(result, 'nextCursor');
    this.#complete ||= this.#next === undefined && this.#inputs.size < this.#max;
    return listed;
  }

  /** The list may be another one now: what it showed is still known, but not how it must be used. */
  changed(): void {
    this.#complete = false;
    this.#next = null;
    this.#outputs.clear();
    for (const name of this.#inputs.keys()) this.#inputs.set(name, undefined);
  }

  #add(tool: unknown): readonly ListedTool[] {
    const name = memberOf(tool, 'name');
    if (typeof name !== 'string' || (this.#inputs.size >= this.#max && !this.has(name))) return [];
    const inputSchema = memberOf(tool, 'inputSchema');
    const outputSchema = memberOf(tool, 'outputSchema');
    this.#inputs.set(name, this.#validatorOf?.(inputSchema));
    if (outputSchema === undefined) this.#outputs.delete(name);
    else this.#outputs.set(name, this.#validatorOf?.(outputSchema));
    return [{ name, inputSchema }];
  }
}

/** Opaque, and kept for one page only. */
const MAX_CURSOR_CHARS = 4096;

/** Undefined where there is none; null where it is nothing that can be known again. */
export function cursorOf(value: unknown, key: string): string | null | undefined {
  const cursor = memberOf(value, key);
  if (cursor === undefined || cursor === null) return undefined;
  return typeof cursor === 'string' && cursor.length <= MAX_CURSOR_CHARS ? cursor : null;
}
