/** Two orgs behind one API, and everything that somebody of the one could try to see what the other recorded: for any store. */
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { TOOLS } from '../../src/api/mcp/tools.ts';
import { type Route, type RouteName, ROUTES } from '../../src/api/routes.ts';
import { type Role, ROLES } from '../../src/config/access.ts';
import type { McpEvent } from '../../src/event/event.ts';
import { connectV2 } from '../e2e/peers.ts';
import { until } from '../e2e/sidelight.ts';
import { type Said, stdioEvents } from './recordings.ts';

export type Who = 'reader' | 'replayer' | 'admin' | 'otherAdmin';

export interface Orgs {
  /** Of each node; one is enough. */
  readonly urls: readonly string[];
  readonly tokens: Readonly<Record<Who, string>>;
  /** What the nodes wrote down, a line each. */
  readonly audited: () => readonly Readonly<Record<string, string>>[];
}

export const ORG = 'alpha';
export const OTHER_ORG = 'beta';
export const OWN_ID = '01977420-dc00-7000-8000-00000000aaaa';
export const OTHER_ID = '0197b0b0-eeee-7bbb-9bbb-bbbbbbbbbbbb';
/** In everything that the other org recorded, and nowhere else. */
const MARK = 'zebrafish';

export function eventsOf(id: string, word: string): readonly McpEvent[] {
  const request = (number: number, method: string, params: object): object => ({
    jsonrpc: '2.0',
    id: number,
    method,
    params,
  });
  const result = (number: number, value: object): object => ({ jsonrpc: '2.0', id: number, result: value });
  const said: readonly Said[] = [
    ['lifecycle', { fact: 'server_started', pid: 4242 }],
    ['stderr', `${word} is up`],
    [
      'client_to_server',
      request(1, 'initialize', {
        protocolVersion: '2025-11-25',
        capabilities: {},
        clientInfo: { name: `${word} client`, version: '1' },
      }),
    ],
    [
      'server_to_client',
      result(1, {
        protocolVersion: '2025-11-25',
        capabilities: { tools: {} },
        serverInfo: { name: `${word} server`, version: '2' },
      }),
    ],
    ['client_to_server', { jsonrpc: '2.0', method: 'notifications/initialized' }],
    ['client_to_server', request(2, 'tools/list', {})],
    [
      'server_to_client',
      result(2, {
        tools: [
          { name: `${word}_tool`, inputSchema: { type: 'object' }, annotations: { readOnlyHint: true } },
        ],
      }),
    ],
    ['client_to_server', request(3, 'tools/call', { name: `${word}_tool`, arguments: { text: word } })],
    ['server_to_client', result(3, { isError: true, content: [{ type: 'text', text: `${word} said no` }] })],
    ['lifecycle', { fact: 'server_exited', code: 3, signal: null }],
  ];
  return stdioEvents(id, said);
}

export const OWN_EVENTS = (): readonly McpEvent[] => eventsOf(OWN_ID, 'wombat');
export const OTHER_EVENTS = (): readonly McpEvent[] => eventsOf(OTHER_ID, MARK);

/** What leads to the other's session, and what may lead to it. */
const GUESSES = [
  OTHER_ID,
  OTHER_ID.toUpperCase(),
  OTHER_ID.slice(0, 8),
  OTHER_ID.slice(-12),
  '0197b',
  'b',
  '%',
  '_'.repeat(36),
  `' OR 1=1 --`,
];
/** What gives everything of the other, if it gives anything. */
const FILTERS = [
  '',
  `"${MARK}"`,
  `tool:${MARK}_tool`,
  `server:"${MARK} server"`,
  `client:${MARK}*`,
  `id:${OTHER_ID}`,
  'is:failed',
  `not tool:wombat_tool`,
  `is:failed or not is:failed`,
  `tool:"' OR org = '${OTHER_ORG}' OR '"`,
  `"') OR 1=1 --"`,
];
/** The beginning, as stores of each kind have it, and what is none. */
const BEGINNINGS = ['0.0', '0.0.0.0'];
const CURSORS = [...BEGINNINGS, '0', '1.1', '1750000000000000.1', '0.0.0', '99999999999999999.1'];
const BODIES: Partial<Readonly<Record<RouteName, (id: string) => object>>> = {
  note: () => ({ text: 'mine' }),
  plan: () => ({}),
  case: () => ({}),
  startReplay: (id) => ({ session: id, target: 'any' }),
  moveReplay: () => ({ move: 'cancel' }),
};
const isOfOther = (text: string): boolean =>
  text.toLowerCase().includes(MARK) || text.toLowerCase().includes(OTHER_ID);

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** The first event of a stream is enough of it. */
async function ask(orgs: Orgs, who: Who, method: string, path: string, body?: object): Promise<Answer> {
  const stop = new AbortController();
  const response = await fetch(`${orgs.urls[0] ?? ''}${path}`, {
    method,
    signal: stop.signal,
    headers: {
      authorization: `Bearer ${orgs.tokens[who]}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  if (response.headers.get('content-type') !== 'text/event-stream')
    return { status: response.status, text: await response.text() };
  let text = '';
  for await (const piece of response.body ?? []) {
    text += Buffer.from(piece).toString();
    if (text.includes('data: ')) break;
  }
  stop.abort();
  return { status: response.status, text };
}

const NAMES = Object.keys(ROUTES) as RouteName[];

/** The ways to ask a route for what a guess means: in its path, its query and its body. */
function waysTo(name: RouteName, guess: string): { path: string; body: object | undefined }[] {
  const { path, query, body }: Route = ROUTES[name];
  const filled = path.replace(/\{(\w+)\}/g, (_, place: string) =>
    place === 'session' || place === 'replay' || place === 'mock' ? encodeURIComponent(guess) : '2',
  );
  const keys = Object.keys(query);
  const named = keys.filter((key) => key === 'before' || (key === 'after' && keys.includes('before')));
  const base = named.map((key) => `${key}=${encodeURIComponent(guess)}`).join('&');
  const varied = (key: string, values: readonly string[]): string[] =>
    keys.includes(key) ? values.map((value) => `${key}=${encodeURIComponent(value)}`) : [];
  const queries = [base, ...varied('filter', FILTERS), ...varied('cursor', CURSORS)];
  const sent = body === undefined ? undefined : (BODIES[name]?.(guess) ?? { session: guess });
  return queries.map((one) => ({ path: `/api/v1${filled}?${one}`, body: sent }));
}

const takesSession = (name: RouteName): boolean =>
  ROUTES[name].path.includes('{session}') || 'before' in ROUTES[name].query;

/** What of the other each role could see, whatever the store is; an admin sees what all others see. */
export function isolates(opened: () => Orgs, roles: readonly Role[] = ROLES): void {
  describe.each(roles)('a %s of one org', (who) => {
    it.each(NAMES)('sees nothing of another by %s, whatever is asked', async (name) => {
      const { method } = ROUTES[name];
      const guesses = takesSession(name) ? GUESSES : [OTHER_ID];
      for (const guess of guesses)
        for (const { path, body } of waysTo(name, guess)) {
          const { status, text } = await ask(opened(), who, method.toUpperCase(), path, body);
          // What was asked for may be said back, and is no news.
          const told = text.replaceAll(guess, '').replaceAll(JSON.stringify(guess).slice(1, -1), '');
          expect(isOfOther(told.toLowerCase().replaceAll(guess.toLowerCase(), '')), `${path}: ${text}`).toBe(
            false,
          );
          expect(status, `${path}: ${text}`).not.toBe(500);
          if (takesSession(name)) expect([400, 403, 404, 501], `${path}: ${text}`).toContain(status);
        }
    });
  });

  it('finds everything of its own by the same ways: they lead somewhere', async () => {
    const seen = new Set<RouteName>();
    for (const name of NAMES) {
      const { method, role }: Route = ROUTES[name];
      if (method !== 'get' || role === 'admin') continue;
      for (const { path } of waysTo(name, OTHER_ID)) {
        const { text } = await ask(opened(), 'otherAdmin', 'GET', path);
        if (isOfOther(text)) seen.add(name);
      }
    }
    expect([...seen]).toEqual(
      expect.arrayContaining<RouteName>([
        ...([
          'sessions',
          'session',
          'sessionOperations',
          'operation',
          'frames',
          'frame',
          'frameBytes',
        ] as const),
        ...(['explain', 'check', 'export', 'operations', 'search', 'stats', 'diff'] as const),
      ]),
    );
  });

  it('sees nothing of another by the tools and the resources of the MCP server', async () => {
    const { urls, tokens } = opened();
    const at = new URL(`${urls[0] ?? ''}/mcp`);
    const peerOf = (who: Who) =>
      connectV2(
        new StreamableHTTPClientTransport(at, {
          requestInit: { headers: { authorization: `Bearer ${tokens[who]}` } },
        }),
        'v2 auto',
      );
    const [mine, theirs] = [await peerOf('admin'), await peerOf('otherAdmin')];
    const inputs = (id: string): Partial<Readonly<Record<keyof typeof TOOLS, readonly object[]>>> => ({
      list_sessions: FILTERS.map((filter) => ({ filter })),
      search: FILTERS.map((filter) => ({ filter })),
      read_session: [{ session: id }],
      explain_session: [{ session: id }],
      read_frame: [{ session: id, frame: 3 }],
      diff_sessions: [
        { before: id, after: id },
        { before: 'last', after: id },
      ],
      plan_replay: [{ session: id }],
      run_replay: [{ session: id, target: 'any' }],
    });
    const seen = new Set<string>();
    for (const tool of Object.keys(TOOLS) as (keyof typeof TOOLS)[]) {
      expect(inputs(''), `${tool} is tried`).toHaveProperty(tool);
      const isFiltered = tool === 'list_sessions' || tool === 'search';
      for (const guess of isFiltered ? [''] : GUESSES.slice(0, 5))
        for (const input of inputs(guess)[tool] ?? []) {
          const said = JSON.stringify(await mine.call({ name: tool, arguments: { ...input } }));
          expect(
            isOfOther(guess === '' ? said : said.replaceAll(guess, '')),
            `${tool} ${JSON.stringify(input)}`,
          ).toBe(false);
        }
      for (const input of inputs(OTHER_ID)[tool] ?? [])
        if (isOfOther(JSON.stringify(await theirs.call({ name: tool, arguments: { ...input } }))))
          seen.add(tool);
    }
    expect(seen.size).toBeGreaterThanOrEqual(6);
    await Promise.all([mine.close(), theirs.close()]);
  });

  it('is told of nothing of another as it happens, from any place and by any filter', async () => {
    const { urls, tokens } = opened();
    const messages: string[] = [];
    const sockets = ['', ...CURSORS.map((cursor) => `?cursor=${cursor}`)].map((query) => {
      const socket = new WebSocket(`${(urls[0] ?? '').replace('http', 'ws')}/api/v1/live${query}`, [
        'sidelight',
        `token.${tokens.reader}`,
      ]);
      socket.on('message', (data: Buffer) => messages.push(data.toString()));
      socket.on('error', () => undefined);
      return socket;
    });
    await until(() => messages.filter((text) => text.includes('hello')).length >= 4, 'greetings');
    for (const [index, socket] of sockets.entries())
      for (const filter of FILTERS)
        if (socket.readyState === socket.OPEN)
          socket.send(JSON.stringify({ type: 'subscribe', filter, cursor: BEGINNINGS[index % 2] }));
    await until(() => messages.some((text) => text.includes(OWN_ID)), 'what is its own');
    for (const socket of sockets) socket.terminate();
    expect(messages.filter(isOfOther)).toEqual([]);
  });
}
