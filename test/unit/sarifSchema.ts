/** SARIF 2.1.0 as its own schema has it (OASIS, as Microsoft's matchers ship it). */
import { Ajv } from 'ajv';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const FILE = new URL(
  '../../node_modules/@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json',
  import.meta.url,
);

/** What is wrong with a log; empty: nothing. Of formats, such as `uri`, nothing is said. */
export function sarifErrors(log: unknown): readonly string[] {
  const written = JSON.parse(readFileSync(fileURLToPath(FILE), 'utf8')) as Record<string, unknown>;
  // Draft 4, of which it uses nothing that draft 7 has not, but for the names of these two.
  delete written.$schema;
  delete written.id;
  const validate = new Ajv({
    strict: false,
    unicodeRegExp: false,
    validateFormats: false,
    allErrors: true,
  }).compile(written);
  validate(log);
  return (validate.errors ?? []).map(({ instancePath, message = '' }) => `${instancePath} ${message}`);
}
