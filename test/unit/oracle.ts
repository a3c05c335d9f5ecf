/** What decoding must tell, derived the slow way: from JSON.parse. Knows nothing of the caps on what is kept. */
import type { Batch, Message } from '../../src/mcp/message.ts';

/** A message without what differs by how it was read: its size, and what parses it. */
export type Told = Readonly<Record<string, unknown>>;

const MODERN_PREFIX = 'io.modelcontextprotocol/';

type Json = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Own members only: `__proto__` is a member like any other to JSON.parse. */
function member(value: unknown, key: string): unknown {
  return isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}

type Test = (value: unknown) => boolean;
const isString: Test = (value) => typeof value === 'string';
const isNumber: Test = (value) => typeof value === 'number';
const isToken: Test = (value) => isString(value) || isNumber(value);
const isId: Test = (value) => isToken(value) || value === null;

function pick(value: unknown, wanted: Readonly<Record<string, Test>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(wanted)
      .filter(([key, test]) => test(member(value, key)))
      .map(([key]) => [key, member(value, key)]),
  );
}

function implementation(key: string, ...candidates: unknown[]): Json {
  const found = candidates.find(isObject);
  return found === undefined ? {} : { [key]: pick(found, { name: isString, version: isString }) };
}

function paramFacts(params: unknown, kind: 'request' | 'notification'): Json {
  const meta = member(params, '_meta');
  const version = member(meta, `${MODERN_PREFIX}protocolVersion`);
  const subscriptionId = member(meta, `${MODERN_PREFIX}subscriptionId`);
  return {
    ...pick(params, {
      name: isString,
      uri: isString,
      taskId: isString,
      reason: isString,
      level: isString,
      logger: isString,
      protocolVersion: isString,
      requestState: isString,
      progress: isNumber,
      total: isNumber,
      requestId: isId,
    }),
    ...pick(kind === 'request' ? meta : params, { progressToken: isToken }),
    ...pick(meta, { traceparent: isString, tracestate: isString }),
    ...(isString(version) ? { protocolVersion: version, modern: true } : {}),
    ...(isId(subscriptionId) ? { subscriptionId } : {}),
    ...(member(params, 'inputResponses') === undefined ? {} : { hasInputResponses: true }),
    ...(isObject(member(params, 'task')) ? { wantsTask: true } : {}),
    ...implementation('clientInfo', member(meta, `${MODERN_PREFIX}clientInfo`), member(params, 'clientInfo')),
  };
}

function resultFacts(result: unknown): Json {
  return {
    ...pick(result, {
      isError: (value) => typeof value === 'boolean',
      resultType: isString,
      requestState: isString,
      protocolVersion: isString,
    }),
    ...implementation(
      'serverInfo',
      member(member(result, '_meta'), `${MODERN_PREFIX}serverInfo`),
      member(result, 'serverInfo'),
    ),
  };
}

const malformed = (reason: string): Told => ({ kind: 'malformed', reason });

function oneTold(value: unknown): Told {
  if (!isObject(value)) return malformed('not_an_object');
  const [id, method, result, error] = ['id', 'method', 'result', 'error'].map((key) => member(value, key));
  const jsonrpc = member(value, 'jsonrpc');
  const version = jsonrpc === '2.0' ? {} : { jsonrpc: isString(jsonrpc) ? jsonrpc : null };
  if (isString(method)) {
    if (id === undefined) {
      return {
        kind: 'notification',
        method,
        params: paramFacts(member(value, 'params'), 'notification'),
        ...version,
      };
    }
    if (!isToken(id)) return malformed('bad_id');
    return {
      kind: 'request',
      id,
      method,
      params: paramFacts(member(value, 'params'), 'request'),
      ...version,
    };
  }
  if (result !== undefined) {
    return isToken(id)
      ? { kind: 'result', id, result: resultFacts(result), ...version }
      : malformed('bad_id');
  }
  if (error !== undefined) {
    if (id !== undefined && !isId(id)) return malformed('bad_id');
    const code = member(error, 'code');
    const message = member(error, 'message');
    return {
      kind: 'error',
      id,
      code: Number.isInteger(code) ? code : undefined,
      message: isString(message) ? message : undefined,
      ...version,
    };
  }
  return malformed('not_json_rpc');
}

/** What must be told of the value that a text parses to. */
export function expectedOf(value: unknown): Told {
  if (!Array.isArray(value)) return oneTold(value);
  return value.length === 0 ? malformed('empty_batch') : { kind: 'batch', messages: value.map(oneTold) };
}

/** The text itself, in the forms in which a message hands it on. */
const NOT_TOLD: ReadonlySet<string> = new Set(['sizeBytes', 'json', 'bytes']);

/** What was told, in the same form. */
export function told(message: Message | Batch): Told {
  if (message.kind === 'batch') return { kind: 'batch', messages: message.messages.map(told) };
  return Object.fromEntries(Object.entries(message).filter(([key]) => !NOT_TOLD.has(key)));
}

const FATAL = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The value of a text, or why it has none. */
export function parse(bytes: Uint8Array): { value: unknown } | 'not_utf8' | 'not_json' {
  let text: string;
  try {
    text = FATAL.decode(bytes);
  } catch {
    return 'not_utf8';
  }
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return 'not_json';
  }
}

/** True when only the encoding is at fault: the same bytes as one character each are JSON. */
export function isJsonInLatin1(bytes: Uint8Array): boolean {
  try {
    JSON.parse(Buffer.from(bytes).toString('latin1'));
    return true;
  } catch {
    return false;
  }
}
