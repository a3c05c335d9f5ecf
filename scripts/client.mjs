/**
 * Builds `sidelight/client`: one file of JavaScript without dependencies, for Node and browsers, and one of types. Types of
 * answers, queries and bodies are made of docs/openapi.json, so that who uses them needs nothing of ours, nor zod.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import ts from 'typescript';
import { fail, root } from './step.mjs';

const SOURCE = 'src/api/client.ts';

/** Into a folder, by its path from that of the project. */
export async function buildClient(outdir) {
  const folder = resolve(root, outdir);
  mkdirSync(folder, { recursive: true });
  await build({
    absWorkingDir: root,
    entryPoints: [SOURCE],
    outfile: join(folder, 'client.js'),
    bundle: true,
    format: 'esm',
    platform: 'neutral',
    target: 'es2022',
    logLevel: 'warning',
  });
  writeFileSync(join(folder, 'client.d.ts'), clientTypes());
}

function clientTypes() {
  const { outputText, diagnostics = [] } = ts.transpileDeclaration(readFileSync(join(root, SOURCE), 'utf8'), {
    fileName: 'client.ts',
    compilerOptions: { isolatedDeclarations: true, strict: true, target: ts.ScriptTarget.ES2022 },
  });
  for (const { messageText } of diagnostics)
    fail(`build: ${SOURCE}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`);
  const own = outputText
    .replace(/^import type .*$/gm, '')
    // Those that the document names have their own declarations.
    .replace(/^export type \w+ = z\.infer<typeof \w+>;$/gm, '')
    .replace(/z\.infer<typeof (\w+)>/g, '$1');
  if (/\bz\./.test(own)) fail(`build: ${SOURCE} says something of zod that scripts/client.mjs does not know`);
  return `${own.trim().replace(/\n{3,}/g, '\n\n')}\n\n${documented()}`;
}

/** What client.ts imports as types, from the document of the API. */
function documented() {
  const { paths, components } = JSON.parse(readFileSync(join(root, 'docs/openapi.json'), 'utf8'));
  const operations = Object.values(paths).flatMap(Object.values);
  const named = Object.entries(components.schemas).map(
    ([name, schema]) => `${described(schema)}export type ${name} = ${typeOf(schema)};`,
  );
  const members = (of) => operations.map((one) => `  ${one.operationId}: ${of(one)};`).join('\n');
  return [
    ...named,
    `interface Answers {\n${members(({ responses }) => jsonOf(responses[200].content) ?? 'Response')}\n}`,
    `interface Queries {\n${members(queryOf)}\n}`,
    `interface Bodies {\n${members(({ requestBody }) => jsonOf(requestBody?.content) ?? 'undefined')}\n}`,
    'export type RouteName = keyof Answers;',
    'type RouteAnswer<N extends RouteName> = Answers[N];',
    'type RouteQuery<N extends RouteName> = Queries[N];',
    'type RouteBody<N extends RouteName> = Bodies[N];',
    '',
  ].join('\n');
}

function jsonOf(content) {
  const [[type, { schema }] = ['', {}], ...others] = Object.entries(content ?? {});
  return type === 'application/json' && others.length === 0 ? typeOf(schema) : undefined;
}

function queryOf({ parameters = [] }) {
  const query = parameters.filter((one) => one.in === 'query');
  return query.length === 0
    ? '{}'
    : `{ ${query.map(({ name, schema }) => `${name}: ${typeOf(schema)};`).join(' ')} }`;
}

/** The type that a JSON Schema of the document describes; what it cannot know is unknown. */
function typeOf(schema) {
  const { $ref, enum: values, type, items, properties, required = [], additionalProperties } = schema;
  const union = schema.anyOf ?? schema.oneOf;
  if ($ref !== undefined) return $ref.split('/').at(-1);
  if (values !== undefined) return values.map((value) => JSON.stringify(value)).join(' | ');
  if ('const' in schema) return JSON.stringify(schema.const);
  if (union !== undefined) return union.map(typeOf).join(' | ');
  if (Array.isArray(type)) return type.map((one) => typeOf({ type: one })).join(' | ');
  if (type === 'array') return `readonly (${typeOf(items ?? {})})[]`;
  if (type === 'integer') return 'number';
  if (type !== 'object') return type ?? 'unknown';
  if (properties === undefined)
    return `Readonly<Record<string, ${typeof additionalProperties === 'object' ? typeOf(additionalProperties) : 'unknown'}>>`;
  const members = Object.entries(properties).map(([name, one]) => {
    const isThere = required.includes(name);
    const is = typeOf(one);
    return `${described(one)}readonly ${name}${isThere ? '' : '?'}: ${is}${isThere || is === 'unknown' ? '' : ' | undefined'};`;
  });
  return `{\n${members.join('\n')}\n}`;
}

function described({ description }) {
  return description === undefined ? '' : `/** ${description.replaceAll('*/', '*\\/')} */\n`;
}
