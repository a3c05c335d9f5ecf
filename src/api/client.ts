/**
 * A client of the API, typed by the table of routes, for programs and for the page: it needs `fetch` and nothing else of this
 * project at run time. It keeps the token to itself, and sends it to the one server that it was made for.
 */
import type * as z from 'zod/mini';
import type { LiveMessage as LiveSchema, Problem } from './contract.ts';
import type { RouteAnswer, RouteName, RouteQuery } from './routes.ts';

export type Answer<N extends RouteName> = RouteAnswer<N>;
/** Everything in it may be left out but what has no default. */
export type Query<N extends RouteName> = {
  readonly [K in keyof RouteQuery<N>]?: RouteQuery<N>[K] | undefined;
};
export type LiveMessage = z.infer<typeof LiveSchema>;

export interface ClientOptions {
  /** Such as `http://127.0.0.1:4320`. */
  readonly url: string;
  /** What the file api.token of the data folder holds. */
  readonly token: string;
  readonly fetch?: typeof fetch;
}

/** `status` is that of HTTP; `problem` says more where the answer was one. */
export class ClientError extends Error {
  override readonly name = 'ClientError';
  readonly status: number;
  readonly problem: z.infer<typeof Problem> | undefined;

  constructor(status: number, problem: z.infer<typeof Problem> | undefined) {
    super(problem?.detail ?? `the answer was HTTP ${status}`);
    this.status = status;
    this.problem = problem;
  }
}

type Value = string | number | undefined;

export type Client = ReturnType<typeof createClient>;

/** Each call rejects with a ClientError for an answer that is none, and with what `fetch` rejects with. */
export function createClient({ url, token, fetch: send = fetch }: ClientOptions) {
  const root = `${url.replace(/\/+$/, '')}/api/v1`;
  const ask = async (path: string, query: object = {}, init: RequestInit = {}): Promise<Response> => {
    const headers = { ...(init.headers as Record<string, string>), authorization: `Bearer ${token}` };
    const response = await send(root + path + queryText(query), { ...init, headers });
    if (response.ok) return response;
    const isProblem = response.headers.get('content-type') === 'application/problem+json';
    const problem = isProblem ? ((await response.json()) as z.infer<typeof Problem>) : undefined;
    throw new ClientError(response.status, problem);
  };
  const json = async <N extends RouteName>(
    path: string,
    query?: Query<N>,
    init?: RequestInit,
  ): Promise<Answer<N>> => (await ask(path, query, init)).json() as Promise<Answer<N>>;
  const of = (session: string, rest = ''): string => `/sessions/${encodeURIComponent(session)}${rest}`;

  return {
    sessions: (query?: Query<'sessions'>) => json<'sessions'>('/sessions', query),
    session: (id: string) => json<'session'>(of(id)),
    sessionOperations: (id: string, query?: Query<'sessionOperations'>) =>
      json<'sessionOperations'>(of(id, '/operations'), query),
    operation: (id: string, operation: number) => json<'operation'>(of(id, `/operations/${operation}`)),
    frames: (id: string, query?: Query<'frames'>) => json<'frames'>(of(id, '/frames'), query),
    frame: (id: string, seq: number) => json<'frame'>(of(id, `/frames/${seq}`)),
    frameBytes: async (id: string, seq: number) =>
      new Uint8Array(await (await ask(of(id, `/frames/${seq}/raw`))).arrayBuffer()),
    findings: (id: string) => json<'findings'>(of(id, '/findings')),
    explain: (id: string) => json<'explain'>(of(id, '/explain')),
    check: (id: string, query?: Query<'check'>) => json<'check'>(of(id, '/check'), query),
    operations: (query?: Query<'operations'>) => json<'operations'>('/operations', query),
    search: (query?: Query<'search'>) => json<'search'>('/search', query),
    stats: (query?: Query<'stats'>) => json<'stats'>('/stats', query),
    diff: (query: Query<'diff'> & { readonly before: string; readonly after: string }) =>
      json<'diff'>('/diff', query),
    config: () => json<'config'>('/config'),
    health: () => json<'health'>('/health'),
    pin: (id: string) => json<'pin'>(of(id, '/pin'), {}, { method: 'PUT' }),
    unpin: (id: string) => json<'unpin'>(of(id, '/pin'), {}, { method: 'DELETE' }),
    note: (id: string, text: string) =>
      json<'note'>(
        of(id, '/note'),
        {},
        { method: 'PUT', body: JSON.stringify({ text }), headers: { 'content-type': 'application/json' } },
      ),
    removeNote: (id: string) => json<'removeNote'>(of(id, '/note'), {}, { method: 'DELETE' }),
    /** Its body is to be read or cancelled. */
    export: (id: string, query?: Query<'export'>) => ask(of(id, '/export'), query),
    import: (body: NonNullable<RequestInit['body']>, query?: Query<'import'>) =>
      json<'import'>('/imports', query, { method: 'POST', body, duplex: 'half' }),
    /** Ends with the connection: go on from the cursor of the last message. */
    live: async function* (
      query?: Query<'live'>,
      { signal }: { readonly signal?: AbortSignal } = {},
    ): AsyncGenerator<LiveMessage> {
      const { body } = await ask('/live', query, signal && { signal });
      const text = body?.pipeThrough(new TextDecoderStream()) as ReadableStream<string> | undefined;
      if (text === undefined) return;
      for await (const event of eventsOf(text)) {
        const data = event.split('\n').find((line) => line.startsWith('data: '));
        if (data !== undefined) yield JSON.parse(data.slice('data: '.length)) as LiveMessage;
      }
    },
  };
}

async function* eventsOf(text: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = '';
  for await (const piece of text) {
    const events = (rest + piece).split('\n\n');
    rest = events.pop() ?? '';
    yield* events;
  }
}

function queryText(query: object): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query) as [string, Value | readonly Value[]][])
    for (const one of [value].flat()) if (one !== undefined) parameters.append(name, String(one));
  return parameters.size === 0 ? '' : `?${parameters.toString()}`;
}
