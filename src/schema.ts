/**
 * JSON Schemas of servers as functions that check a value. They are the server's text: a schema that is large, refers to
 * somewhere else or to itself is not compiled, and nothing is ever fetched. Where there is no verdict there is no fault.
 */
import { Ajv, type ErrorObject, type Options } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { patternOf } from './schemaPattern.ts';
import type { Validator, ValidatorOf } from './track/checks/validator.ts';

/** Of the JSON of a schema; those of real tools take a tenth of it at most. */
const MAX_SCHEMA_CHARS = 64 * 1024;
/** Values in a schema with its references written out: with the size of what is checked it bounds what one check costs. */
const MAX_SCHEMA_NODES = 5000;
/** Schemas that are known again, shared by all sessions. */
const MAX_KNOWN = 512;

const OPTIONS: Options = {
  strict: false,
  allErrors: false,
  validateFormats: false,
  inlineRefs: false,
  logger: false,
  code: { regExp: Object.assign((source: string) => patternOf(source), { code: 'patternOf' }) },
};

type Schema = Readonly<Record<string, unknown>>;

/** A class of Ajv for each dialect; what they are asked for here is the same. */
type Compiler = Pick<Ajv, 'compile' | 'removeKeyword' | 'removeSchema'>;

/** By `$schema`: 2020-12 where there is none (2026-07-28, "JSON Schema Usage"). Others are not checked by. */
const DIALECTS: ReadonlyMap<unknown, () => Compiler> = new Map<unknown, () => Compiler>([
  [undefined, () => new Ajv2020(OPTIONS)],
  ['https://json-schema.org/draft/2020-12/schema', () => new Ajv2020(OPTIONS)],
  ['http://json-schema.org/draft-07/schema', () => new Ajv(OPTIONS)],
]);

/** The validators of a process. A schema is compiled when a value is checked by it for the first time. */
export function schemaValidators(): ValidatorOf {
  const compile = compiler();
  const known = new Map<string, Validator | undefined>();
  return (schema) => {
    const text = textOf(schema);
    if (text === undefined) return undefined;
    const validator = known.has(text) ? known.get(text) : validatorOf(text, schema, compile);
    // Deleted and set again: what was not asked for longest is the first to go.
    known.delete(text);
    const [oldest] = known.size >= MAX_KNOWN ? known.keys() : [];
    if (oldest !== undefined) known.delete(oldest);
    known.set(text, validator);
    return validator;
  };
}

function validatorOf(text: string, schema: unknown, compile: Compile): Validator | undefined {
  if (!isObject(schema) || !DIALECTS.has(dialectOf(schema)) || !isBounded(schema)) return undefined;
  let validator: Validator | undefined;
  return (value) => {
    validator ??= compile(JSON.parse(text) as Schema);
    return validator(value);
  };
}

type Compile = (schema: Schema) => Validator;

function compiler(): Compile {
  const instances = new Map<unknown, Compiler | undefined>();
  return (schema) => {
    const dialect = dialectOf(schema);
    const ajv = instances.get(dialect) ?? withoutUniqueItems(DIALECTS.get(dialect)?.());
    instances.set(dialect, ajv);
    const own = ownOf(schema);
    try {
      const check = ajv?.compile(own);
      return (value) => {
        try {
          return check === undefined || check(value) ? undefined : told(check.errors?.[0]);
        } catch {
          // A pattern that is not run, or a value nested more deeply than the stack allows.
          return undefined;
        }
      };
    } catch {
      return () => undefined;
    } finally {
      ajv?.removeSchema(own);
    }
  };
}

/** It compares each item with each other. */
function withoutUniqueItems(ajv: Compiler | undefined): Compiler | undefined {
  ajv?.removeKeyword('uniqueItems');
  return ajv;
}

/** Without its names, which are there for others to refer to it, and without what would make its check a promise. */
function ownOf({ $schema: _schema, $id: _id, $async: _async, ...own }: Schema): Schema {
  return own;
}

function dialectOf({ $schema }: Schema): unknown {
  return typeof $schema === 'string' ? $schema.replace(/#$/, '') : $schema;
}

/** Where and what, without the value. */
function told(error: ErrorObject | undefined): string {
  if (error === undefined) return 'it is not valid';
  const { instancePath, message = 'is not valid', params } = error;
  const extra = (params as { readonly additionalProperty?: unknown }).additionalProperty;
  const named = typeof extra === 'string' ? `: ${extra}` : '';
  return `${instancePath === '' ? '/' : instancePath} ${message}${named}`;
}

/** It refers to nothing but its own definitions, and is not large when these stand where they are referred to. */
function isBounded(schema: Schema): boolean {
  const open: unknown[] = [schema];
  for (let nodes = 0; open.length > 0; nodes += 1) {
    if (nodes + open.length > MAX_SCHEMA_NODES) return false;
    const node = open.pop();
    if (Array.isArray(node)) open.push(...(node as unknown[]).slice(0, MAX_SCHEMA_NODES));
    if (!isObject(node)) continue;
    const { $ref, $id, $dynamicRef, $recursiveRef } = node;
    if (typeof $dynamicRef === 'string' || typeof $recursiveRef === 'string') return false;
    if (typeof $id === 'string' && node !== schema) return false;
    if (typeof $ref === 'string') {
      const target = $ref.startsWith('#/') ? pointed(schema, $ref) : undefined;
      if (target === undefined) return false;
      open.push(target);
    }
    open.push(...Object.values(node).slice(0, MAX_SCHEMA_NODES));
  }
  return true;
}

/** What a JSON pointer in a fragment stands for (RFC 6901, section 6). */
function pointed(root: Schema, ref: string): unknown {
  let value: unknown = root;
  for (const part of ref.slice(2).split('/')) {
    const key = unescaped(part);
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Schema)[key];
  }
  return value;
}

function unescaped(part: string): string {
  try {
    return decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~');
  } catch {
    return part;
  }
}

function textOf(schema: unknown): string | undefined {
  try {
    const text = JSON.stringify(schema) as string | undefined;
    return text === undefined || text.length > MAX_SCHEMA_CHARS ? undefined : text;
  } catch {
    // Nested more deeply than the stack allows.
    return undefined;
  }
}

function isObject(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
