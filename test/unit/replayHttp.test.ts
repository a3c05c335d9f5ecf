/** What a replay says over HTTP: the headers of 2026-07-28, from the definitions of the server that it is run against. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { readCase } from '../../src/replay/case.ts';
import { planOf } from '../../src/replay/plan.ts';
import { run } from '../../src/replay/run.ts';
import { connect } from '../../src/replay/target.ts';
import { MODERN_META } from '../track/conversation.ts';

type Heard = Readonly<Record<string, unknown>>;

/** Answers everything, and notes the headers of MCP that came with it. */
async function listening(result: (method: string) => object): Promise<{ url: URL; heard: Heard[] }> {
  const heard: Heard[] = [];
  const server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      const own = Object.entries(req.headers).filter(([name]) => name.startsWith('mcp-'));
      heard.push(Object.fromEntries(own));
      if (chunks.length === 0) return res.writeHead(405).end();
      const { id, method } = JSON.parse(Buffer.concat(chunks).toString()) as { id?: number; method: string };
      if (id === undefined) return res.writeHead(202).end();
      res.writeHead(200, { 'content-type': 'application/json', 'mcp-session-id': 'made-anew' });
      return res.end(JSON.stringify({ jsonrpc: '2.0', id, result: result(method) }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`), heard };
}

const TOOL = {
  name: 'query',
  inputSchema: { type: 'object', properties: { region: { type: 'string', 'x-mcp-header': 'Region' } } },
};

async function replayed(era: 'legacy' | 'modern'): Promise<readonly Heard[]> {
  const { url, heard } = await listening((method) =>
    method === 'tools/list' ? { tools: [TOOL] } : { content: [], protocolVersion: '2025-11-25' },
  );
  const meta = era === 'modern' ? { _meta: MODERN_META } : {};
  const one = readCase({
    ...{ sidelight: 'case', version: 1, name: 'c', era },
    protocolVersion: era === 'modern' ? '2026-07-28' : '2025-11-25',
    client: { name: 'c', version: '1', capabilities: {} },
    steps: [
      { method: 'tools/list', params: meta },
      {
        method: 'tools/call',
        target: 'query',
        after: [0],
        params: { name: 'query', arguments: { region: 'eu west' }, ...meta },
      },
      { method: 'resources/read', target: 'note://ü', after: [1], params: { uri: 'note://ü', ...meta } },
    ],
  });
  if ('problem' in one) throw new Error(one.problem);
  const options = {
    allow: new Set(['query']),
    allowAll: false,
    secrets: new Map(),
    fixed: [],
    noBind: new Set<string>(),
  };
  const { scenario } = one;
  await run({
    plan: planOf(scenario, options),
    connect: (events) =>
      connect({ server: { url, headers: {} }, scenario, env: {}, recording: undefined }, events),
    ...{ speed: Infinity, maxGapMs: 0, deadlineMs: 10_000, askPolicy: 'decline' },
    signal: new AbortController().signal,
  });
  return heard;
}

test('each request of 2026-07-28 has its method, its name and its declared parameters as headers', async () => {
  expect(await replayed('modern')).toEqual([
    { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/list' },
    {
      ...{ 'mcp-protocol-version': '2026-07-28', 'mcp-session-id': 'made-anew' },
      ...{ 'mcp-method': 'tools/call', 'mcp-name': 'query', 'mcp-param-region': 'eu west' },
    },
    expect.objectContaining({
      'mcp-method': 'resources/read',
      'mcp-name': expect.stringMatching(/^=\?base64\?/) as string,
    }),
    // The session that this server made is closed.
    { 'mcp-session-id': 'made-anew' },
  ]);
});

test('no request of up to 2025-11-25 has them, and each has the session and the revision', async () => {
  const heard = await replayed('legacy');
  expect(heard.length).toBeGreaterThan(4);
  expect(heard.filter((headers) => 'mcp-method' in headers || 'mcp-name' in headers)).toEqual([]);
  expect(heard.slice(1, -1).every((headers) => headers['mcp-session-id'] === 'made-anew')).toBe(true);
  expect(heard.slice(1, -1).every((headers) => headers['mcp-protocol-version'] === '2025-11-25')).toBe(true);
});
