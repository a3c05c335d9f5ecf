/** Which span each operation becomes and where it hangs: the caller's context, the call it serves, or a root of its own. */
import type { SpanIdentity } from '../event/event.ts';
import type { ParamFacts } from '../mcp/message.ts';
import type { OpenOperation } from './pending.ts';
import type { At, Teller } from './teller.ts';
import { parseTraceparent } from './traceContext.ts';

export interface IdSource {
  /** Hex, 32 and 16 digits. */
  readonly newTraceId: () => string;
  readonly newSpanId: () => string;
}

export class Spans {
  readonly #ids: IdSource;
  readonly #teller: Teller;
  /** The session's own span: a root, to which operations without a caller's context link. */
  readonly session: SpanIdentity;

  constructor(ids: IdSource, teller: Teller) {
    this.#ids = ids;
    this.#teller = teller;
    this.session = this.#root();
  }

  of(params: ParamFacts, parent: OpenOperation | undefined, where: At): SpanIdentity {
    if (params.traceparent !== undefined) {
      const context = parseTraceparent(params.traceparent);
      if (context !== undefined) {
        const { traceId, spanId: parentSpanId, sampled } = context;
        return {
          traceId,
          spanId: this.#ids.newSpanId(),
          parentSpanId,
          traceState: this.#traceState(params),
          sampled,
        };
      }
      this.#teller.finding('malformed_trace_context', where, params.traceparent);
    }
    if (parent === undefined) return this.#root();
    const { traceId, spanId: parentSpanId, traceState, sampled } = parent.span;
    return { traceId, spanId: this.#ids.newSpanId(), parentSpanId, traceState, sampled };
  }

  /** Passed on as it is or not at all: what redaction had to change is no list of vendors any more. */
  #traceState({ tracestate }: ParamFacts): string | undefined {
    return tracestate !== undefined && this.#teller.redact(tracestate) === tracestate
      ? tracestate
      : undefined;
  }

  #root(): SpanIdentity {
    const { newTraceId, newSpanId } = this.#ids;
    return {
      traceId: newTraceId(),
      spanId: newSpanId(),
      parentSpanId: undefined,
      traceState: undefined,
      sampled: true,
    };
  }
}
