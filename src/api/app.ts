/**
 * The API as an HTTP application: who is let in, which handler answers, and how. It knows every route by the table and holds
 * nothing between two requests.
 */
import { createHash } from 'node:crypto';
import type { HttpBindings } from '@hono/node-server';
import { Hono, type Context } from 'hono';
import type * as z from 'zod/mini';
import type { Access } from './access.ts';
import { ask, readBody } from './ask.ts';
import type { Asker } from './audit.ts';
import { guarded } from './guarded.ts';
import type { ApiContext } from './handler.ts';
import type { Opened } from './opened.ts';
import type { Page } from './page.ts';
import { mustBe } from './principal.ts';
import { ApiError, apiError, problemResponse } from './problem.ts';
import { BASE, roleOf, type Route, type RouteName, ROUTES } from './routes.ts';

/** Of a JSON body: a note is some thousand characters. */
const MAX_BODY_BYTES = 64 * 1024;

/** Streamable HTTP of the MCP server. */
const MCP_PATH = '/mcp';

interface Hosted {
  readonly Bindings: HttpBindings;
  readonly Variables: { readonly asker: Asker };
}
type Incoming = Context<Hosted>;

export interface AppOptions {
  readonly orgOf: Opened['orgOf'];
  readonly access: Access;
  readonly page: Page;
  /** Takes one line about a failure that nobody foresaw. */
  readonly report: (line: string) => void;
}

export function apiApp({ orgOf, access, page, report }: AppOptions): Hono<Hosted> {
  const app = new Hono<Hosted>();
  app.onError((cause) => {
    const error = apiError(cause);
    if (error.status === 500) report(`a request of the API failed: ${cause.stack ?? cause.message}`);
    return problemResponse(error);
  });
  app.use(async ({ env }, next) => {
    access.names(env.incoming.rawHeaders);
    await next();
  });
  app.get('/healthz', () => new Response('ok\n', { headers: { 'content-type': 'text/plain' } }));
  for (const path of ['/api/*', MCP_PATH])
    app.use(path, async (c, next) => {
      const { rawHeaders, socket } = c.env.incoming;
      const principal = await access.principal(rawHeaders);
      orgOf(principal).context.pace.take(principal.subject);
      c.set('asker', { principal, client: socket.remoteAddress });
      await next();
      // What goes on after the answer began ends with the leave to read it.
      const res = guarded(c.res, () => access.principal(rawHeaders));
      if (res !== c.res) c.res = res;
    });
  app.all(MCP_PATH, ({ req, var: { asker } }) => orgOf(asker.principal).mcp.answer(req.raw, asker.principal));
  for (const name of Object.keys(ROUTES) as RouteName[]) {
    const { method, path } = ROUTES[name];
    app.on(method.toUpperCase(), pathOf(path), (c) =>
      answered(name, c, orgOf(c.var.asker.principal).context),
    );
  }
  for (const path of new Set(Object.values(ROUTES).map((route) => route.path)))
    app.all(pathOf(path), () => {
      const methods = Object.values(ROUTES).flatMap((route) => (route.path === path ? [route.method] : []));
      const allow = methods.join(', ').toUpperCase();
      throw new ApiError(405, `here is only ${allow}`, {}, { allow });
    });
  app.get('*', ({ req }) => {
    const found = req.path.startsWith('/api/') ? undefined : page(req.path);
    if (found !== undefined) return found;
    throw new ApiError(404, 'there is nothing here; docs/api.md lists what there is');
  });
  app.notFound(() =>
    problemResponse(new ApiError(404, 'there is nothing here; docs/api.md lists what there is')),
  );
  return app;
}

/** `/sessions/{session}` as Hono has it. */
function pathOf(path: string): string {
  return BASE + path.replace(/\{(\w+)\}/g, ':$1');
}

async function answered(name: RouteName, c: Incoming, context: ApiContext): Promise<Response> {
  // Before anything is read of a body.
  mustBe(roleOf(name), c.var.asker.principal);
  const answer = await ask(name, context, {
    places: c.req.param(),
    query: new URL(c.req.url).searchParams,
    body: await bodyOf(ROUTES[name], c),
    asker: c.var.asker,
    lastEventId: c.req.header('last-event-id'),
  });
  // Nobody will read it.
  if (c.req.method === 'HEAD' && answer instanceof Response) await answer.body?.cancel();
  return answer instanceof Response ? answer : jsonResponse(answer, c.req.header('if-none-match'));
}

/** With an ETag, so that who asks again learns cheaply that nothing changed. */
function jsonResponse(answer: unknown, known: string | undefined): Response {
  const text = JSON.stringify(answer);
  const etag = `"${createHash('sha256').update(text).digest('base64url').slice(0, 22)}"`;
  const isKnown = known?.split(',').some((one) => one.trim().replace(/^W\//, '') === etag) === true;
  return isKnown
    ? new Response(null, { status: 304, headers: { etag } })
    : new Response(text, { headers: { 'content-type': 'application/json', etag } });
}

async function bodyOf({ body }: Route, { req }: Incoming): Promise<unknown> {
  if (body === undefined) return undefined;
  const { body: stream } = req.raw;
  if (body === 'bytes') return stream ?? new ReadableStream<Uint8Array>({ start: (own) => own.close() });
  if (!/^application\/json\s*(?:;|$)/i.test(req.header('content-type') ?? ''))
    throw new ApiError(415, 'the body is to be JSON, with Content-Type: application/json');
  return readJson(stream, body);
}

async function readJson(stream: ReadableStream<Uint8Array> | null, schema: z.ZodMiniType): Promise<unknown> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of stream ?? []) {
    bytes += piece.length;
    if (bytes > MAX_BODY_BYTES) throw new ApiError(413, `the body has more than ${MAX_BODY_BYTES} bytes`);
    pieces.push(piece);
  }
  let written: unknown;
  try {
    written = JSON.parse(Buffer.concat(pieces).toString('utf8'));
  } catch {
    throw new ApiError(400, 'the body is no JSON');
  }
  return readBody(schema, written);
}
