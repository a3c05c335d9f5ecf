/**
 * The real SDK clients behind one face: what they were told, what they said, and what their transport saw of it, in order.
 */
import { Client as ModernClient, type Transport as ModernTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport as ModernStdioTransport } from '@modelcontextprotocol/client/stdio';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import {
  CallToolResultSchema,
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { tmpdir } from 'node:os';
import type { Stream } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { onTestFinished } from 'vitest';
import { z } from 'zod';
import { until } from './sidelight.ts';

const MODES = {
  'v2 legacy': 'legacy',
  'v2 auto': 'auto',
  'v2 pinned to 2026-07-28': { pin: '2026-07-28' },
} as const;

export type Sdk = 'v1' | keyof typeof MODES;

export interface CallOptions {
  readonly signal?: AbortSignal;
  readonly timeout?: number;
  readonly onprogress?: () => void;
}

export interface ToolCall {
  readonly name: string;
  readonly arguments?: Record<string, unknown>;
  readonly _meta?: Record<string, unknown>;
}

export interface Message {
  readonly method?: string;
  readonly [member: string]: unknown;
}

/** What both clients can do, in the words of neither. */
export interface Peer {
  readonly sent: readonly Message[];
  readonly received: readonly Message[];
  /** Everything that came on stderr so far. */
  readonly stderr: () => string;
  /** Resolves when nothing more can come on stderr. */
  readonly stderrEnded: Promise<unknown>;
  /** What the client says it has negotiated. */
  readonly negotiated: () => unknown;
  readonly pid: () => number | null;
  readonly call: (call: ToolCall, options?: CallOptions) => Promise<unknown>;
  readonly request: (method: string, params?: Record<string, unknown>) => Promise<unknown>;
  /** A subscriptions/listen of the modern era, until closed. */
  readonly listen: (uri: string) => Promise<{ readonly close: () => Promise<void> }>;
  readonly close: () => Promise<void>;
}

const IDENTITY = { name: 'sidelight-test', version: '1.0.0' };
const CAPABILITIES = { sampling: {}, elicitation: {}, roots: { listChanged: true } };
const MODEL = {
  role: 'assistant' as const,
  model: 'test-model',
  content: { type: 'text' as const, text: 'Forty-two.' },
};
const PERSON = { action: 'accept' as const, content: { name: 'Ada', colour: 'green' } };
const ROOTS = { roots: [{ uri: pathToFileURL(tmpdir()).href, name: 'temporary' }] };

/** Starts the command as the SDK does and connects. Closed with the test. */
export async function connect(
  sdk: Sdk,
  command: readonly string[],
  env: Record<string, string> = {},
): Promise<Peer> {
  const [program = '', ...args] = command;
  const parameters = { command: program, args, env, stderr: 'pipe' as const };
  return sdk === 'v1'
    ? connectV1(new StdioClientTransport(parameters))
    : connectV2(new ModernStdioTransport(parameters), sdk);
}

/** What only a transport with a process of its own has. */
interface OfProcess {
  readonly pid?: number | null;
  readonly stderr?: Stream | null;
}

/** Connects SDK v1 over its own transport. Closed with the test. */
export async function connectV1(transport: Transport & OfProcess): Promise<Peer> {
  const client = new Client(IDENTITY, { capabilities: CAPABILITIES });
  client.setRequestHandler(CreateMessageRequestSchema, () => MODEL);
  client.setRequestHandler(ElicitRequestSchema, () => PERSON);
  client.setRequestHandler(ListRootsRequestSchema, () => ROOTS);
  const seen = observe(transport);
  onTestFinished(() => client.close());
  await client.connect(transport);
  return {
    ...seen,
    negotiated: () => [client.getServerVersion(), client.getServerCapabilities(), client.getInstructions()],
    pid: () => transport.pid ?? null,
    call: (call, options) => client.callTool(call, CallToolResultSchema, options),
    request: (method, params) => client.request({ method, params }, z.looseObject({})),
    listen: () => Promise.reject(new Error('not of this era')),
    close: () => client.close(),
  };
}

/** Connects SDK v2 over its own transport. Closed with the test. */
export async function connectV2(
  transport: ModernTransport & OfProcess,
  sdk: Exclude<Sdk, 'v1'>,
): Promise<Peer> {
  const client = new ModernClient(IDENTITY, {
    capabilities: CAPABILITIES,
    versionNegotiation: { mode: MODES[sdk] },
  });
  client.setRequestHandler('sampling/createMessage', () => MODEL);
  client.setRequestHandler('elicitation/create', () => PERSON);
  client.setRequestHandler('roots/list', () => ROOTS);
  const seen = observe(transport);
  onTestFinished(() => client.close());
  await client.connect(transport);
  return {
    ...seen,
    negotiated: () => [
      client.getNegotiatedProtocolVersion(),
      client.getServerVersion(),
      client.getServerCapabilities(),
      client.getInstructions(),
    ],
    pid: () => transport.pid ?? null,
    call: (call, options) => client.callTool(call, options),
    request: (method, params) => client.request({ method, params }, z.looseObject({})),
    listen: (uri) => client.listen({ resourceSubscriptions: [uri] }),
    close: () => client.close(),
  };
}

interface Observable extends OfProcess {
  send: (message: never, ...options: never[]) => Promise<void>;
  onmessage?: ((message: never, ...extra: never[]) => void) | undefined;
}

/** Listens between the client and its transport; the transport stays the SDK's own. */
function observe(transport: Observable): Pick<Peer, 'sent' | 'received' | 'stderr' | 'stderrEnded'> {
  const sent: Message[] = [];
  const received: Message[] = [];
  const said: Buffer[] = [];
  const send = transport.send.bind(transport);
  transport.send = (message, ...options) => {
    sent.push(message);
    return send(message, ...options);
  };
  let onmessage: Observable['onmessage'];
  Object.defineProperty(transport, 'onmessage', {
    get: () => onmessage,
    set: (handler: Observable['onmessage']) => {
      onmessage =
        handler &&
        ((message, ...extra) => {
          received.push(message);
          handler(message, ...extra);
        });
    },
  });
  const { stderr } = transport;
  const stderrEnded = stderr ? new Promise((resolve) => stderr.once('end', resolve)) : Promise.resolve();
  stderr?.on('data', (chunk: Buffer) => said.push(chunk));
  return { sent, received, stderr: () => Buffer.concat(said).toString(), stderrEnded };
}

/** Resolves when the peer has been told or asked this, so many times. */
export function hears(peer: Peer, method: string, times = 1): Promise<void> {
  return until(
    () => peer.received.filter((message) => message.method === method).length >= times,
    `${method}, ${times} times`,
  );
}

/** Whether the last call of the client is being worked on. */
export function isAt(peer: Peer): boolean {
  const call = peer.sent.findLast(({ method }) => method === 'tools/call');
  const token = (call?.params as { _meta?: { progressToken?: unknown } } | undefined)?._meta?.progressToken;
  return peer.received.some(
    ({ method, params }) =>
      method === 'notifications/progress' && (params as { progressToken: unknown }).progressToken === token,
  );
}

/** How a promise of a client ended, as a value; stacks and causes name files. */
export async function settled(promise: Promise<unknown>): Promise<unknown> {
  try {
    return await promise;
  } catch (error) {
    const { name, message, code, data } = error as Error & { code?: unknown; data?: unknown };
    return { rejected: { name, message, code, data } };
  }
}
