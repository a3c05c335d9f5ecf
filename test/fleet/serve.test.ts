/** Two query nodes of `sidelight serve` over one fleet: the same answers from both, for who is let in, of their own org and nothing else. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { exportSPKI, importJWK, type JWTPayload } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { createClient, type LiveMessage } from '../../src/api/client.ts';
import type { McpEvent } from '../../src/event/event.ts';
import { connect } from '../e2e/peers.ts';
import { SIDELIGHT, until } from '../e2e/sidelight.ts';
import { runCli } from '../../src/cli/program.ts';
import { collected, ioOf, run } from '../unit/commandRun.ts';
import {
  eventsOf,
  isolates,
  ORG,
  type Orgs,
  OTHER_EVENTS,
  OTHER_ID,
  OTHER_ORG,
  OWN_EVENTS,
  OWN_ID,
} from '../unit/orgs.ts';
import { reading, stored } from '../unit/recordings.ts';
import { FleetEngine } from './engine.ts';
import { AUDIENCE, Issuer } from './issuer.ts';

const NODE = process.execPath;
const DATABASE = 'serving';
const NEW_ID = '01977420-dc00-7000-8000-00000000cccc';
const MIGRATED_ID = '01977420-dc00-7000-8000-00000000eeee';
const NEWEST_ID = '01977420-dc00-7000-8000-00000000dddd';

const dir = mkdtempSync(join(tmpdir(), 'sidelight-serving-'));
const tokensFile = join(dir, 'tokens.json');
const auditFile = join(dir, 'audit.jsonl');
const engine = new FleetEngine();
const issuer = new Issuer();

interface Node {
  readonly url: string;
  readonly stderr: () => string;
  readonly process: ChildProcess;
}
const nodes: Node[] = [];
let orgs: Orgs;

/** What a machine of an org recorded, brought to the fleet. */
async function brought(org: string, events: readonly McpEvent[], database = DATABASE): Promise<void> {
  await stored(join(dir, org, 'data'), events);
  const flags = ['--store', engine.url(database, org), '--ship-payloads', 'all'];
  expect(await run(join(dir, org), 'store', 'ship', ...flags)).toMatchObject({ code: 0 });
}

/** `sidelight token`, which has no data folder. */
async function tokens(...argv: readonly string[]) {
  const [out, err] = [collected(), collected()];
  const code = await runCli(
    ['token', ...argv, '--tokens-file', tokensFile],
    ioOf(dir, out.stream, err.stream),
  );
  return { code, out: out.text(), err: err.text() };
}

async function token(...words: readonly string[]): Promise<{ token: string; id: string }> {
  const { code, out, err } = await tokens('create', ...words);
  expect(code, err).toBe(0);
  return { token: out.trim(), id: /^sidelight: ([0-9a-f]{8}):/.exec(err)?.[1] ?? '' };
}

async function node(...flags: readonly string[]): Promise<Node> {
  return nodeOf(DATABASE, ...flags);
}

async function nodeOf(database: string, ...flags: readonly string[]): Promise<Node> {
  const words = ['serve', '--store', engine.url(database), '--listen', '0', '--audit-file', auditFile];
  // Nothing of this machine is used, and the folder is not even made.
  const child = spawn(NODE, [SIDELIGHT, ...words, '--data-dir', join(dir, 'none'), ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const errors: Buffer[] = [];
  child.stderr.on('data', (part: Buffer) => errors.push(part));
  const [line] = (await Promise.race([
    once(createInterface(child.stdout), 'line'),
    once(child, 'close').then(() => {
      throw new Error(Buffer.concat(errors).toString());
    }),
  ])) as [string];
  return {
    url: line.replace(/\/$/, ''),
    stderr: () => Buffer.concat(errors).toString(),
    process: child,
  };
}

const LET_IN = ['--tokens-file', tokensFile, '--oidc-audience', AUDIENCE];
const claims = { org: ORG, role: 'reader' };

beforeAll(async () => {
  await Promise.all([engine.start(), issuer.start()]);
  await run(dir, 'store', 'migrate', '--store', engine.url(DATABASE));
  await brought(ORG, OWN_EVENTS());
  await brought(OTHER_ORG, OTHER_EVENTS());
  const as = async (org: string, role: string): Promise<string> =>
    (await token('--org', org, '--role', role, '--subject', `${role} of ${org}`)).token;
  const held = {
    reader: await as(ORG, 'reader'),
    replayer: await as(ORG, 'replayer'),
    admin: await as(ORG, 'admin'),
    otherAdmin: await as(OTHER_ORG, 'admin'),
  };
  const flags = [...LET_IN, '--oidc-issuer', issuer.url, '--enable-replay'];
  nodes.push(...(await Promise.all([node(...flags), node(...flags)])));
  orgs = {
    urls: nodes.map(({ url }) => url),
    tokens: held,
    audited: () =>
      readFileSync(auditFile, 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, string>),
  };
}, 120_000);
afterAll(async () => {
  for (const { process: child } of nodes) {
    child.kill('SIGTERM');
    if (child.exitCode === null) await once(child, 'close');
  }
  await issuer.stop();
  await engine.remove();
  rmSync(dir, { recursive: true, force: true });
});

const bearer = (written: string): { headers: Record<string, string> } => ({
  headers: { authorization: `Bearer ${written}` },
});
const clientOf = (url: string, written = orgs.tokens.reader) => createClient({ url, token: written });

describe('a query node', () => {
  isolates(() => orgs, ['admin']);

  it('answers what the other answers, and what the machine has that recorded it, byte for byte', async () => {
    const [one, two] = orgs.urls.map((url) => clientOf(url));
    if (one === undefined || two === undefined) throw new Error('there are two');
    expect(await two.sessions()).toEqual(await one.sessions());
    expect(await two.operations()).toEqual(await one.operations());
    expect(await two.stats()).toEqual(await one.stats());
    const { items } = await one.frames(OWN_ID, { payload: 'full' });
    const here = await reading(join(dir, ORG, 'data'), (reader) =>
      [...reader.frames(OWN_ID)].map(({ bytes }) => Buffer.from(bytes).toString('hex')),
    );
    expect(here.length).toBeGreaterThan(5);
    expect(
      items.map(({ text = '', base64 }) =>
        Buffer.from(base64 ?? text, base64 === undefined ? 'utf8' : 'base64').toString('hex'),
      ),
    ).toEqual(here);
    for (const [seq, hex] of here.entries())
      expect(Buffer.from(await two.frameBytes(OWN_ID, seq)).toString('hex')).toBe(hex);
  });

  it('says what there is: nothing is written from here', async () => {
    const [url = ''] = orgs.urls;
    expect(await clientOf(url).health()).toMatchObject({
      org: ORG,
      role: 'reader',
      capabilities: { writes: false, replays: false },
    });
    expect((await clientOf(url, orgs.tokens.admin).health()).capabilities).toEqual({
      writes: false,
      replays: true,
    });
    await expect(clientOf(url, orgs.tokens.admin).pin(OWN_ID)).rejects.toMatchObject({ status: 501 });
    expect(existsSync(join(dir, 'none'))).toBe(false);
  });

  it('goes on telling what is recorded where the other one stopped, each thing once', async () => {
    const [first = '', second = ''] = orgs.urls;
    const before = following(first);
    await until(() => before.messages.length > 0, 'a greeting');
    await brought(ORG, eventsOf(NEW_ID, 'wombat'));
    await until(() => told(before.messages).length === 3, 'what came');
    before.socket.terminate();
    await brought(ORG, eventsOf(NEWEST_ID, 'wombat'));
    const cursor = before.messages.flatMap((one) => ('cursor' in one ? [one.cursor] : [])).at(-1);
    const after = following(second, cursor);
    await until(() => told(after.messages).length === 3, 'what came since');
    after.socket.terminate();
    expect(new Set(told(before.messages).map(({ sessionId }) => sessionId))).toEqual(new Set([NEW_ID]));
    expect(new Set(told(after.messages).map(({ sessionId }) => sessionId))).toEqual(new Set([NEWEST_ID]));
  }, 60_000);

  it('is there for one agent on stdio, too: of the org of the address', async () => {
    const store = engine.url(DATABASE, ORG);
    const agent = await connect('v1', [
      NODE,
      SIDELIGHT,
      'mcp',
      '--store',
      store,
      '--data-dir',
      join(dir, 'none'),
    ]);
    const said = JSON.stringify(await agent.call({ name: 'list_sessions', arguments: {} }));
    expect(said).toContain(OWN_ID);
    expect(said).not.toContain(OTHER_ID);
    await agent.close();
    expect(existsSync(join(dir, 'none'))).toBe(false);
  });

  it('says so while the engine is away, and goes on when it is back', async () => {
    const [url = ''] = orgs.urls;
    await engine.kill();
    await expect(clientOf(url).sessions()).rejects.toMatchObject({ status: 503 });
    await engine.start();
    const isBack = (): Promise<boolean> =>
      clientOf(url)
        .sessions()
        .then(
          ({ items }) => items.length > 0,
          () => false,
        );
    await until(isBack, 'an answer');
    for (const { stderr } of nodes) expect(stderr()).not.toMatch(/\bat \S+ \(/);
  }, 60_000);
});

describe('while somebody migrates the store', () => {
  it('two nodes refuse in the same words or answer in full, and at last answer in full', async () => {
    const database = 'migrating';
    const store = engine.url(database);
    expect(await run(dir, 'store', 'migrate', '--store', store)).toMatchObject({ code: 0 });
    await brought(ORG, eventsOf(MIGRATED_ID, 'numbat'), database);
    await engine.toSchema1(database);
    const two = await Promise.all([nodeOf(database, ...LET_IN), nodeOf(database, ...LET_IN)]);
    nodes.push(...two);
    const answers = two.map(() => new Set<string>());
    const ask = async (index: number): Promise<string> => {
      const answer = await clientOf(two[index]?.url ?? '')
        .operations({ filter: `session:${MIGRATED_ID}` })
        .then(
          ({ items }) => `${items.length} operations`,
          (error: unknown) => (error as Error).message,
        );
      answers[index]?.add(answer);
      return answer;
    };
    const refusal = await ask(0);
    expect(refusal).toContain('has schema 1, this Sidelight needs 2: run `sidelight store migrate`');
    let isOver = false;
    const asking = two.map(async (_, index) => {
      while (!isOver) await ask(index);
    });
    // By two people, as it happens; and once more with another age, of a store in use.
    for (const keep of ['--keep-days=3650', '--keep-days=3000']) {
      const done = await Promise.all(
        [keep, keep].map((flag) => run(dir, 'store', 'migrate', '--store', store, flag)),
      );
      expect(done.map(({ code, err }) => [code, err])).toEqual([
        [0, ''],
        [0, ''],
      ]);
    }
    isOver = true;
    await Promise.all(asking);
    const full = await ask(0);
    expect(full).toBe('3 operations');
    for (const said of answers) expect([refusal, full]).toEqual(expect.arrayContaining([...said]));
    expect(await ask(1)).toBe(full);
  }, 60_000);
});

describe('a token', () => {
  it('that was revoked lets nobody in on any node, at once', async () => {
    const { token: mine, id } = await token('--org', ORG, '--role', 'reader');
    const statuses = (): Promise<number[]> =>
      Promise.all(orgs.urls.map(async (url) => (await fetch(`${url}/api/v1/health`, bearer(mine))).status));
    expect(await statuses()).toEqual([200, 200]);
    const listed = await tokens('list');
    expect(listed.out).toContain(id);
    expect(listed.out).not.toContain(mine.slice(3));
    expect(await tokens('revoke', id)).toMatchObject({ code: 0 });
    expect(await statuses()).toEqual([401, 401]);
    expect(await tokens('revoke', id)).toMatchObject({ code: 1 });
  });

  it('of the installation is none of a fleet’s', async () => {
    const [url = ''] = orgs.urls;
    const response = await fetch(`${url}/api/v1/health`, bearer('0'.repeat(64)));
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toBe('Bearer realm="sidelight", error="invalid_token"');
    const nothing = await fetch(`${url}/api/v1/health`);
    expect(nothing.headers.get('www-authenticate')).toBe('Bearer realm="sidelight"');
  });

  it('of the issuer lets in as its claims say, and is written down with its subject', async () => {
    const [url = ''] = orgs.urls;
    const mine = await issuer.token(claims);
    const client = clientOf(url, mine);
    expect(await client.health()).toMatchObject({ org: ORG, role: 'reader' });
    expect((await client.sessions()).items.map(({ id }) => id)).toContain(OWN_ID);
    await client.frames(OWN_ID);
    expect(orgs.audited().at(-1)).toMatchObject({
      action: 'read',
      route: 'frames',
      session: OWN_ID,
      org: ORG,
      subject: 'ada',
    });
    await expect(client.startReplay({ session: OWN_ID, target: 'x' })).rejects.toMatchObject({
      status: 403,
      message: 'this needs the role replayer; the token has reader',
    });
  });

  it('of nobody who is let in is refused by the API, the MCP server and the live view alike', async () => {
    const seconds = (from: number): number => Math.floor(Date.now() / 1000) + from;
    const good = await issuer.token(claims);
    const [, payload = ''] = good.split('.');
    const { kid } = issuer.key;
    const head = (members: object): string => Buffer.from(JSON.stringify(members)).toString('base64url');
    const publicKey = await importJWK(issuer.key.jwk, 'RS256', { extractable: true });
    if (publicKey instanceof Uint8Array) throw new Error('no key');
    const signed = `${head({ alg: 'HS256', kid })}.${payload}`;
    const hmac = createHmac('sha256', await exportSPKI(publicKey))
      .update(signed)
      .digest('base64url');
    const foreign = new Issuer();
    const wrong = (other: JWTPayload): Promise<string> => issuer.token({ ...claims, ...other });
    const wrongs: Readonly<Record<string, string>> = {
      expired: await wrong({ exp: seconds(-60) }),
      audience: await wrong({ aud: 'billing' }),
      issuer: await wrong({ iss: 'https://other.example' }),
      none: `${head({ alg: 'none', kid })}.${payload}.`,
      hmac: `${signed}.${hmac}`,
      unknownKid: await issuer.token(claims, { header: { kid: 'nobody' } }),
      otherKey: await issuer.token(claims, { key: { ...(await foreign.rotate()), kid } }),
    };
    for (const [what, written] of Object.entries(wrongs))
      for (const url of orgs.urls) {
        expect((await fetch(`${url}/api/v1/sessions`, bearer(written))).status, what).toBe(401);
        const mcp = await fetch(`${url}/mcp`, { method: 'POST', body: '{}', ...bearer(written) });
        expect(mcp.status, what).toBe(401);
        expect(await upgraded(url, written), what).toBe(401);
      }
    expect(await upgraded(orgs.urls[0] ?? '', good)).toBe(101);
  });

  it('of a new key of the issuer lets in, and one of the key before does not', async () => {
    const before = await issuer.token(claims);
    await issuer.rotate('ES256');
    const after = await issuer.token(claims);
    // It has not looked at any key yet.
    const fresh = await node(...LET_IN, '--oidc-issuer', issuer.url);
    nodes.push(fresh);
    expect((await fetch(`${fresh.url}/api/v1/sessions`, bearer(after))).status).toBe(200);
    expect((await fetch(`${fresh.url}/api/v1/sessions`, bearer(before))).status).toBe(401);
  });

  it('of an issuer that is away lets nobody in, who are told to wait, and the log says why in a line', async () => {
    const away = await node(...LET_IN, '--oidc-issuer', 'http://127.0.0.1:1');
    nodes.push(away);
    const response = await fetch(`${away.url}/api/v1/sessions`, bearer(await issuer.token(claims)));
    expect(response.status).toBe(503);
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
    await until(() => away.stderr().includes('cannot be had'), 'a line');
    expect(away.stderr()).toMatch(
      /^sidelight: oidc\.issuer: the keys of http:\/\/127\.0\.0\.1:1 cannot be had: .*\n$/,
    );
    // Those of the file are good all the same.
    expect((await fetch(`${away.url}/api/v1/sessions`, bearer(orgs.tokens.reader))).status).toBe(200);
  });
});

describe('what a query node is not started with', () => {
  it.each([
    [
      [],
      'serve --store: nobody would be let in: --tokens-file or --oidc-issuer says who is; sidelight token create makes tokens',
    ],
    [
      ['--tokens-file', '/no/such'],
      '--tokens-file: /no/such: there is no such file; sidelight token create makes it',
    ],
    [
      ['--oidc-issuer', 'https://login.example'],
      'oidc.audience: it is missing: without it a token for any other service of the issuer would be let in',
    ],
    [
      ['--oidc-issuer', 'http://login.example'],
      '--oidc-issuer: "http://login.example" is not an https URL, or an http one of this machine, without a user',
    ],
  ])('%j: one line says so', async (flags, line) => {
    expect(await run(dir, 'serve', '--store', 'clickhouse://127.0.0.1', '--listen', '0', ...flags)).toEqual({
      code: 2,
      out: '',
      err: `sidelight: ${line}\n`,
    });
  });
});

function following(url: string, cursor?: string): { messages: LiveMessage[]; socket: WebSocket } {
  const path = `/api/v1/live${cursor === undefined ? '' : `?cursor=${cursor}`}`;
  const socket = new WebSocket(url.replace('http', 'ws') + path, [
    'sidelight',
    `token.${orgs.tokens.reader}`,
  ]);
  const messages: LiveMessage[] = [];
  socket.on('message', (data: Buffer) => messages.push(JSON.parse(data.toString()) as LiveMessage));
  socket.on('error', () => undefined);
  return { messages, socket };
}

const told = (messages: readonly LiveMessage[]) =>
  messages.flatMap((one) => (one.type === 'news' ? one.operations : []));

/** The status with which a WebSocket was refused, or 101. */
function upgraded(url: string, written: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/api/v1/live`, [
      'sidelight',
      `token.${written}`,
    ]);
    socket.on('open', () => {
      socket.terminate();
      resolve(101);
    });
    socket.on('unexpected-response', (_, { statusCode = 0 }) => {
      socket.terminate();
      resolve(statusCode);
    });
    socket.on('error', reject);
  });
}
