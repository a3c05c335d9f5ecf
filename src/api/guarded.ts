/** Ends what is told on and on when who listens would not be let in any more: their token was revoked, or is over. */

/** A minute of what is recorded is not worth asking more often, and a token that is over is over soon enough. */
export const RECHECK_MS = 15_000;

/** `check` rejects where nobody would be let in. Returns what ends it. */
export function rechecked(check: () => Promise<unknown>, end: () => void): () => void {
  const timer = setInterval(() => {
    check().catch(() => {
      clearInterval(timer);
      end();
    });
  }, RECHECK_MS);
  timer.unref();
  return () => {
    clearInterval(timer);
  };
}

/** The answer itself, unless it is a stream of events. */
export function guarded(response: Response, check: () => Promise<unknown>): Response {
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') === true;
  if (!isStream || response.body === null) return response;
  const told = new AbortController();
  const through = new TransformStream<Uint8Array, Uint8Array>();
  const stop = rechecked(check, () => {
    told.abort();
  });
  response.body
    .pipeTo(through.writable, { signal: told.signal })
    // Ended by either side: the source is cancelled, and the client sees the end.
    .catch(() => undefined)
    .finally(stop);
  return new Response(through.readable, response);
}
