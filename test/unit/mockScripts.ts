/** Scripts of conversations that were recorded as the program records them, and a client that hears what a mock says to it. */
import { setTimeout as delay } from 'node:timers/promises';
import { Coverage } from '../../src/replay/mock/coverage.ts';
import { Faults, type FaultRule } from '../../src/replay/mock/fault.ts';
import { Matcher, type Strategy } from '../../src/replay/mock/match.ts';
import { Player } from '../../src/replay/mock/player.ts';
import { scriptOf } from '../../src/replay/mock/scriptOf.ts';
import type { Script } from '../../src/replay/mock/script.ts';
import type { Json } from '../../src/replay/scenario.ts';
import {
  folder,
  HTTP_ID,
  httpEvents,
  reading,
  type Said,
  sourceOf,
  STDIO_ID,
  stdioEvents,
  stored,
} from './recordings.ts';

export const client = (message: object): Said => ['client_to_server', { jsonrpc: '2.0', ...message }];
export const server = (message: object): Said => ['server_to_client', { jsonrpc: '2.0', ...message }];

export const asks = (id: number | string, method: string, params: object = {}): Said =>
  client({ id, method, params });
export const answers = (id: number | string, result: object): Said => server({ id, result });

/** A call of a tool and its text. */
export const called = (id: number, name: string, args: object, text: string): Said[] => [
  asks(id, 'tools/call', { name, arguments: args }),
  answers(id, { content: [{ type: 'text', text }] }),
];

export const HANDSHAKE: readonly Said[] = [
  asks(0, 'initialize', {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'client', version: '1' },
  }),
  answers(0, {
    protocolVersion: '2025-11-25',
    capabilities: { tools: {} },
    serverInfo: { name: 'server', version: '1' },
  }),
  client({ method: 'notifications/initialized' }),
];

export async function script(
  said: readonly Said[],
  options: { maxBodyBytes?: number } = {},
): Promise<Script> {
  const dir = folder();
  await stored(dir, stdioEvents(STDIO_ID, said, options));
  return reading(dir, (reader) => scriptOf(sourceOf(reader, STDIO_ID)));
}

/** Of a message that should have come. */
const DEADLINE_MS = 5000;

/** A session over HTTP, in which a call is answered with a 502 and another with half an answer. */
export async function httpScript(): Promise<Script> {
  const dir = folder();
  await stored(dir, httpEvents());
  return reading(dir, (reader) => scriptOf(sourceOf(reader, HTTP_ID)));
}

export interface Mock {
  /** Says something; resolves to so many messages that came after it, one unless told otherwise. */
  readonly say: (message: object, heard?: number) => Promise<readonly Json[]>;
  readonly call: (
    id: unknown,
    name: string,
    args?: object,
    more?: { heard?: number; meta?: object },
  ) => Promise<readonly Json[]>;
  /** Resolves when everything that is under way was said. */
  readonly finish: () => Promise<void>;
  /** Not parsed. */
  readonly lines: readonly string[];
  readonly reported: readonly string[];
  readonly coverage: Coverage;
  readonly exits: readonly unknown[];
}

export function play(
  played: Script,
  options: {
    strategy?: Strategy;
    repeatLast?: boolean;
    rules?: readonly FaultRule[];
    seed?: number;
    crash?: boolean;
    http?: boolean;
  } = {},
): Mock {
  const lines: string[] = [];
  const reported: string[] = [];
  const exits: unknown[] = [];
  const coverage = new Coverage(played);
  const channel = {
    gone: new AbortController().signal,
    say: (text: string) => void lines.push(text),
    answer: (text: string) => void lines.push(text),
    hangUp: () => void lines.push('hung up'),
    http:
      options.http === true
        ? (status: number, _: string, body: string) => void lines.push(`${status} ${body}`)
        : undefined,
  };
  const { strategy = 'queue', repeatLast = false, rules = [], seed = 1, crash = false } = options;
  const player = new Player({
    script: played,
    matcher: new Matcher(played.cues, { strategy, repeatLast }),
    faults: new Faults(rules, seed),
    coverage,
    speed: Infinity,
    session: channel,
    report: (line) => void reported.push(line),
    process: {
      stderr: (text) => void lines.push(`stderr ${text}`),
      stray: undefined,
      exit: crash ? (code, signal) => void exits.push({ code, signal }) : undefined,
    },
  });
  const say = async (message: object, heard = 1): Promise<readonly Json[]> => {
    const before = lines.length;
    player.heard({ jsonrpc: '2.0', ...message }, channel);
    const end = performance.now() + DEADLINE_MS;
    while (lines.length < before + heard && performance.now() < end) await delay(1);
    return lines.slice(before).map((line) => JSON.parse(line) as Json);
  };
  return {
    say,
    call: (id, name, args = {}, { heard = 1, meta } = {}) =>
      say(
        { id, method: 'tools/call', params: { name, arguments: args, ...(meta && { _meta: meta }) } },
        heard,
      ),
    finish: () => player.finish(),
    ...{ lines, reported, coverage, exits },
  };
}
