import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { connectHttp } from './http-peers.ts';
import { initialize, observed, post } from './observed.ts';
import type { Shown } from './outputs.ts';
import { query } from './recording.ts';
import { until } from './sidelight.ts';

/** Every byte that Sidelight wrote to a disk. */
function written(folder: string): Buffer {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return Buffer.concat(files.map((file) => readFileSync(join(file.parentPath, file.name))));
}

describe('a session over HTTP', () => {
  it('is the one of its id, which stands hashed in every output and never as it is; nor does the token', async () => {
    const all = await observed('http-dual-era.mjs');
    const token = 'Zm9vYmFyYmF6cXV4cXV1eA';
    const headers = { authorization: `Bearer ${token}` };
    const opened = await post(all.url, initialize('by-hand'), headers);
    const id = opened.headers.get('mcp-session-id') ?? '';
    expect(id).not.toBe('');
    await opened.text();
    const own = { ...headers, 'mcp-session-id': id, 'mcp-protocol-version': '2025-11-25' };
    await (await post(all.url, { jsonrpc: '2.0', method: 'notifications/initialized' }, own)).text();
    await (await post(all.url, { jsonrpc: '2.0', id: 1, method: 'tools/list' }, own)).text();
    await (await fetch(all.url, { method: 'DELETE', headers: own })).text();
    await (await post(all.url, { jsonrpc: '2.0', id: 2, method: 'tools/list' }, own)).text();
    const metrics = await all.metrics();
    await all.stop();

    const sessions = await all.sessions();
    const [session] = sessions.filter(({ endCause }) => endCause === 'deleted');
    expect(session).toMatchObject({ transport: 'http', clientInfo: { name: 'by-hand' }, operations: 2 });
    expect(session?.sessionIdHash).toMatch(/^[0-9a-f]{16}$/);
    expect(session?.inferred).toBeUndefined();
    const { operations } = await all.show(session?.id);
    expect(operations.map(({ method, outcome, http }) => [method, outcome, http?.status])).toEqual([
      ['initialize', 'ok', 200],
      ['tools/list', 'ok', 200],
    ]);
    // Whoever uses the id of a session that is over does not bring it back.
    expect(sessions.flatMap(({ id: other }) => (other === session?.id ? [] : [other]))).toHaveLength(1);

    await until(() => all.spans().some(({ name }) => name === 'tools/list'), 'the spans');
    const everywhere = Buffer.concat([
      written(all.folder),
      Buffer.from(metrics + JSON.stringify(all.spans())),
    ]);
    expect(everywhere.includes('tools/list')).toBe(true);
    expect(everywhere.includes(id)).toBe(false);
    expect(everywhere.includes(token)).toBe(false);
  });

  it.each([
    ['says who it is in another way', initialize('one'), initialize('two'), {}, {}],
    [
      'has another credential',
      initialize('one'),
      initialize('one'),
      { authorization: 'Bearer aaaaaaaaaaaaaaaa' },
      { authorization: 'Bearer bbbbbbbbbbbbbbbb' },
    ],
  ])('is not shared by a client at the same address that %s', async (_how, one, two, first, second) => {
    const all = await observed('compresses.mjs');
    const url = `${all.url}?with=br`;
    await (await post(url, one, first)).text();
    await (await post(url, two, second)).text();
    const list = (id: number) => ({ jsonrpc: '2.0', id, method: 'tools/list' });
    await (await post(url, list(1), first)).text();
    await (await post(url, list(1), second)).text();
    await all.stop();
    const sessions = await all.sessions();
    const counts = sessions.map(({ operations }) => operations);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(4);
    expect(sessions.length).toBeGreaterThanOrEqual(2);
    expect(sessions.every(({ inferred }) => inferred?.evidence.includes('address') === true)).toBe(true);
  });

  it('of 2026-07-28 is inferred from who speaks, and says from what', async () => {
    const all = await observed('http-dual-era.mjs');
    const peer = await connectHttp('v2 pinned to 2026-07-28', all.url);
    await peer.request('tools/list');
    await peer.close();
    await all.stop();
    const sessions = await all.sessions();
    expect(sessions).toHaveLength(1);
    expect(sessions[0]).toMatchObject({
      era: 'modern',
      protocolVersion: '2026-07-28',
      inferred: { evidence: ['client_info', 'address'], confidence: 'medium' },
    });
  });
});

describe('the recording of an exchange', () => {
  it('holds what a compressed stream says, readable', async () => {
    const all = await observed('compresses.mjs');
    const url = `${all.url}?with=gzip`;
    await (await post(url, initialize('c'))).text();
    const call = {
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: { name: 'count', arguments: { to: 3 } },
    };
    await (await post(url, call)).text();
    await all.stop();
    const texts = query<{ bytes: Buffer }>(all.dataDir, "SELECT bytes FROM frame WHERE kind = 'result'");
    expect(texts.map(({ bytes }) => JSON.parse(bytes.toString()) as unknown)).toHaveLength(2);
    const [answer] = query<{ bytes: Buffer }>(
      all.dataDir,
      "SELECT bytes FROM frame WHERE kind = 'http' AND CAST(bytes AS TEXT) LIKE '%content-encoding%'",
    );
    expect(answer?.bytes.toString()).toContain('gzip');
  });

  it('tells a server that is not there from one that answers, and a page from a message', async () => {
    const all = await observed('http://127.0.0.1:1/mcp');
    const answer = await post(all.url, { jsonrpc: '2.0', id: 'seven', method: 'tools/list' });
    expect([answer.status, ((await answer.json()) as { id: unknown }).id]).toEqual([502, 'seven']);
    await all.stop();
    const [session] = await all.sessions();
    const { operations } = await all.show(session?.id);
    expect(operations).toMatchObject([
      { method: 'tools/list', outcome: 'http_error', http: { status: 502 }, error: { type: '502' } },
    ]);
    const kinds = query<{ kind: string }>(all.dataDir, 'SELECT kind FROM frame ORDER BY seq');
    expect(kinds.map(({ kind }) => kind)).toEqual(['http', 'request', 'http', 'body']);
  });

  it('finds headers that say something else than the body', async () => {
    const all = await observed('http-dual-era.mjs');
    const meta = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientCapabilities': {},
      'io.modelcontextprotocol/clientInfo': { name: 'liar', version: '1' },
    };
    const call = { jsonrpc: '2.0', id: 1, method: 'tools/list', params: { _meta: meta } };
    const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'prompts/list' };
    const answer = await post(all.url, call, headers);
    expect(answer.status).toBe(400);
    await answer.text();
    await all.stop();
    const [session] = await all.sessions();
    const { findings }: Shown = await all.show(session?.id);
    expect(findings.map(({ rule }) => rule)).toContain('header_mismatch');
  });

  it('leaves of a form its size alone, whole or cut off', async () => {
    const all = await observed('compresses.mjs');
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    const body = 'grant_type=authorization_code&code=c0de-that-nobody-may-know';
    await (await fetch(all.url, { method: 'POST', headers: form, body }).catch(() => undefined))?.text();
    await all.stop();
    expect(written(all.folder).includes('c0de-that-nobody')).toBe(false);
    const notes = query<{ bytes: Buffer }>(all.dataDir, "SELECT bytes FROM frame WHERE kind = 'http'");
    expect(notes.map(({ bytes }) => bytes.toString()).join()).toContain(`"sizeBytes":${body.length}`);
  });
});
