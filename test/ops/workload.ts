/** Two sidecars in front of servers that fail in every way, one on stdio and one over HTTP, and the calls that make them. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { freePort, startListening } from '../e2e/listening.ts';
import { server, SIDELIGHT, until } from '../e2e/sidelight.ts';

interface Message {
  readonly id?: number | string;
  readonly method?: string;
}

/** How often each kind of call is made. */
export const COUNTS = {
  read: 40,
  write: 12,
  crunch: 20,
  slow: 6,
  big: 3,
  stray: 6,
  ask: 4,
  'made-up': 8,
} as const;
export const CANCELLED = 5;
export const TIMED_OUT = 3;
export const FORMS = 6;
export const MISMATCHES = 4;

export const STDIO_SERVER = 'files';
export const HTTP_SERVER = 'forms';

export interface Workload {
  /** Host and port of /metrics of both, stdio first. */
  readonly admins: readonly [string, string];
  /** Every kind of thing once, so that each has its series. */
  readonly once: () => Promise<void>;
  /** As often as the numbers above say. */
  readonly counted: () => Promise<void>;
  /** The server on HTTP goes away; what is asked of it from now on gets nowhere. */
  readonly unreachable: () => Promise<void>;
  /** What makes alerts fire, a little of it. */
  readonly trouble: () => Promise<void>;
  /** The sidecar over HTTP goes away. */
  readonly absent: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

export async function startWorkload(): Promise<Workload> {
  const dataDir = mkdtempSync(join(tmpdir(), 'sidelight-ops-'));
  const admins = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`] as const;
  // Nobody listens there.
  const nowhere = `http://127.0.0.1:${await freePort()}`;
  const stdio = startStdio(dataDir, admins[0], nowhere);
  const upstream = await startListening([server('operated.mjs'), 'http']);
  const target = `http://127.0.0.1:${upstream.port}`;
  const httpArgs = [
    '--target',
    target,
    '--listen',
    '127.0.0.1:0',
    '--name',
    HTTP_SERVER,
    '--admin',
    admins[1],
  ];
  const proxy = await startListening([SIDELIGHT, 'http', ...httpArgs, '--data-dir', dataDir]);
  const http = httpClient(`http://127.0.0.1:${proxy.port}/mcp`);

  const clientInfo = { name: 'operator', version: '1.2.3' };
  await stdio.ask('initialize', {
    protocolVersion: '2025-11-25',
    capabilities: { elicitation: {} },
    clientInfo,
  });
  await stdio.ask('tools/list', {});

  const rounds = async (counts: Readonly<Record<string, number>>): Promise<void> => {
    for (const [name, count] of Object.entries(counts))
      for (let made = 0; made < count; made += 1) await stdio.ask('tools/call', { name, arguments: {} });
  };
  const cancels = (count: number, reason: string): Promise<void> =>
    repeated(count, () => stdio.cancel(reason));
  const mismatch = (): Promise<void> => http.call('read', { name: 'write' });
  return {
    admins,
    once: async () => {
      await rounds(Object.fromEntries(Object.keys(COUNTS).map((name) => [name, 1])));
      await cancels(1, 'changed my mind');
      await cancels(1, 'Request timed out');
      await stdio.ask('no/such', {});
      void stdio.ask('tools/call', { name: 'hang', arguments: {} });
      await http.form();
      await mismatch();
      await http.stream();
    },
    counted: async () => {
      await rounds(COUNTS);
      await cancels(CANCELLED, 'changed my mind');
      await cancels(TIMED_OUT, 'Request timed out');
      await repeated(FORMS, () => http.form());
      await repeated(MISMATCHES, mismatch);
    },
    unreachable: () => upstream.stop(),
    trouble: async () => {
      await rounds({ write: 2, crunch: 3, stray: 1, 'made-up': 5 });
      // A connection to the sidecar ends with that to the server, and in the end there is no sidecar.
      await repeated(3, mismatch).catch(() => undefined);
    },
    absent: () => proxy.stop(),
    stop: async () => {
      await stdio.stop();
      await proxy.stop();
      await upstream.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

async function repeated(count: number, make: () => Promise<void>): Promise<void> {
  for (let made = 0; made < count; made += 1) await make();
}

function startStdio(dataDir: string, admin: string, nowhere: string) {
  const flags = ['--name', STDIO_SERVER, '--admin', admin, '--otlp-endpoint', nowhere, '--data-dir', dataDir];
  const command = [process.execPath, server('operated.mjs')];
  const child = spawn(process.execPath, [SIDELIGHT, 'run', '--otlp-metrics', ...flags, '--', ...command], {
    stdio: ['pipe', 'pipe', 'ignore'],
    // Spans are given up soon.
    env: { ...process.env, OTEL_EXPORTER_OTLP_TIMEOUT: '2000' },
  });
  const answers = new Map<number | string, (answer: Message) => void>();
  let nextId = 1;
  const send = (message: object): void => {
    child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  };
  createInterface({ input: child.stdout }).on('line', (line) => {
    // A line for the programmer.
    if (!line.startsWith('{')) return;
    const message = JSON.parse(line) as Message;
    if (message.method === 'elicitation/create') send({ id: message.id, result: { action: 'decline' } });
    else answers.get(message.id ?? '')?.(message);
  });
  const ask = (method: string, params: object, id = nextId++): Promise<Message> =>
    new Promise((resolve) => {
      answers.set(id, resolve);
      send({ id, method, params });
    });
  return {
    ask,
    /** Calls, gives up, and waits for the answer that nobody wants any more. */
    cancel: async (reason: string): Promise<void> => {
      const requestId = nextId++;
      const late = ask('tools/call', { name: 'wait', arguments: {} }, requestId);
      send({ method: 'notifications/cancelled', params: { requestId, reason } });
      await late;
    },
    stop: async (): Promise<void> => {
      const closed = once(child, 'close');
      child.stdin.end();
      const force = setTimeout(() => child.kill('SIGKILL'), 5_000);
      await closed;
      clearTimeout(force);
    },
  };
}

/** A client of 2026-07-28, and a stream as the revisions before had it. */
function httpClient(url: string) {
  let nextId = 1;
  const meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': { name: 'operator', version: '1.2.3' },
    'io.modelcontextprotocol/clientCapabilities': { elicitation: { form: {} } },
  };
  const call = async (
    name: string,
    { more = {}, name: header = name }: { readonly more?: object; readonly name?: string } = {},
  ): Promise<void> => {
    const params = { name, arguments: {}, _meta: meta, ...more };
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': '2026-07-28',
        'mcp-method': 'tools/call',
        'mcp-name': header,
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: nextId++, method: 'tools/call', params }),
    });
    await response.text();
  };
  return {
    call,
    form: async (): Promise<void> => {
      await call('form');
      const inputResponses = { name: { action: 'accept', content: {} } };
      await call('form', { more: { inputResponses, requestState: 'state-1' } });
    },
    stream: async (): Promise<void> => {
      const response = await fetch(url, { headers: { accept: 'text/event-stream' } });
      await response.text();
    },
  };
}

/** Polls the page itself, which knows before Prometheus does. */
export async function scraped(
  admin: string,
  condition: (page: string) => boolean,
  what: string,
): Promise<void> {
  await until(async () => condition(await (await fetch(`http://${admin}/metrics`)).text()), what);
}
