/** The JSON Schema of a case, made of the schema that reads it. Loaded for documents only. */
import * as z from 'zod/mini';
import { CASE_SCHEMA } from './case.ts';

/** The text of docs/case.schema.json. */
export function renderCaseSchema(): string {
  const schema = z.toJSONSchema(CASE_SCHEMA, { target: 'draft-2020-12' });
  return JSON.stringify({ title: 'A case of Sidelight', ...schema }, undefined, 2);
}
