/** docs/openapi.json: the table of routes and the schemas of their answers, as OpenAPI 3.1 has it. Pure. */
import { STATUS_CODES } from 'node:http';
import * as z from 'zod/mini';
import { VERSION } from '../self/version.ts';
import { Problem } from './contract.ts';
import { type Parameter, PLACES } from './parameters.ts';
import { BASE, type Route, ROUTES } from './routes.ts';
import { NAMED } from './schemaWords.ts';

type Json = Readonly<Record<string, unknown>>;

const PROBLEMS = [400, 401, 403, 404, 409, 429, 501, 503];

export function renderOpenApi(): string {
  const paths: Record<string, Record<string, Json>> = {};
  for (const [name, route] of Object.entries<Route>(ROUTES)) {
    const path = BASE + route.path;
    paths[path] = { ...paths[path], [route.method]: operationOf(name, route) };
  }
  const document = {
    openapi: '3.1.0',
    info: {
      title: 'Sidelight',
      version: VERSION,
      description:
        'What is recorded, read by the debug API of `sidelight serve`. Members may be added. See api.md.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: 'http://127.0.0.1:4320' }],
    security: [{ token: [] }],
    paths: {
      ...paths,
      '/healthz': {
        get: {
          operationId: 'healthz',
          summary: 'Whether it answers at all.',
          security: [],
          responses: {
            200: { description: 'It does.', content: { 'text/plain': { schema: { type: 'string' } } } },
          },
        },
      },
    },
    components: {
      securitySchemes: {
        token: {
          type: 'http',
          scheme: 'bearer',
          description:
            'The token in the file api.token of the data folder, one of `sidelight token create`, or one of an OIDC issuer.',
        },
      },
      schemas: schemas(),
      responses: {
        Problem: {
          description: 'What is wrong, as RFC 9457 has it.',
          content: { 'application/problem+json': { schema: reference(Problem) } },
        },
      },
    },
  };
  return JSON.stringify(document, undefined, 2);
}

function operationOf(name: string, route: Route): Json {
  const { summary, query, body, answer, path, role } = route;
  const places = [...path.matchAll(/\{(\w+)\}/g)].map(([, place = '']) => place as keyof typeof PLACES);
  const parameters = [
    ...places.map((place) => ({ ...parameterOf(place, PLACES[place]), in: 'path', required: true })),
    ...Object.entries(query).map(([key, parameter]) => ({ ...parameterOf(key, parameter), in: 'query' })),
  ];
  const content =
    'length' in answer
      ? Object.fromEntries(answer.map((type) => [type, { schema: { type: 'string' } }]))
      : { 'application/json': { schema: reference(answer) } };
  return {
    operationId: name,
    summary,
    ...(role !== undefined && { description: `Needs the role ${role}.` }),
    ...(parameters.length > 0 && { parameters }),
    ...(body !== undefined && { requestBody: { required: true, content: bodyOf(body) } }),
    responses: {
      200: { description: 'What was asked for.', content },
      ...(name === 'live' && {
        101: { description: 'A WebSocket, of the messages LiveMessage and Subscribe.' },
      }),
      ...Object.fromEntries(PROBLEMS.map((status) => [status, problem(status)])),
    },
  };
}

function bodyOf(body: z.ZodMiniType | 'bytes'): Json {
  return body === 'bytes'
    ? { 'application/octet-stream': { schema: { type: 'string' } } }
    : { 'application/json': { schema: reference(body) } };
}

function problem(status: number): Json {
  return { $ref: '#/components/responses/Problem', description: STATUS_CODES[status] ?? '' };
}

function parameterOf(
  name: string,
  { schema, description, required, many, fallback }: Parameter<unknown>,
): Json {
  const one = {
    ...bare(z.toJSONSchema(schema, { io: 'output' })),
    ...(fallback !== undefined && { default: fallback }),
  };
  return {
    name,
    description,
    ...(required === true && { required }),
    schema: many === true ? { type: 'array', items: one } : one,
  };
}

function reference(schema: z.ZodMiniType): Json {
  return { $ref: `#/components/schemas/${NAMED.get(schema)?.id ?? ''}` };
}

/** Open, since members may be added: what answers have besides is no error for who reads them. */
function schemas(): Json {
  const { schemas: named } = z.toJSONSchema(NAMED, {
    io: 'input',
    uri: (id) => `#/components/schemas/${id}`,
    override: ({ jsonSchema }) => {
      delete jsonSchema.readOnly;
    },
  });
  return Object.fromEntries(Object.entries(named).map(([name, schema]) => [name, bare(schema)]));
}

function bare({ $schema: _, $id: _id, ...schema }: Record<string, unknown>): Json {
  return schema;
}
