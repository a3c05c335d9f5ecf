/** The checks of tools: what their list is like, and whether calls and results keep to it. */
import type { Result } from '../../mcp/message.ts';
import type { Links } from '../links.ts';
import type { FramePlace } from '../session.ts';
import type { Asked } from './asked.ts';
import { bodyOf, hashOf, type Json, memberOf } from './json.ts';
import type { Raised } from './raised.ts';
import { hardConstructs } from './schemaShape.ts';
import { cursorOf, ToolList } from './toolList.ts';
import type { ValidatorOf } from './validator.ts';

/** Above it a list of tools takes a noticeable part of a model's context, with every turn. */
export const MAX_LIST_BYTES = 40 * 1024;
/** Of a page of the list that is parsed. */
const MAX_PAGE_BYTES = 1024 * 1024;
/** Common estimate for English and JSON. */
const BYTES_PER_TOKEN = 4;

export class ToolChecks {
  readonly #raised: Raised;
  readonly #links: Links;
  readonly #list: ToolList;

  constructor(raised: Raised, links: Links, maxTools: number, validatorOf: ValidatorOf | undefined) {
    this.#raised = raised;
    this.#links = links;
    this.#list = new ToolList(maxTools, validatorOf);
  }

  /** `params`: undefined where they were too large to be looked at. */
  listRequested(params: Json | undefined, where: FramePlace): Asked {
    return { where, cursor: params === undefined ? undefined : cursorOf(params, 'cursor') };
  }

  listed({ cursor }: Asked, answer: Result, where: FramePlace, operationId: number): void {
    const tools = this.#list.page(cursor, bodyOf(answer, MAX_PAGE_BYTES), answer.sizeBytes);
    for (const { name, inputSchema } of tools) {
      const found = hardConstructs(name, inputSchema);
      if (found.length > 0)
        this.#raised.once(
          'schema_hard_for_clients',
          name,
          where,
          `${name}: ${found.join(', ')}`,
          operationId,
        );
    }
    const { bytes, tools: count } = this.#list.listing;
    if (bytes <= MAX_LIST_BYTES) return;
    const tokens = Math.round(bytes / BYTES_PER_TOKEN);
    const detail = `${count} tools take ${bytes} bytes, about ${tokens} tokens`;
    this.#raised.once('tool_list_cost', '', where, detail, operationId);
  }

  listChanged(): void {
    this.#list.changed();
  }

  called(tool: string, params: Json | undefined, where: FramePlace, operationId: number | undefined): Asked {
    if (this.#list.isComplete && !this.#list.has(tool) && this.#links.seenAll('server_to_client'))
      this.#raised.once('unlisted_tool', tool, where, tool, operationId);
    if (params === undefined) return { where, tool };
    const args = memberOf(params, 'arguments') ?? {};
    const fault = this.#list.input(tool)?.(args);
    if (fault !== undefined)
      this.#raised.once('invalid_arguments', `${tool} ${fault}`, where, `${tool}: ${fault}`, operationId);
    const wantsTask = memberOf(params, 'task') !== undefined;
    return { where, tool, argumentsHash: hashOf(args), ...(wantsTask && { wantsTask }) };
  }

  /** A result that the tool gave as its last word. */
  succeeded({ tool, wantsTask }: Asked, answer: Result, where: FramePlace, operationId: number): void {
    if (tool === undefined || wantsTask === true || !this.#list.hasOutput(tool)) return;
    const result = bodyOf(answer);
    if (result === undefined) return;
    const value = memberOf(result, 'structuredContent');
    const fault =
      value === undefined
        ? 'no structuredContent, though there is an outputSchema'
        : this.#list.output(tool)?.(value);
    if (fault !== undefined)
      this.#raised.once(
        'invalid_structured_content',
        `${tool} ${fault}`,
        where,
        `${tool}: ${fault}`,
        operationId,
      );
  }
}
