/**
 * Which values may become labels. The wire can say anything, and every new value is a time series for ever: what is
 * not admitted becomes `_other`, counted. Nothing here ever forgets a value, so the caps are the bound.
 */

export const OTHER = '_other';

/** Values per label. A fleet sees a few servers and clients; 200 tools are more than a model can choose from. */
export const LABEL_CAPS = {
  server: 20,
  mcp_method_name: 64,
  gen_ai_tool_name: 200,
  gen_ai_prompt_name: 100,
  error_type: 32,
  rpc_response_status_code: 32,
  mcp_protocol_version: 16,
  client_name: 32,
  client_version: 64,
  input: 8,
  http_request_method: 16,
  http_response_status_code: 64,
} as const;

export type CappedLabel = keyof typeof LABEL_CAPS;

/** Longer values are no names; a hundred of them would be a page of their own. */
const MAX_VALUE_CHARS = 128;
/** Control characters break parsers of the exposition; lone surrogates are no UTF-8 and would fall together there. */
const UNFIT = /[\p{Cc}\p{Cs}]/u;

export class LabelValues {
  readonly #admitted = new Map<CappedLabel, Set<string>>();
  readonly #overflow = new Map<string, number>();

  /** The value itself or `_other`; empty for undefined, as the conventions have it for absent attributes. */
  admit(label: CappedLabel, value: string | undefined): string {
    if (value === undefined || value === '') return '';
    let values = this.#admitted.get(label);
    if (values === undefined) this.#admitted.set(label, (values = new Set()));
    if (values.has(value)) return value;
    if (values.size >= LABEL_CAPS[label] || value.length > MAX_VALUE_CHARS || UNFIT.test(value)) {
      return this.refuse(label);
    }
    values.add(value);
    return value;
  }

  /** Counts a value that was not admitted. */
  refuse(label: CappedLabel | 'label_set'): typeof OTHER {
    this.#overflow.set(label, (this.#overflow.get(label) ?? 0) + 1);
    return OTHER;
  }

  overflow(): ReadonlyMap<string, number> {
    return this.#overflow;
  }
}
