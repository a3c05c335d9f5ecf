/**
 * `sidelight redact --test`: what the rules make of a sample, line by line. The sample is shown as it came, so it goes
 * to the terminal alone and is kept nowhere.
 */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Config } from '../config/config.ts';
import type { Redactor } from '../event/redact.ts';
import type { Span } from '../event/redact-span.ts';
import { openRedaction } from '../redaction.ts';
import { json, safe, type Terminal } from './terminal.ts';

/** As much of a secret as says which one it is. */
const SHOWN_CHARS = 4;

export interface RedactOptions {
  readonly json?: boolean;
}

/** Reads a file, or `-` for stdin; resolves to the exit code: 1 when the file cannot be read. */
export async function redactTest(
  config: Config,
  file: string,
  options: RedactOptions,
  terminal: Terminal,
): Promise<number> {
  const { redactor, problem } = await openRedaction({ ...config, redact: true });
  if (redactor === undefined) return 1;
  if (problem !== undefined) terminal.problem(problem);
  if (!config.redact) terminal.problem('redact is off: nothing of this is done to what is recorded');
  // Bytes one to one, as frames are looked at.
  const input = createReadStream(file, { encoding: 'latin1', ...(file === '-' && { fd: 0 }) });
  let number = 0;
  let total = 0;
  try {
    for await (const line of createInterface({ input, crlfDelay: Infinity })) {
      number += 1;
      const count = await show(number, line, redactor, options, terminal);
      total += count;
      if (terminal.gone) break;
    }
  } catch (error) {
    terminal.problem(`cannot read ${file} (${(error as NodeJS.ErrnoException).code ?? String(error)})`);
    return 1;
  }
  if (options.json !== true)
    await terminal.line(
      `${total} ${total === 1 ? 'value' : 'values'} redacted in ${number} ${number === 1 ? 'line' : 'lines'}`,
    );
  return 0;
}

async function show(
  number: number,
  line: string,
  redactor: Redactor,
  { json: asJson }: RedactOptions,
  terminal: Terminal,
): Promise<number> {
  const bytes = Buffer.from(line, 'latin1');
  const { redacted, spans } = redactor.explained(line, redactor.mark(bytes));
  if (asJson === true) {
    const found = spans.map((span) => ({
      rule: span.kind,
      path: pathTo(line, span.from),
      from: span.from,
      to: span.to,
    }));
    await terminal.line(json({ line: number, before: utf8(line), after: utf8(redacted), found }));
    return spans.length;
  }
  if (spans.length === 0) return 0;
  await terminal.line(`${terminal.paint('red', `${number} -`)} ${safe(utf8(line))}`);
  await terminal.line(`${terminal.paint('green', `${number} +`)} ${safe(utf8(redacted))}`);
  for (const span of spans) await terminal.line(terminal.paint('dim', `    ${told(line, span)}`));
  return spans.length;
}

function told(line: string, { from, to, kind }: Span): string {
  const path = pathTo(line, from);
  const where = path ?? `column ${from + 1}`;
  const secret = utf8(line.slice(from, to));
  const shown = secret.length > 3 * SHOWN_CHARS ? `${secret.slice(0, SHOWN_CHARS)}…` : '…';
  return `${kind} at ${safe(where)}: ${safe(shown)} (${to - from} bytes)`;
}

/** The way to what stands at an offset, as a JSONPath; undefined in a text that is no JSON. */
export function pathTo(line: string, offset: number): string | undefined {
  if (!/^\s*[[{]/.test(line) || !isJson(line)) return undefined;
  const steps: { key: string | number; isArray: boolean }[] = [];
  let key: string | undefined;
  let text: string | undefined;
  for (const match of line.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{}:,]/g)) {
    if (match.index > offset) break;
    const [token] = match;
    const top = steps.at(-1);
    if (token === '{' || token === '[') steps.push({ key: token === '[' ? 0 : '', isArray: token === '[' });
    else if (token === '}' || token === ']') steps.pop();
    else if (token === ',' && top?.isArray === true) top.key = Number(top.key) + 1;
    else if (token === ':' && top !== undefined) top.key = key ?? '';
    else if (token.startsWith('"')) text = token;
    if (text !== undefined) key = String(JSON.parse(text));
  }
  return `$${steps.map(({ key }) => (typeof key === 'number' ? `[${key}]` : member(key))).join('')}`;
}

function member(key: string): string {
  return /^[A-Za-z_]\w*$/.test(key) ? `.${key}` : `[${JSON.stringify(utf8(key))}]`;
}

function isJson(line: string): boolean {
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}

function utf8(latin1: string): string {
  return Buffer.from(latin1, 'latin1').toString('utf8');
}
