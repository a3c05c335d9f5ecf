/**
 * Ids of spans, where a server was told of one before the request came here: its operation's span is that one and no
 * other. A span that was told for a request is never given to another request.
 */
import type { PropagatedSpan } from '../wire/propagated.ts';
import type { SpanIds } from './traceContext.ts';

export class PropagatedIds implements SpanIds {
  readonly newTraceId: () => string;
  readonly newSpanId: () => string;
  /** Of the requests of one chunk or one body: they come next, before others are told of. */
  #told: PropagatedSpan[] = [];
  #exchange = 0;
  #next: PropagatedSpan | undefined;

  constructor(random: SpanIds) {
    this.newTraceId = () => this.#next?.traceId ?? random.newTraceId();
    this.newSpanId = () => this.#next?.spanId ?? random.newSpanId();
  }

  /** The server was told of these spans. `exchange`: 0 on stdio. What was told before and did not come is forgotten. */
  told(spans: readonly PropagatedSpan[], exchange: number): void {
    this.#told = [...spans];
    this.#exchange = exchange;
  }

  /** Opens the operation of a request that came from the client: a span made within has the ids that were told. */
  open<T>(requestId: string | number | null, exchange: number, operation: () => T): T {
    const at = this.#exchange === exchange ? this.#told.findIndex(({ id }) => id === requestId) : -1;
    if (at === -1) return operation();
    [this.#next] = this.#told.splice(at, 1);
    try {
      return operation();
    } finally {
      this.#next = undefined;
    }
  }
}
