/** The MCP server below the API, loaded with the first request for it: its SDK is larger than all of the API. */
import type { Principal } from '../principal.ts';
import type { McpOptions } from './server.ts';
import type { McpOverHttp } from './serve.ts';

export class LazyMcp {
  readonly #options: McpOptions;
  #loaded: Promise<McpOverHttp> | undefined;

  constructor(options: McpOptions) {
    this.#options = options;
  }

  async answer(request: Request, principal: Principal): Promise<Response> {
    this.#loaded ??= import('./serve.ts').then(({ mcpOverHttp }) => mcpOverHttp(this.#options));
    return (await this.#loaded).fetch(request, principal);
  }

  async close(): Promise<void> {
    await (await this.#loaded)?.close();
  }
}
