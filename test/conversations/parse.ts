/**
 * Conversations as text: reads what each side says, and what happens around it, into steps. See README.md beside it for
 * the language. It plays nothing; an error names file and line.
 */
import type { EndCause, Evidence, Inferred } from '../../src/event/event.ts';
import { methodInfo } from '../../src/mcp/methods.ts';
import type { ExchangeFacts } from '../../src/track/exchanges.ts';
import { DEFAULT_LIMITS, type TrackerLimits } from '../../src/track/limits.ts';
import type { ExchangeEnding } from '../../src/track/unanswered.ts';
import type { Channel, Direction } from '../../src/wire/chunk.ts';
import type { ExchangeEnd, Failure, RawHeaders } from '../../src/wire/exchange.ts';
import { MODERN_META } from '../track/conversation.ts';

type Json = Readonly<Record<string, unknown>>;

export type Step =
  | {
      readonly is: 'said';
      readonly channel: Direction;
      readonly text: string;
      readonly exchange?: string;
      readonly eventId?: string;
    }
  | { readonly is: 'stray'; readonly text: string }
  | {
      readonly is: 'opened';
      readonly exchange: string;
      readonly facts: Partial<ExchangeFacts>;
      /** Undefined: they are as they should be. */
      readonly headers?: RawHeaders;
    }
  | { readonly is: 'responded'; readonly exchange: string; readonly status: number }
  | { readonly is: 'resumable'; readonly exchange: string }
  | { readonly is: 'over'; readonly exchange: string; readonly ending: Partial<ExchangeEnding> }
  | { readonly is: 'passed'; readonly us: number }
  | { readonly is: 'gap'; readonly channel: Channel; readonly chunks: number; readonly bytes: number }
  | { readonly is: 'exited'; readonly code: number | null; readonly signal: string | null }
  | { readonly is: 'stopped' }
  | { readonly is: 'client_closed' }
  | { readonly is: 'stderr'; readonly text: string }
  | { readonly is: 'recognised'; readonly sessionIdHash: string }
  | { readonly is: 'inferred'; readonly inferred: Inferred }
  | { readonly is: 'ended'; readonly cause: EndCause };

export interface Script {
  readonly title: string;
  /** Revision and page of the specification that it follows. */
  readonly source: string | undefined;
  readonly transport: 'stdio' | 'http';
  readonly configuredName: string | undefined;
  readonly limits: Partial<TrackerLimits>;
  /** Definitions that were trusted before, by the names of their tools; undefined: nobody asks. */
  readonly trusted: ReadonlyMap<string, Json> | undefined;
  readonly steps: readonly Step[];
}

interface Draft {
  title: string;
  source: string | undefined;
  transport: Script['transport'];
  configuredName: string | undefined;
  limits: Record<string, number>;
  trusted: Map<string, Json> | undefined;
  steps: Step[];
}

const CHANNELS = { '>': 'client_to_server', '<': 'server_to_client' } as const;
const CLIENT_CAPABILITIES = 'io.modelcontextprotocol/clientCapabilities';

/** Throws an Error that begins with `file:line: `. */
export function parseConversations(file: string, text: string): readonly Script[] {
  const scripts: Draft[] = [];
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('//')) continue;
    try {
      if (line.startsWith('# ')) scripts.push(draft(line.slice(2)));
      else {
        const script = scripts.at(-1);
        if (script === undefined) throw new Error('no conversation has begun');
        if (line.startsWith(': ')) option(script, line.slice(2));
        else script.steps.push(stepOf(script, line));
      }
    } catch (cause) {
      throw new Error(`${file}:${index + 1}: ${(cause as Error).message}: ${line}`, { cause });
    }
  }
  return scripts;
}

function draft(title: string): Draft {
  return {
    title,
    source: undefined,
    transport: 'stdio',
    configuredName: undefined,
    limits: {},
    trusted: undefined,
    steps: [],
  };
}

function option(script: Draft, line: string): void {
  const [name = '', ...rest] = words(line);
  if (name === 'http') script.transport = 'http';
  else if (name === 'source') script.source = rest.join(' ');
  else if (name === 'name') script.configuredName = rest.join(' ');
  else if (name === 'limits') Object.assign(script.limits, limitsOf(rest));
  else if (name === 'trusted') trust(script, line.slice(name.length + 1));
  else if (name === 'handshake') script.steps.push(...handshake(script, rest));
  else throw new Error('no such option');
}

/** `search {"description":"..."}`, or nothing. */
function trust(script: Draft, line: string): void {
  script.trusted ??= new Map();
  const begins = line.indexOf(' {');
  if (line !== '') script.trusted.set(line.slice(0, begins), JSON.parse(line.slice(begins)) as Json);
}

function limitsOf(pairs: readonly string[]): Partial<TrackerLimits> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const [name = '', value = ''] = pair.split('=');
      if (!Object.hasOwn(DEFAULT_LIMITS, name)) throw new Error(`no limit ${name}`);
      return [name, integer(value)];
    }),
  );
}

/** `2025-11-25 client=sampling,roots server=tools`: what opens a session up to 2025-11-25. */
function handshake({ transport }: Draft, [version = '', ...pairs]: readonly string[]): readonly Step[] {
  const declared = Object.fromEntries(pairs.map((pair) => pair.split('='))) as Record<string, string>;
  const capabilities = (names = '') =>
    Object.fromEntries(
      names
        .split(',')
        .filter(Boolean)
        .map((name) => [name, {}]),
    );
  const asks = requestText('init', 'initialize', {
    protocolVersion: version,
    clientInfo: { name: 'client', version: '1' },
    capabilities: capabilities(declared.client),
  });
  const answers = JSON.stringify({
    jsonrpc: '2.0',
    id: 'init',
    result: {
      protocolVersion: version,
      serverInfo: { name: 'files', version: '3' },
      capabilities: capabilities(declared.server),
    },
  });
  const noted = JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' });
  const said = (channel: Direction, text: string, exchange: string): Step => ({
    is: 'said',
    channel,
    text,
    ...(transport === 'http' && { exchange }),
  });
  const only = (steps: readonly Step[]): readonly Step[] => (transport === 'http' ? steps : []);
  return [
    ...only([{ is: 'opened', exchange: 'init', facts: {} }]),
    said('client_to_server', asks, 'init'),
    ...only([{ is: 'responded', exchange: 'init', status: 200 }]),
    said('server_to_client', answers, 'init'),
    ...only([
      { is: 'over', exchange: 'init', ending: {} },
      { is: 'opened', exchange: 'initialized', facts: {} },
    ]),
    said('client_to_server', noted, 'initialized'),
    ...only([
      { is: 'responded', exchange: 'initialized', status: 202 },
      { is: 'over', exchange: 'initialized', ending: {} },
    ]),
  ];
}

function stepOf({ transport }: Draft, line: string): Step {
  if (line.startsWith('~ ')) return { is: 'passed', us: durationUs(line.slice(2)) };
  if (line.startsWith('! ')) return happening(line.slice(2));
  const on = /^\[(\w+)\] +(.*)$/.exec(line);
  if ((on === null) === (transport === 'http'))
    throw new Error('an exchange is named over HTTP, and only there');
  if (on === null) return saying(line);
  const [, exchange = '', rest = ''] = on;
  const event = /^event (\S+) (.*)$/.exec(rest);
  if (event !== null) {
    const [, eventId = '', said = ''] = event;
    return { ...saying(said), exchange, eventId };
  }
  return rest.startsWith('> ') || rest.startsWith('< ')
    ? { ...saying(rest), exchange }
    : onExchange(exchange, rest);
}

function saying(line: string): Extract<Step, { is: 'said' }> {
  const sign = line.slice(0, 2);
  if (sign !== '> ' && sign !== '< ') throw new Error('nobody says it');
  return { is: 'said', channel: CHANNELS[sign[0] as '>' | '<'], text: messageText(line.slice(2)) };
}

/** `raw ...`, `notify METHOD {}`, `ID ok {}`, `ID error CODE text {}`, `ID METHOD [TARGET] [modern[+CAPABILITIES]] {}`. */
function messageText(line: string): string {
  const filled = line.replace(/\((.)\*(\d+)\)/g, (_, char: string, times: string) =>
    char.repeat(Number(times)),
  );
  if (filled.startsWith('raw ')) return filled.slice('raw '.length);
  const begins = filled.search(/(?<= )\{/);
  const head = words(begins < 0 ? filled : filled.slice(0, begins));
  const json = begins < 0 ? undefined : (JSON.parse(filled.slice(begins)) as Json);
  const [first = '', second = '', ...rest] = head;
  if (first === 'notify') {
    if (rest.length > 0) throw new Error(`what is ${rest.join(' ')}`);
    return JSON.stringify({ jsonrpc: '2.0', method: second, params: json });
  }
  const id = first === '-' ? undefined : (JSON.parse(first) as unknown);
  if (second === 'ok') return JSON.stringify({ jsonrpc: '2.0', id, result: json ?? {} });
  if (second === 'error') {
    const [code = '', ...message] = rest;
    const error = { code: integer(code), message: message.join(' '), ...(json && { data: json }) };
    return JSON.stringify({ jsonrpc: '2.0', id, error });
  }
  if (second === '') throw new Error('no method');
  return requestText(id, second, withWords(second, rest, json));
}

function requestText(id: unknown, method: string, params: Json | undefined): string {
  return JSON.stringify({ jsonrpc: '2.0', id, method, params });
}

/** The target under the name that it has for the method, and the metadata of 2026-07-28. */
function withWords(method: string, rest: readonly string[], json: Json | undefined): Json | undefined {
  const last = /^modern(?:\+(.*))?$/.exec(rest.at(-1) ?? '');
  const [target, ...more] = last === null ? rest : rest.slice(0, -1);
  if (more.length > 0) throw new Error(`what is ${more.join(' ')}`);
  const kind = methodInfo(method)?.targetKind;
  if (target !== undefined && kind === undefined) throw new Error(`${method} has no target`);
  const named = target === undefined ? {} : { [kind === 'resource' ? 'uri' : 'name']: target };
  if (last === null) return target === undefined ? json : { ...named, ...json };
  const declared = last[1]?.split(',').map((name) => [name, {}]);
  const meta = {
    ...MODERN_META,
    ...(declared && { [CLIENT_CAPABILITIES]: Object.fromEntries(declared) as Json }),
  };
  return { ...named, ...json, _meta: { ...meta, ...(json?._meta as Json | undefined) } };
}

function onExchange(exchange: string, line: string): Step {
  const [first = '', ...rest] = words(line);
  if (/^\d{3}$/.test(first)) return { is: 'responded', exchange, status: Number(first) };
  if (first === 'resumable') return { is: 'resumable', exchange };
  if (first === 'end') return { is: 'over', exchange, ending: endingOf(rest) };
  if (/^[A-Z]+$/.test(first)) {
    const headers = rest.filter(isHeader).flatMap((word) => splitAt(word, '='));
    const facts = factsOf(
      first,
      rest.filter((word) => !isHeader(word)),
    );
    return { is: 'opened', exchange, facts, ...(headers.length > 0 && { headers }) };
  }
  throw new Error('no such thing happens on an exchange');
}

const ENDS: readonly ExchangeEnd[] = ['complete', 'client_gone', 'server_gone', 'stopped'];

/** `end client_gone lost failure=refused`. */
function endingOf([end = 'complete', ...rest]: readonly string[]): Partial<ExchangeEnding> {
  const known = ENDS.find((word) => word === end);
  if (known === undefined) throw new Error(`no end ${end}`);
  const failure = rest.find((word) => word.startsWith('failure='))?.slice('failure='.length);
  return {
    end: known,
    lost: rest.includes('lost'),
    ...(failure !== undefined && { failure: failure as Failure }),
  };
}

/** `POST session resumes sse traceparent=... port=50001 address=192.0.2.8`. */
function factsOf(method: string, rest: readonly string[]): Partial<ExchangeFacts> {
  const facts: { -readonly [K in keyof ExchangeFacts]?: ExchangeFacts[K] } = { method };
  for (const word of rest) {
    const [name = '', value = ''] = word.split('=');
    if (name === 'session') facts.hasSessionId = true;
    else if (name === 'resumes') facts.resumes = true;
    else if (name === 'sse') facts.legacySse = true;
    else if (name === 'traceparent') facts.traceparent = value;
    else if (name === 'port') facts.clientPort = integer(value);
    else if (name === 'address') facts.clientAddress = value;
    else throw new Error(`what is ${word}`);
  }
  return facts;
}

/** `Mcp-Method=tools/list`, and `Accept=...` for one that has none of MCP's. */
function isHeader(word: string): boolean {
  return /^(?:Mcp-|MCP-|Accept)[\w-]*=/.test(word);
}

function splitAt(word: string, separator: string): readonly [string, string] {
  const at = word.indexOf(separator);
  return [word.slice(0, at), word.slice(at + separator.length)];
}

type Happening = (rest: readonly string[], text: string) => Step;

const HAPPENINGS: Readonly<Record<string, Happening>> = {
  gap: ([channel = '', chunks = '', bytes = '']) => {
    if (channel !== 'client_to_server' && channel !== 'server_to_client' && channel !== 'stderr')
      throw new Error(`no channel ${channel}`);
    return { is: 'gap', channel, chunks: integer(chunks), bytes: integer(bytes) };
  },
  exit: ([how = '']) =>
    /^SIG[A-Z]+$/.test(how)
      ? { is: 'exited', code: null, signal: how }
      : { is: 'exited', code: integer(how), signal: null },
  stop: () => ({ is: 'stopped' }),
  close: () => ({ is: 'client_closed' }),
  stderr: (_rest, text) => ({ is: 'stderr', text }),
  stray: (_rest, text) => ({ is: 'stray', text }),
  'session-id': ([sessionIdHash = '']) => ({ is: 'recognised', sessionIdHash }),
  inferred: ([evidence = '', confidence = '']) => ({
    is: 'inferred',
    inferred: {
      evidence: evidence.split(',') as Evidence[],
      confidence: confidence as Inferred['confidence'],
    },
  }),
  end: ([cause = '']) => ({ is: 'ended', cause: cause as EndCause }),
};

function happening(line: string): Step {
  const [name = '', ...rest] = words(line);
  const make = Object.hasOwn(HAPPENINGS, name) ? HAPPENINGS[name] : undefined;
  if (make === undefined) throw new Error('no such thing happens');
  return make(rest, line.slice(name.length + 1));
}

const UNITS_US: Readonly<Record<string, number>> = { us: 1, ms: 1000, s: 1e6, min: 60e6, h: 3600e6 };

function durationUs(text: string): number {
  const [, count = '', unit = ''] = /^(\d+)(\w+)$/.exec(text) ?? [];
  const us = UNITS_US[unit];
  if (us === undefined) throw new Error('no such time');
  return Number(count) * us;
}

function integer(text: string): number {
  if (!/^-?\d+$/.test(text)) throw new Error(`${text} is no integer`);
  return Number(text);
}

function words(line: string): readonly string[] {
  return line.split(/ +/).filter(Boolean);
}
