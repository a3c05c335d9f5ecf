/** Cases as text: YAML, of which JSON is a part. */
import { parse, stringify } from 'yaml';
import type { CaseFile } from './case.ts';

/** JSON where the name of the file says so. */
export function caseText(path: string, file: CaseFile): string {
  return path.endsWith('.json') ? `${JSON.stringify(file, undefined, 2)}\n` : stringify(file);
}

/** Throws an Error whose first line says what is wrong. */
export function parseCase(text: string): unknown {
  return parse(text);
}
