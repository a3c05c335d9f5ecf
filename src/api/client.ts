/**
 * A client of the API, typed by the table of routes, for programs and for the page: it needs `fetch` and nothing else of this
 * project at run time. It keeps the token to itself, and sends it to the one server that it was made for.
 */
import type * as z from 'zod/mini';
import type { LiveMessage as LiveSchema, Problem } from './contract.ts';
import type { ReplayEvent as ReplayEventSchema } from './replayContract.ts';
import type { RouteAnswer, RouteBody, RouteName, RouteQuery } from './routes.ts';

export type Answer<N extends RouteName> = RouteAnswer<N>;
/** Everything in it may be left out but what has no default. */
export type Query<N extends RouteName> = {
  readonly [K in keyof RouteQuery<N>]?: RouteQuery<N>[K] | undefined;
};
export type Body<N extends RouteName> = RouteBody<N>;
export type LiveMessage = z.infer<typeof LiveSchema>;
export type ReplayEvent = z.infer<typeof ReplayEventSchema>;

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

/** Browsers and Node want to be told that a stream is sent before the answer begins. */
const STREAMED = { method: 'POST', duplex: 'half' } as const;

type Value = string | number | undefined;

/** Each call rejects with a ClientError for an answer that is none, and with what `fetch` rejects with. */
export interface Client {
  readonly sessions: (query?: Query<'sessions'>) => Promise<Answer<'sessions'>>;
  /** `id` is an id here and below, a start or an end of one that no other has, or `last`. */
  readonly session: (id: string) => Promise<Answer<'session'>>;
  readonly deleteSession: (id: string) => Promise<Answer<'deleteSession'>>;
  readonly sessionOperations: (
    id: string,
    query?: Query<'sessionOperations'>,
  ) => Promise<Answer<'sessionOperations'>>;
  readonly operation: (id: string, operation: number) => Promise<Answer<'operation'>>;
  readonly frames: (id: string, query?: Query<'frames'>) => Promise<Answer<'frames'>>;
  readonly frame: (id: string, seq: number) => Promise<Answer<'frame'>>;
  readonly frameBytes: (id: string, seq: number) => Promise<Uint8Array>;
  readonly findings: (id: string) => Promise<Answer<'findings'>>;
  readonly explain: (id: string) => Promise<Answer<'explain'>>;
  readonly check: (id: string, query?: Query<'check'>) => Promise<Answer<'check'>>;
  readonly operations: (query?: Query<'operations'>) => Promise<Answer<'operations'>>;
  readonly search: (query?: Query<'search'>) => Promise<Answer<'search'>>;
  readonly stats: (query?: Query<'stats'>) => Promise<Answer<'stats'>>;
  readonly diff: (
    query: Query<'diff'> & { readonly before: string; readonly after: string },
  ) => Promise<Answer<'diff'>>;
  readonly config: () => Promise<Answer<'config'>>;
  readonly health: () => Promise<Answer<'health'>>;
  readonly pin: (id: string) => Promise<Answer<'pin'>>;
  readonly unpin: (id: string) => Promise<Answer<'unpin'>>;
  readonly note: (id: string, text: string) => Promise<Answer<'note'>>;
  readonly removeNote: (id: string) => Promise<Answer<'removeNote'>>;
  /** Its body is to be read or cancelled. */
  readonly export: (id: string, query?: Query<'export'>) => Promise<Response>;
  readonly import: (
    body: NonNullable<RequestInit['body']>,
    query?: Query<'import'>,
  ) => Promise<Answer<'import'>>;
  /** Nothing is sent. */
  readonly plan: (id: string, wishes?: Body<'plan'>) => Promise<Answer<'plan'>>;
  readonly replayTargets: () => Promise<Answer<'replayTargets'>>;
  readonly startReplay: (wishes: Body<'startReplay'>) => Promise<Answer<'startReplay'>>;
  /** Its body is to be read or cancelled. */
  readonly case: (id: string, wishes?: Body<'case'>) => Promise<Response>;
  readonly startMock: (wishes: Body<'startMock'>) => Promise<Answer<'startMock'>>;
  readonly mocks: () => Promise<Answer<'mocks'>>;
  readonly mock: (id: string) => Promise<Answer<'mock'>>;
  readonly stopMock: (id: string) => Promise<Answer<'stopMock'>>;
  readonly replays: () => Promise<Answer<'replays'>>;
  readonly replay: (replay: string) => Promise<Answer<'replay'>>;
  readonly moveReplay: (replay: string, move: Body<'moveReplay'>) => Promise<Answer<'moveReplay'>>;
  readonly replayResult: (replay: string, query?: Query<'replayResult'>) => Promise<Answer<'replayResult'>>;
  readonly replayStep: (
    replay: string,
    step: number,
    query?: Query<'replayStep'>,
  ) => Promise<Answer<'replayStep'>>;
  readonly replayDiff: (replay: string, query?: Query<'replayDiff'>) => Promise<Answer<'replayDiff'>>;
  /** Ends with the replay, or with the connection: then go on with `told`, the number of steps that were told. */
  readonly replayEvents: (
    replay: string,
    options?: { readonly told?: number; readonly signal?: AbortSignal },
  ) => AsyncGenerator<ReplayEvent>;
  /** Ends with the connection: go on from the cursor of the last message. */
  readonly live: (
    query?: Query<'live'>,
    options?: { readonly signal?: AbortSignal },
  ) => AsyncGenerator<LiveMessage>;
}

export function createClient({ url, token, fetch: send = fetch }: ClientOptions): Client {
  const root = `${url.replace(/\/+$/, '')}/api/v1`;
  const ask = async (path: string, query: object = {}, init: RequestInit = {}): Promise<Response> => {
    const headers = { ...(init.headers as Record<string, string>), authorization: `Bearer ${token}` };
    const response = await send(root + path + queryText(query), { ...init, headers });
    if (response.ok) return response;
    const isProblem = response.headers.get('content-type') === 'application/problem+json';
    const problem = isProblem ? ((await response.json()) as z.infer<typeof Problem>) : undefined;
    throw new ClientError(response.status, problem);
  };
  const json = async <T>(path: string, query?: object, init?: RequestInit): Promise<T> =>
    (await ask(path, query, init)).json() as Promise<T>;
  const put = (body: unknown, method = 'POST'): RequestInit => ({
    method,
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json' },
  });
  const following = async function* <T>(path: string, query: object, init: RequestInit): AsyncGenerator<T> {
    const { body } = await ask(path, query, init);
    const text = body?.pipeThrough(new TextDecoderStream());
    if (text === undefined) return;
    for await (const event of eventsOf(text)) {
      const data = event.split('\n').find((line) => line.startsWith('data: '));
      if (data !== undefined) yield JSON.parse(data.slice('data: '.length)) as T;
    }
  };
  const run = (id: string, rest = ''): string => `/replays/${encodeURIComponent(id)}${rest}`;
  const of = (session: string, rest = ''): string => `/sessions/${encodeURIComponent(session)}${rest}`;

  return {
    sessions: (query) => json('/sessions', query),
    session: (id) => json(of(id)),
    deleteSession: (id) => json(of(id), {}, { method: 'DELETE' }),
    sessionOperations: (id, query) => json(of(id, '/operations'), query),
    operation: (id, operation) => json(of(id, `/operations/${operation}`)),
    frames: (id, query) => json(of(id, '/frames'), query),
    frame: (id, seq) => json(of(id, `/frames/${seq}`)),
    frameBytes: async (id, seq) =>
      new Uint8Array(await (await ask(of(id, `/frames/${seq}/raw`))).arrayBuffer()),
    findings: (id) => json(of(id, '/findings')),
    explain: (id) => json(of(id, '/explain')),
    check: (id, query) => json(of(id, '/check'), query),
    operations: (query) => json('/operations', query),
    search: (query) => json('/search', query),
    stats: (query) => json('/stats', query),
    diff: (query) => json('/diff', query),
    config: () => json('/config'),
    health: () => json('/health'),
    pin: (id) => json(of(id, '/pin'), {}, { method: 'PUT' }),
    unpin: (id) => json(of(id, '/pin'), {}, { method: 'DELETE' }),
    note: (id, text) => json(of(id, '/note'), {}, put({ text }, 'PUT')),
    removeNote: (id) => json(of(id, '/note'), {}, { method: 'DELETE' }),
    export: (id, query) => ask(of(id, '/export'), query),
    import: (body, query) => json('/imports', query, { ...STREAMED, body }),
    plan: (id, wishes = {}) => json(of(id, '/plan'), {}, put(wishes)),
    replayTargets: () => json('/replay-targets'),
    startReplay: (wishes) => json('/replays', {}, put(wishes)),
    case: (id, wishes = {}) => ask(of(id, '/case'), {}, put(wishes)),
    startMock: (wishes) => json('/mocks', {}, put(wishes)),
    mocks: () => json('/mocks'),
    mock: (id) => json(`/mocks/${encodeURIComponent(id)}`),
    stopMock: (id) => json(`/mocks/${encodeURIComponent(id)}`, {}, { method: 'DELETE' }),
    replays: () => json('/replays'),
    replay: (id) => json(run(id)),
    moveReplay: (id, move) => json(run(id, '/moves'), {}, put(move)),
    replayResult: (id, query) => json(run(id, '/result'), query),
    replayStep: (id, step, query) => json(run(id, `/steps/${step}`), query),
    replayDiff: (id, query) => json(run(id, '/diff'), query),
    replayEvents: (id, { told = 0, signal } = {}) =>
      following(
        run(id, '/events'),
        {},
        { headers: { 'last-event-id': String(told) }, ...(signal && { signal }) },
      ),
    live: (query = {}, { signal } = {}) => following('/live', query, signal ? { signal } : {}),
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
