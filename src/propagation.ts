/**
 * Tells servers of our spans: chooses the context of each request that opens an operation, has it written into the
 * request, and says which spans it chose, so that the observer gives the operations these. What it cannot do for sure it
 * does not do: the request goes on as it came.
 */
import { type Edit, type TracedRequest, tracedRequests, withTraceparents } from './mcp/metaTraceparent.ts';
import { hexPool } from './self/hexPool.ts';
import type { Trouble } from './self/trouble.ts';
import { valueOf, withValue } from './tap/http/headers.ts';
import { LineEditor } from './tap/lineEditor.ts';
import type { Editor } from './tap/relay.ts';
import { parseTraceparent, type SpanIds } from './track/traceContext.ts';
import type { RawHeaders } from './wire/exchange.ts';
import type { PropagatedFact, PropagatedSpan } from './wire/propagated.ts';

export interface EditedLine {
  readonly line: Uint8Array;
  readonly fact: PropagatedFact;
}

export interface EditedRequest {
  readonly body: Uint8Array;
  readonly headers: readonly string[];
  readonly fact: PropagatedFact;
}

export interface PropagationOptions {
  readonly ids: SpanIds;
  /** Told what went wrong within: the bytes that it was about went on as they came. */
  readonly failed: (cause: unknown) => void;
}

/** What requests about a task begin with: they are parts of the operation that the task is of. */
const ABOUT_A_TASK = /^tasks\/(?:get|result|update|cancel)$/;
/** Fields that vouch for the body as it is (RFC 9530, RFC 9421, and what came before them). */
const VOUCHING = ['content-digest', 'digest', 'content-md5', 'signature', 'x-amz-content-sha256'];
/** Flags that the standard defines, sampled and random-trace-id: others must not be passed on (Trace Context, 3.2.2.5). */
const KNOWN_FLAGS = 0x03;
const SAMPLED = '01';

interface Chosen {
  readonly edits: readonly Edit[];
  readonly spans: readonly PropagatedSpan[];
}

export class Propagation {
  readonly #ids: SpanIds;
  readonly #failed: (cause: unknown) => void;

  constructor({ ids, failed }: PropagationOptions) {
    this.#ids = ids;
    this.#failed = failed;
  }

  /** A line of stdio, with or without its ending. Undefined: it stays as it is. */
  line(line: Uint8Array): EditedLine | undefined {
    return this.#guarded(() => {
      const { edits, spans } = this.#choose(tracedRequests(line), undefined);
      if (edits.length === 0) return undefined;
      return { line: withTraceparents(line, edits), fact: { fact: 'propagated', spans } };
    });
  }

  /** A request over HTTP with its whole body. `headers`: those that go on. Undefined: it stays as it is. */
  request(mode: 'meta' | 'header', body: Uint8Array, headers: RawHeaders): EditedRequest | undefined {
    return this.#guarded(() => {
      if (mode === 'meta' && VOUCHING.some((name) => valueOf(headers, name) !== undefined)) return undefined;
      const requests = tracedRequests(body);
      const { edits, spans } = this.#choose(requests, valueOf(headers, 'traceparent'));
      const [first] = edits;
      if (first === undefined) return undefined;
      const fact = { fact: 'propagated', spans } as const;
      if (mode === 'meta') {
        const edited = withTraceparents(body, edits);
        return { body: edited, headers: withValue(headers, 'Content-Length', String(edited.length)), fact };
      }
      // One header cannot tell of the spans of several requests.
      if (requests.length > 1) return undefined;
      return { body, headers: withValue(headers, 'traceparent', first.traceparent), fact };
    });
  }

  /** As the tracker does it: the message's own context, else its HTTP request's, else a new trace. */
  #choose(requests: readonly TracedRequest[], header: string | undefined): Chosen {
    const edits: Edit[] = [];
    const spans: PropagatedSpan[] = [];
    for (const request of requests) {
      // It goes on with an operation whose span the caller may know and we do not: a new one would be nobody's.
      if (request.isRetry || ABOUT_A_TASK.test(request.method)) continue;
      const caller = contextOf(request.traceparent) ?? contextOf(header);
      const traceId = caller?.traceId ?? this.#ids.newTraceId();
      const spanId = this.#ids.newSpanId();
      edits.push({ request, traceparent: `00-${traceId}-${spanId}-${caller?.flags ?? SAMPLED}` });
      spans.push({ id: request.id, traceId, spanId });
    }
    return { edits, spans };
  }

  #guarded<T>(edit: () => T | undefined): T | undefined {
    try {
      return edit();
    } catch (cause) {
      this.#failed(cause);
      return undefined;
    }
  }
}

/** With ids of its own making; trouble is told once. */
export function openPropagation(trouble: Trouble): Propagation {
  const randomHex = hexPool();
  return new Propagation({
    ids: { newTraceId: () => randomHex(16), newSpanId: () => randomHex(8) },
    failed: (cause) => {
      trouble.say('propagate', `internal error, messages go on without our context: ${String(cause)}`);
    },
  });
}

/** For the client's lines on stdio. `tell` is called with each chunk that something was written into, before it goes on. */
export function propagatedLines(propagation: Propagation, tell: (fact: PropagatedFact) => void): Editor {
  let spans: PropagatedSpan[] = [];
  const lines = new LineEditor((line) => {
    const edited = propagation.line(line);
    if (edited !== undefined) spans.push(...edited.fact.spans);
    return edited?.line;
  });
  return {
    push: (chunk) => {
      const passed = lines.push(chunk);
      if (spans.length > 0) tell({ fact: 'propagated', spans });
      spans = [];
      return passed;
    },
    end: () => lines.end(),
  };
}

function contextOf(traceparent: string | undefined): { traceId: string; flags: string } | undefined {
  const parent = traceparent === undefined ? undefined : parseTraceparent(traceparent);
  if (traceparent === undefined || parent === undefined) return undefined;
  const flags = parseInt(traceparent.slice(53, 55), 16) & KNOWN_FLAGS;
  return { traceId: parent.traceId, flags: flags.toString(16).padStart(2, '0') };
}
