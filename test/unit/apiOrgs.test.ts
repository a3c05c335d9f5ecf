/** One API for several orgs and roles: nobody sees what is of another org or does what their role may not, and it is written down. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ownToken } from '../../src/api/ownToken.ts';
import { type Route, type RouteName, ROUTES } from '../../src/api/routes.ts';
import { type Api, startApi } from '../../src/api/server.ts';
import { changeTokens, newToken, TokensOfFile } from '../../src/api/tokens.ts';
import type { Role } from '../../src/config/access.ts';
import { loadConfig } from '../../src/config/load.ts';
import { openStore } from '../../src/store/read.ts';
import { localRecordings, type Recordings } from '../../src/store/recordings.ts';
import {
  isolates,
  ORG,
  type Orgs,
  OTHER_EVENTS,
  OTHER_ID,
  OTHER_ORG,
  OWN_EVENTS,
  OWN_ID,
  type Who,
} from './orgs.ts';
import { recordings, served } from './apiServer.ts';
import { folder, STDIO_ID, stored } from './recordings.ts';

const dir = mkdtempSync(join(tmpdir(), 'sidelight-orgs-'));
const reports: string[] = [];
let api: Api;
let orgs: Orgs;
const tokensFile = join(dir, 'tokens.json');
const auditFile = join(dir, 'audit.jsonl');

/** A store on this machine for each org, in the place of a fleet's. */
async function recordingsOf(org: string): Promise<Recordings> {
  return localRecordings(await openStore(join(dir, org)));
}

function tokenOf(org: string, role: 'reader' | 'replayer' | 'admin'): string {
  const subject = `${role} of ${org}`;
  const made = newToken({ org, role, subject, nowMs: Date.now(), expiresAtMs: undefined });
  changeTokens(tokensFile, (all) => [...all, made.stored]);
  return made.token;
}

beforeAll(async () => {
  await stored(join(dir, ORG), OWN_EVENTS());
  await stored(join(dir, OTHER_ORG), OTHER_EVENTS());
  const opened = new Map([
    [ORG, await recordingsOf(ORG)],
    [OTHER_ORG, await recordingsOf(OTHER_ORG)],
  ]);
  const loaded = await loadConfig({
    flags: { dataDir: join(dir, 'nothing'), auditFile },
    env: {},
    cwd: dir,
    homedir: dir,
    platform: process.platform,
  });
  const tokens: Record<Who, string> = {
    reader: tokenOf(ORG, 'reader'),
    replayer: tokenOf(ORG, 'replayer'),
    admin: tokenOf(ORG, 'admin'),
    otherAdmin: tokenOf(OTHER_ORG, 'admin'),
  };
  const report = (line: string): void => void reports.push(line);
  api = await startApi({
    host: '127.0.0.1',
    port: 0,
    remote: false,
    allowedHosts: [],
    authorities: [new TokensOfFile(tokensFile, () => Date.now(), report)],
    fleet: (org) => {
      const found = opened.get(org);
      if (found === undefined) throw new Error(`nobody asks for ${org}`);
      return found;
    },
    loaded,
    version: '1.2.3',
    page: join(dir, 'ui'),
    replay: { self: [process.execPath, 'unused'], env: {} },
    report,
  });
  orgs = {
    urls: [`http://127.0.0.1:${api.port}`],
    tokens,
    audited: () =>
      readFileSync(auditFile, 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, string>),
  };
});
afterAll(async () => {
  await api.close();
  rmSync(dir, { recursive: true, force: true });
});

function ask(who: Who, path: string, init: RequestInit = {}): Promise<Response> {
  const authorization = `Bearer ${orgs.tokens[who]}`;
  return fetch(`${orgs.urls[0] ?? ''}${path}`, {
    ...init,
    headers: { authorization, ...(init.headers as Record<string, string>) },
  });
}

describe('an API for several orgs', () => {
  isolates(() => orgs);

  it('keeps nothing on the disk of a query node', () => {
    expect(() => readFileSync(join(dir, 'nothing', 'api.token'))).toThrow();
    expect(() => readFileSync(join(dir, 'nothing', 'sidelight.db'))).toThrow();
    expect(reports).toEqual([]);
  });
});

describe('a role', () => {
  const needing = (Object.entries(ROUTES) as [RouteName, Route][]).filter(
    ([, { role }]) => role !== undefined,
  );

  it.each(needing)(
    'is asked for by %s, and named to who has less',
    async (name, { method, path, role = 'reader', body }) => {
      const filled = `/api/v1${path.replace('{session}', OWN_ID).replace(/\{\w+\}/, '0')}`;
      const init = {
        method: method.toUpperCase(),
        ...(body !== undefined && { body: '{}', headers: { 'content-type': 'application/json' } }),
      };
      for (const who of ['reader', 'replayer', 'admin'] as const) {
        const response = await ask(who, filled, init);
        const { detail } = (await response.json()) as { detail?: string };
        const isRefused = detail === `this needs the role ${role}; the token has ${who}`;
        const order = ['reader', 'replayer', 'admin'];
        expect([name, who, isRefused]).toEqual([name, who, order.indexOf(who) < order.indexOf(role)]);
        if (isRefused) expect(response.status).toBe(403);
      }
    },
  );

  it('of an admin does not change what only the machine that recorded it can', async () => {
    for (const [method, path] of [
      ['DELETE', ''],
      ['PUT', '/pin'],
      ['DELETE', '/note'],
    ]) {
      const response = await ask('admin', `/api/v1/sessions/${OWN_ID}${path ?? ''}`, {
        method: method ?? '',
      });
      expect(response.status).toBe(501);
      expect(await response.json()).toMatchObject({
        detail:
          'nothing is changed in the store of a fleet from here: do it on the machine that recorded the session',
      });
    }
    const imported = await ask('admin', '/api/v1/imports', { method: 'POST', body: '{}' });
    expect(imported.status).toBe(501);
  });
});

describe('a read of payloads', () => {
  it('leaves a line of who, of which org and which session, before it is answered', async () => {
    const from = orgs.audited().length;
    for (const path of [
      `/sessions/${OWN_ID}/frames`,
      `/sessions/${OWN_ID}/frames/3`,
      `/sessions/last/frames/3/raw`,
      `/sessions/${OWN_ID}/export`,
      `/diff?before=${OWN_ID}&after=last`,
      '/search?filter=%22wombat%22',
    ])
      expect((await ask('reader', `/api/v1${path}`)).status, path).toBe(200);
    const by = { org: ORG, subject: `reader of ${ORG}`, client: '127.0.0.1' };
    expect(
      orgs
        .audited()
        .slice(from)
        .map(({ at: _, ...line }) => line),
    ).toEqual([
      { action: 'read', route: 'frames', session: OWN_ID, ...by },
      { action: 'read', route: 'frame', session: OWN_ID, ...by },
      { action: 'read', route: 'frameBytes', session: OWN_ID, ...by },
      { action: 'export', format: 'jsonl', session: OWN_ID, ...by },
      { action: 'read', route: 'export', session: OWN_ID, ...by },
      { action: 'read', route: 'diff', session: OWN_ID, ...by },
      { action: 'read', route: 'diff', session: OWN_ID, ...by },
      { action: 'search', route: 'search', ...by },
    ]);
  });

  it('leaves none where nothing of payloads is told, nor for what is not there', async () => {
    const from = orgs.audited().length;
    for (const path of [
      '/sessions?filter=is:failed',
      `/sessions/${OWN_ID}`,
      `/sessions/${OWN_ID}/operations`,
      `/sessions/${OWN_ID}/frames?payload=none`,
      `/sessions/${OWN_ID}/findings`,
      `/sessions/${OTHER_ID}/frames`,
    ])
      await (await ask('reader', `/api/v1${path}`)).text();
    expect(orgs.audited().slice(from)).toEqual([]);
  });
});

describe('an API of one machine', () => {
  it('lets others than its owner in by a tokens file, as what their role is, and no other org', async () => {
    const home = folder();
    await recordings(home);
    const path = join(home, 'tokens.json');
    const tokenFor = (org: string, role: Role): string => {
      const made = newToken({ org, role, subject: role, nowMs: Date.now(), expiresAtMs: undefined });
      changeTokens(path, (all) => [...all, made.stored]);
      return made.token;
    };
    const reader = tokenFor('default', 'reader');
    const admin = tokenFor('default', 'admin');
    const stranger = tokenFor(ORG, 'admin');
    const local = await served(
      { authorities: [ownToken(home), new TokensOfFile(path, () => Date.now(), console.error)] },
      home,
    );
    const by = (token: string, method = 'GET', of = '/sessions/last/frames/3'): Promise<Response> =>
      local.ask(`/api/v1${of}`, { method, headers: { authorization: `Bearer ${token}` } });
    const pin = `/sessions/${STDIO_ID}/pin`;
    expect((await by(reader)).status).toBe(200);
    expect((await by(stranger)).status).toBe(403);
    expect((await by(reader, 'PUT', pin)).status).toBe(403);
    expect((await by(admin, 'PUT', pin)).status).toBe(200);
    expect((await by(local.token, 'DELETE', pin)).status).toBe(200);
    // Reads of one machine are not written down, and what is done is, by whom.
    const lines = readFileSync(join(home, 'audit.log'), 'utf8').trim().split('\n');
    expect(lines.map((line) => JSON.parse(line) as object)).toEqual([
      expect.objectContaining({ action: 'pin', org: 'default', subject: 'admin', client: '127.0.0.1' }),
      expect.not.objectContaining({ subject: expect.anything() as string }),
    ]);
  });
});
