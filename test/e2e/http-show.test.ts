/** What `sessions`, `show` and `tail` print of sessions that were recorded over HTTP. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SessionRecord } from '../../src/store/record.ts';
import { startListening } from './listening.ts';
import type { Shown } from './outputs.ts';
import { query } from './recording.ts';
import { read, Running, server, SIDELIGHT, temporaryFolder, until } from './sidelight.ts';

const ANY = { accept: 'application/json, text/event-stream', 'content-type': 'application/json' };

interface Played {
  readonly target: string;
  readonly sessionId: string;
}

/** Opens a session, listens, calls, hangs up and deletes it; asks once by 2026-07-28 with a wrong header. */
async function play(dataDir: string): Promise<Played> {
  const behind = await startListening([server('http-dual-era.mjs')]);
  const target = `http://127.0.0.1:${behind.port}/mcp`;
  const sidelight = await listen(dataDir, target);
  try {
    const { url } = sidelight;
    const client = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: BY_HAND };
    const opened = await post(url, { id: 0, method: 'initialize', params: client });
    const sessionId = opened.headers.get('mcp-session-id') ?? '';
    const own = { 'mcp-session-id': sessionId, 'mcp-protocol-version': '2025-11-25' };
    await post(url, { method: 'notifications/initialized' }, own);
    const hangUp = new AbortController();
    await fetch(url, { headers: { ...own, accept: 'text/event-stream' }, signal: hangUp.signal });
    await post(url, { id: 1, method: 'tools/call', params: { name: 'nope', arguments: {} } }, own);
    hangUp.abort();
    const ends = "SELECT 1 FROM frame WHERE kind = 'http' AND CAST(bytes AS TEXT) LIKE '%client_gone%'";
    await until(() => query(dataDir, ends).length > 0, 'the end of the stream to be recorded');
    await (await fetch(url, { method: 'DELETE', headers: own })).text();

    const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'prompts/list' };
    await post(url, { id: 1, method: 'tools/list', params: { _meta: MODERN } }, headers);
    return { target, sessionId };
  } finally {
    await sidelight.stop();
    await behind.stop();
  }
}

const BY_HAND = { name: 'by-hand', version: '1' };
const MODERN = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
  'io.modelcontextprotocol/clientInfo': { name: 'modern', version: '2' },
};

async function listen(dataDir: string, target: string) {
  const args = ['http', '--target', target, '--listen', '127.0.0.1:0', '--data-dir', dataDir];
  const { port, stop } = await startListening([SIDELIGHT, ...args]);
  return { url: `http://127.0.0.1:${port}/mcp`, stop };
}

async function post(url: string, message: object, headers: object = {}): Promise<Response> {
  const body = JSON.stringify({ jsonrpc: '2.0', ...message });
  const response = await fetch(url, { method: 'POST', headers: { ...ANY, ...headers }, body });
  await response.text();
  return response;
}

/** What a command prints where it is no terminal, by lines. */
async function printed(dataDir: string, ...args: readonly string[]): Promise<readonly string[]> {
  const command = [SIDELIGHT, ...args, '--data-dir', dataDir];
  const { code, stdout, stderr } = await new Running(process.execPath, command).ended;
  expect([code, stderr.toString()]).toEqual([0, '']);
  return stdout.toString().trimEnd().split('\n');
}

const hashOf = (id: string): string => createHash('sha256').update(id).digest('hex').slice(0, 16);

describe('of sessions over HTTP', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'sidelight-show-'));
  let played: Played;
  const idOf = (client: string): string =>
    query<{ id: string }>(dataDir, 'SELECT id FROM session WHERE client_name = ?', client)[0]?.id ?? '';

  beforeAll(async () => {
    played = await play(dataDir);
  }, 30_000);
  afterAll(() => {
    rmSync(dataDir, { recursive: true, force: true });
  });

  it('`sessions` tells the transport, and marks what was inferred', async () => {
    const [title, first, second, legend, ...more] = await printed(dataDir, 'sessions');
    expect(title).toMatch(
      /^ID +STARTED +SERVER +CLIENT +TRANSPORT +DURATION +OPERATIONS +FAILED +STATUS +RECORDING$/,
    );
    expect(first).toMatch(/ 127[.]0[.]0[.]1:\d+ +modern 2 +http ~ .* 1 +1 +failed +complete$/);
    expect(second).toMatch(/ http-dual-era +by-hand 1 +http {2,}.* 2 +1 +failed +complete$/);
    expect(legend).toMatch(/^~ inferred/);
    expect(more).toEqual([]);
    const at = title?.indexOf('TRANSPORT') ?? -1;
    expect([first, second].map((row) => row?.slice(at, at + 4))).toEqual(['http', 'http']);
  });

  it('`sessions --json` has the hash of the id, or what the session was inferred from', async () => {
    const { target, sessionId } = played;
    const all = (await read(dataDir, 'sessions')) as readonly SessionRecord[];
    expect(all).toHaveLength(2);
    const common = { transport: 'http', target, clientAddress: '127.0.0.1', command: [], cwd: '' };
    const inferred = { evidence: ['client_info', 'address'], confidence: 'medium' };
    expect(all[0]).toMatchObject({ ...common, clientInfo: { name: 'modern' }, inferred });
    expect(all[1]).toMatchObject({ ...common, sessionIdHash: hashOf(sessionId), endCause: 'deleted' });
    expect(all.map((session) => ['sessionIdHash' in session, 'inferred' in session])).toEqual([
      [false, true],
      [true, false],
    ]);
  });

  it('`show` tells the target, the client and the hash of the session id, and never the id', async () => {
    const lines = await printed(dataDir, 'show', idOf('by-hand'), '--no-frames');
    const facts = new Map(lines.slice(1).map((line) => [line.slice(2, 12).trimEnd(), line.slice(13)]));
    expect(facts.get('Client')).toBe('by-hand 1, from 127.0.0.1');
    expect(facts.get('Protocol')).toBe('2025-11-25, legacy, http');
    expect(facts.get('Target')).toBe(played.target);
    expect(facts.get('Session id')).toBe(`[hashed:${hashOf(played.sessionId)}]`);
    expect(facts.get('End')).toBe('deleted by the client');
    for (const absent of ['Command', 'Folder', 'Inferred']) expect(facts.has(absent)).toBe(false);
    const everything = await Promise.all(
      [
        ['show', idOf('by-hand'), '--full'],
        ['show', idOf('by-hand'), '--json'],
        ['sessions', '--json'],
      ].map((args) => printed(dataDir, ...args)),
    );
    expect(everything.flat().join('\n')).not.toContain(played.sessionId);
  });

  it('`show` has each exchange in lines that can be read: who asked what, what came, who hung up', async () => {
    const lines = await printed(dataDir, 'show', idOf('by-hand'));
    const title = lines.findIndex((line) => line.startsWith('Frames ('));
    const frames = lines.slice(title + 1);
    const told = frames.map((line) => /^ *#\d+ +[+]\d+[.]\d{3} s +(x\d+) (.) (.*)$/.exec(line)?.slice(1));
    const of = (exchange: string): string[] =>
      told.flatMap((frame) => (frame?.[0] === exchange ? [frame.slice(1).join(' ')] : []));
    expect(of('x1')).toEqual([
      '→ POST /mcp HTTP/1.1',
      expect.stringMatching(/^→ request {6}initialize +\d+ B {2}\{"jsonrpc"/),
      '← 200 OK text/event-stream',
      expect.stringMatching(/^← event id=\S+, retry=200$/),
      expect.stringMatching(/^← result {7}initialize +\d+ B {2}\{/),
    ]);
    expect(of('x2')).toEqual([
      '→ POST /mcp HTTP/1.1',
      expect.stringMatching(/^→ notifications\/initialized +\d+ B {2}\{/),
      '← 202 Accepted',
    ]);
    expect(of('x3')).toEqual([
      '→ GET /mcp HTTP/1.1',
      '← 200 OK text/event-stream',
      '← response ended: client gone',
    ]);
    expect(of('x5')).toEqual(['→ DELETE /mcp HTTP/1.1', '← 200 OK']);
    expect(told.every((frame) => frame !== undefined)).toBe(true);
  });

  it('`show --full` has the headers, one per line', async () => {
    const lines = await printed(dataDir, 'show', idOf('by-hand'), '--full');
    const from = lines.findIndex((line) => line.endsWith('x2 → POST /mcp HTTP/1.1'));
    const to = lines.findIndex((line, at) => at > from && !line.startsWith('        '));
    const headers = lines.slice(from + 1, to).map((line) => line.trim());
    expect(headers[0]).toMatch(/^\(client 127[.]0[.]0[.]1:\d+, connection \d+\)$/);
    expect(headers).toContain(`mcp-session-id: [hashed:${hashOf(played.sessionId)}]`);
    expect(headers).toContain('content-type: application/json');
  });

  it('`show` of an inferred session says from what, with the status and what was found', async () => {
    const lines = await printed(dataDir, 'show', idOf('modern'));
    expect(lines).toContain('  Inferred   from client info, address (confidence: medium)');
    expect(lines.some((line) => line.startsWith('  Session id'))).toBe(false);
    expect(lines.join('\n')).toMatch(/\n {2}header_mismatch +frame \d+: Mcp-Method: prompts\/list/);
    expect(lines.join('\n')).toMatch(/ protocol_error {2}→ tools\/list {2}HTTP 400, -32020: \S/);
    expect(lines.join('\n')).toMatch(/ ← 400 Bad Request application\/json\n/);
  });

  it('`show --json` carries the exchange and event id of a frame, and the HTTP of an operation', async () => {
    const shown = (await read(dataDir, 'show', idOf('by-hand'))) as Shown;
    const { port } = new URL(played.target);
    expect(shown.operations).toMatchObject([
      { method: 'initialize', http: { method: 'POST', path: '/mcp', status: 200, serverPort: Number(port) } },
      { method: 'tools/call', http: { method: 'POST', status: 200, clientAddress: '127.0.0.1' } },
    ]);
    const result = shown.frames.find(({ kind }) => kind === 'result');
    expect(result).toMatchObject({ exchange: 1, eventId: expect.stringMatching(/_\d+$/) as string });
    const asked = shown.frames.find(({ kind }) => kind === 'http');
    expect(JSON.parse(asked?.text ?? '')).toMatchObject({ fact: 'request', method: 'POST', target: '/mcp' });
  });
});

describe('of a server that is not there', () => {
  it('`show` says that the answer was not the server’s, and why', async () => {
    const dataDir = temporaryFolder();
    const { url, stop } = await listen(dataDir, 'http://127.0.0.1:1/mcp');
    await post(url, { id: 'seven', method: 'tools/list' }).finally(stop);
    const text = (await printed(dataDir, 'show')).join('\n');
    expect(text).toMatch(
      / http_error {6}→ tools\/list {2}HTTP 502: 127[.]0[.]0[.]1:1 refused the connection/,
    );
    expect(text).toMatch(
      / x1 ← 502 Bad Gateway, by sidelight \(refused: 127[.]0[.]0[.]1:1 refused [^\n]*\)\n/,
    );
  });
});

describe('`tail`', () => {
  it('follows sessions over HTTP: where to, from whom, with which status, and how they ended', async () => {
    const dataDir = temporaryFolder();
    const texts = new Running(process.execPath, [SIDELIGHT, 'tail', '--data-dir', dataDir]);
    const objects = new Running(process.execPath, [SIDELIGHT, 'tail', '--json', '--data-dir', dataDir]);
    await Promise.all([texts, objects].map((one) => one.says('waiting for the first session')));
    const { target, sessionId } = await play(dataDir);
    const wanted = 7;
    for (const one of [texts, objects]) {
      const lines = (): number => one.stdout.toString().split('\n').length - 1;
      await until(() => lines() >= wanted, 'both sessions to have ended');
      one.process.kill('SIGINT');
      await one.ended;
    }
    const text = texts.stdout.toString();
    expect(text).toMatch(new RegExp(`session started: ${target}; client 127[.]0[.]0[.]1\n`));
    expect(text).toMatch(/session started: \S+; client 127[.]0[.]0[.]1; inferred from client info, address/);
    expect(text).toMatch(/ ok +\S+ .s {2}→ initialize\n/);
    expect(text).toMatch(/ protocol_error +\S+ .s {2}→ tools\/list {2}HTTP 400: \S/);
    expect(text).toMatch(
      / session ended failed: deleted by the client; .* 2 operations, 1 failed; recording complete\n/,
    );
    const events = objects.stdout
      .toString()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(events).toHaveLength(wanted);
    expect(events).toContainEqual(
      expect.objectContaining({ event: 'session_ended', sessionIdHash: hashOf(sessionId), target }),
    );
    expect(events.filter(({ event }) => event === 'operation_finished')).toMatchObject(
      [200, 200, 400].map((status) => ({ http: { status } })),
    );
  });
});
