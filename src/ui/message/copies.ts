/** What can be made of a message for somewhere else: texts for the clipboard. Nothing is run or sent. Pure. */
import type { Session } from '../session/data.ts';

export interface Copy {
  readonly name: string;
  /** Made when it is asked for: a message may be large. */
  readonly text: () => string;
}

type Json = Readonly<Record<string, unknown>>;

/** `value` is the message where it is JSON, `text` as it was recorded, `path` that of its request over HTTP. */
export function copiesOf(
  session: Session,
  value: unknown,
  text: string,
  path: string | undefined,
): readonly Copy[] {
  const copies: Copy[] = [
    { name: 'JSON', text: () => (value === undefined ? text : JSON.stringify(value, null, 2)) },
  ];
  const message = isObject(value) ? value : {};
  const params = isObject(message.params) ? message.params : {};
  const isRequest = typeof message.method === 'string';
  if (message.method === 'tools/call')
    copies.push({
      name: 'tools/call',
      text: () => JSON.stringify({ name: params.name, arguments: params.arguments ?? {} }, null, 2),
    });
  const target = targetOf(session, path);
  if (isRequest && target !== undefined)
    copies.push({ name: 'curl', text: () => curl(session, target, text) });
  copies.push({ name: 'CLI command', text: () => `sidelight show ${session.id} --full` });
  return copies;
}

/** What was redacted has to be put in by hand: the recording does not have it. */
function curl({ protocolVersion, era }: Session, target: string, body: string): string {
  const headers = [
    'content-type: application/json',
    'accept: application/json, text/event-stream',
    ...(protocolVersion === undefined ? [] : [`mcp-protocol-version: ${protocolVersion}`]),
    ...(era === 'legacy' ? ['mcp-session-id: <session id>'] : []),
  ];
  return [
    `curl -sS ${quoted(target)}`,
    ...headers.map((header) => `-H ${quoted(header)}`),
    `--data-raw ${quoted(body)}`,
  ].join(' \\\n  ');
}

function targetOf({ target }: Session, path: string | undefined): string | undefined {
  if (target === undefined || path === undefined || !URL.canParse(path, target)) return target;
  return new URL(path, target).href;
}

/** For a POSIX shell: nothing in it is anything but text. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
