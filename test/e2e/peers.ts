/**
 * The real SDK clients over stdio, behind one face: what they were told, what they said, and what their transport saw of
 * it, in order.
 */
import { Client as ModernClient, type ClientOptions } from '@modelcontextprotocol/client';
import { StdioClientTransport as ModernTransport } from '@modelcontextprotocol/client/stdio';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
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
  return sdk === 'v1' ? connectV1(parameters) : connectV2(parameters, MODES[sdk]);
}

type Parameters = ConstructorParameters<typeof StdioClientTransport>[0];

async function connectV1(parameters: Parameters): Promise<Peer> {
  const transport = new StdioClientTransport(parameters);
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
    pid: () => transport.pid,
    call: (call, options) => client.callTool(call, CallToolResultSchema, options),
    request: (method, params) => client.request({ method, params }, z.looseObject({})),
    listen: () => Promise.reject(new Error('not of this era')),
    close: () => client.close(),
  };
}

async function connectV2(
  parameters: Parameters,
  mode: NonNullable<ClientOptions['versionNegotiation']>['mode'],
): Promise<Peer> {
  const transport = new ModernTransport(parameters);
  const client = new ModernClient(IDENTITY, {
    capabilities: CAPABILITIES,
    versionNegotiation: { ...(mode !== undefined && { mode }) },
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
    pid: () => transport.pid,
    call: (call, options) => client.callTool(call, options),
    request: (method, params) => client.request({ method, params }, z.looseObject({})),
    listen: (uri) => client.listen({ resourceSubscriptions: [uri] }),
    close: () => client.close(),
  };
}

interface Observable {
  send: (message: never) => Promise<void>;
  onmessage?: ((message: never) => void) | undefined;
  readonly stderr: Stream | null;
}

/** Listens between the client and its transport; the transport stays the SDK's own. */
function observe(transport: Observable): Pick<Peer, 'sent' | 'received' | 'stderr' | 'stderrEnded'> {
  const sent: Message[] = [];
  const received: Message[] = [];
  const said: Buffer[] = [];
  const send = transport.send.bind(transport);
  transport.send = (message) => {
    sent.push(message);
    return send(message);
  };
  let onmessage: Observable['onmessage'];
  Object.defineProperty(transport, 'onmessage', {
    get: () => onmessage,
    set: (handler: Observable['onmessage']) => {
      onmessage =
        handler &&
        ((message) => {
          received.push(message);
          handler(message);
        });
    },
  });
  const stderrEnded = new Promise((resolve) => transport.stderr?.once('end', resolve));
  transport.stderr?.on('data', (chunk: Buffer) => said.push(chunk));
  return { sent, received, stderr: () => Buffer.concat(said).toString(), stderrEnded };
}

/** Resolves when the peer has been told or asked this, so many times. */
export function hears(peer: Peer, method: string, times = 1): Promise<void> {
  return until(
    () => peer.received.filter((message) => message.method === method).length >= times,
    `${method}, ${times} times`,
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
