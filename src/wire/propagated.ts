/** What a tap tells the observer when it has told the server of spans that are still to be made. */

export interface PropagatedSpan {
  /** Of the JSON-RPC request. */
  readonly id: string | number;
  /** Hex, 32 and 16 digits. */
  readonly traceId: string;
  readonly spanId: string;
}

/** Of the requests of one chunk on stdio, or of one body over HTTP, in their order. It comes before their last byte. */
export interface PropagatedFact {
  readonly fact: 'propagated';
  readonly spans: readonly PropagatedSpan[];
}
