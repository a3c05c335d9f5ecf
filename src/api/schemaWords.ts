/** The words that the schemas of the API are written in, and the names under which docs/openapi.json has them. */
import * as z from 'zod/mini';
import { OUTCOMES } from '../event/outcome.ts';

/** The schemas that docs/openapi.json names. */
export const NAMED = z.registry<{ id: string }>();

export function named<T extends z.ZodMiniType>(id: string, schema: T): T {
  NAMED.add(schema, { id });
  return schema;
}

export function list<T extends z.ZodMiniType>(of: T) {
  return z.readonly(z.array(of));
}

export function told<T extends z.ZodMiniType>(schema: T, description: string): T {
  return schema.check(z.describe(description));
}

export const text = z.string();
export const texts = list(text);
export const maybeText = z.optional(text);
export const count = () => z.int().check(z.gte(0));
export const maybeCount = () => z.optional(count());
export const time = () => told(z.int(), 'Microseconds since the Unix epoch.');
export const outcome = z.enum(OUTCOMES);
export const severity = z.enum(['error', 'warning', 'info']);
