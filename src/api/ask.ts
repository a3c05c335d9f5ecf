/** Asks a route of the table by its name: reads what was written for it and calls its handler. HTTP and the MCP server both come here. */
import type * as z from 'zod/mini';
import { ABOUT_HANDLERS } from './about.ts';
import { type Asker, audit } from './audit.ts';
import { CASE_HANDLERS } from './cases.ts';
import { FRAME_HANDLERS } from './frames.ts';
import type { ApiContext, ApiRequest, Handlers } from './handler.ts';
import { JUDGED_HANDLERS } from './judged.ts';
import { LIVE_HANDLERS } from './liveEvents.ts';
import { MOCK_HANDLERS } from './mockHandlers.ts';
import { PLACES, readFilter, readQuery, readValue } from './parameters.ts';
import { mustBe } from './principal.ts';
import { ApiError } from './problem.ts';
import { auditRead, auditSearch } from './reading.ts';
import { REPLAY_HANDLERS, replaysOf } from './replayHandlers.ts';
import { roleOf, type Route, type RouteAnswer, type RouteName, ROUTES } from './routes.ts';
import { SESSION_HANDLERS } from './sessions.ts';
import { TRANSFER_HANDLERS } from './transfer.ts';

const HANDLERS: Handlers<RouteName> = {
  ...SESSION_HANDLERS,
  ...FRAME_HANDLERS,
  ...JUDGED_HANDLERS,
  ...TRANSFER_HANDLERS,
  ...ABOUT_HANDLERS,
  ...LIVE_HANDLERS,
  ...REPLAY_HANDLERS,
  ...MOCK_HANDLERS,
  ...CASE_HANDLERS,
};

/** As they stand in a path. */
export type Places = Partial<Readonly<Record<keyof typeof PLACES, string>>>;

export interface Asked {
  readonly places: Places;
  readonly query: URLSearchParams;
  /** Read by `readBody`; or bytes. */
  readonly body: unknown;
  readonly asker: Asker;
  readonly lastEventId?: string | undefined;
}

/** Rejects with an ApiError or a StoreError. */
export async function ask<N extends RouteName>(
  name: N,
  context: ApiContext,
  { places, query, body, asker, lastEventId }: Asked,
): Promise<RouteAnswer<N>> {
  const route: Route = ROUTES[name];
  mustBe(roleOf(name), asker.principal);
  const numbered = (['seq', 'operation', 'step'] as const).find((place) => places[place] !== undefined);
  const number = numbered === undefined ? 0 : readValue(numbered, PLACES[numbered], places[numbered] ?? '');
  const read = readQuery(route.query, query);
  const wanted =
    places.session === undefined ? undefined : readValue('session', PLACES.session, places.session);
  const recordings = await context.recordings();
  const session = wanted === undefined ? undefined : await recordings.findSession(wanted);
  const written: ApiRequest<RouteName>['audit'] = (entry) => {
    audit(context.auditFile, entry, context.now(), asker);
  };
  const { filter, payload } = read as { readonly filter?: string; readonly payload?: string };
  if (filter !== undefined) auditSearch(context, asker, name, readFilter(filter));
  const reads = (sessionId: string): void => {
    if (route.bare !== true && payload !== 'none')
      auditRead(context, asker, { action: 'read', route: name, session: sessionId });
  };
  const request: ApiRequest<RouteName> = {
    context,
    recordings,
    asker,
    get session() {
      if (session === undefined) throw new TypeError(`the path of ${name} names no session`);
      return session;
    },
    open: (one) => {
      reads(one.id);
      return recordings.open(one);
    },
    get replay() {
      return replaysOf(context).find(readValue('replay', PLACES.replay, places.replay ?? ''));
    },
    get mock() {
      return readValue('mock', PLACES.mock, places.mock ?? '');
    },
    number,
    query: read,
    body: body as ApiRequest<RouteName>['body'],
    audit: written,
    reads,
    lastEventId,
  };
  // Each handler is of the route that its request was read for.
  const handler = HANDLERS[name] as (request: ApiRequest<RouteName>) => unknown;
  return (await handler(request)) as RouteAnswer<N>;
}

/** Throws an ApiError that names the member that is wrong. */
export function readBody<T>(schema: z.ZodMiniType<T>, written: unknown): T {
  const read = schema.safeParse(written);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  const member = issue?.path.join('.') ?? '';
  throw new ApiError(
    400,
    `the body is not as it is to be${member && `, at ${member}`}: see docs/openapi.json`,
    {
      ...(member !== '' && { parameter: member }),
    },
  );
}
