/** Tokens of a file and of an issuer: whom they let in, as what, and that nobody else comes in, whatever is sent or goes wrong. */
import { createHmac, createPublicKey } from 'node:crypto';
import { chmodSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { exportSPKI, importJWK } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { guarded, RECHECK_MS } from '../../src/api/guarded.ts';
import { ApiError } from '../../src/api/problem.ts';
import { Oidc, type OidcOptions } from '../../src/api/oidc.ts';
import { changeTokens, MAX_TOKENS, newToken, readTokens, TokensOfFile } from '../../src/api/tokens.ts';
import { SECURE_URL } from '../../src/config/access.ts';
import { AUDIENCE, Issuer } from '../fleet/issuer.ts';
import { folder } from './recordings.ts';

const NOW = Date.UTC(2026, 10, 23);
const WHO = { org: 'payments', role: 'reader', subject: 'ada' } as const;

function added(path: string, more: Partial<Parameters<typeof newToken>[0]> = {}): string {
  const { token, stored } = newToken({ ...WHO, nowMs: NOW, expiresAtMs: undefined, ...more });
  changeTokens(path, (tokens) => [...tokens, stored]);
  return token;
}

function file(now = NOW): { path: string; open: () => TokensOfFile; lines: string[] } {
  const path = join(folder(), 'tokens.json');
  const lines: string[] = [];
  return {
    path,
    open: () =>
      new TokensOfFile(
        path,
        () => now,
        (line) => lines.push(line),
      ),
    lines,
  };
}

async function problemOf(asked: Promise<unknown>): Promise<[number, string]> {
  const cause: unknown = await asked.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(cause instanceof ApiError)) throw new Error('nothing went wrong');
  return [cause.status, cause.message];
}

describe('a file of tokens', () => {
  it('lets each token in as its org and its role, and is its owner’s alone', async () => {
    const { path, open } = file();
    const reader = added(path);
    const admin = added(path, { org: 'search', role: 'admin', subject: 'bob' });
    const tokens = open();
    expect(await tokens.principal(reader)).toEqual(WHO);
    expect(await tokens.principal(admin)).toEqual({ org: 'search', role: 'admin', subject: 'bob' });
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('holds no token, only what nobody is let in by', async () => {
    const { path, open } = file();
    const token = added(path);
    const text = readFileSync(path, 'utf8');
    expect(text).not.toContain(token.slice(3));
    const [stored] = readTokens(path) ?? [];
    const tokens = open();
    for (const wrong of [
      stored?.sha256 ?? '',
      `sl_${stored?.sha256 ?? ''}`,
      stored?.id ?? '',
      'sl_',
      token.slice(0, -1),
      `${token}A`,
    ])
      expect(await tokens.principal(wrong), wrong).toBeUndefined();
    expect(await tokens.principal(token)).toEqual(WHO);
  });

  it('lets nobody in by a token that was revoked or is over, from then on', async () => {
    const { path, open } = file(NOW + 10_000);
    const kept = added(path);
    const revoked = added(path, { subject: 'eve' });
    const over = added(path, { expiresAtMs: NOW + 10_000 });
    const valid = added(path, { expiresAtMs: NOW + 10_001 });
    const tokens = open();
    expect(await tokens.principal(revoked)).toMatchObject({ subject: 'eve' });
    expect(await tokens.principal(over)).toBeUndefined();
    expect(await tokens.principal(valid)).toEqual(WHO);
    changeTokens(path, (all) => all.filter(({ subject }) => subject !== 'eve'));
    expect(await tokens.principal(revoked)).toBeUndefined();
    expect(await tokens.principal(kept)).toEqual(WHO);
  });

  it.each([
    ['gone', (path: string) => rmSync(path)],
    ['writable for others', (path: string) => chmodSync(path, 0o620)],
    ['readable for everybody', (path: string) => chmodSync(path, 0o604)],
    ['something else', (path: string) => writeFileSync(path, '{}')],
    [
      'of another role',
      (path: string) => writeFileSync(path, readFileSync(path, 'utf8').replace('"reader"', '"root"')),
    ],
  ])('lets nobody in while it is %s, says so once, and goes on when it is right again', async (_, spoil) => {
    const { path, open, lines } = file();
    const token = added(path);
    const before = readFileSync(path);
    const tokens = open();
    expect(await tokens.principal(token)).toEqual(WHO);
    spoil(path);
    for (let tries = 0; tries < 3; tries += 1)
      expect((await problemOf(tokens.principal(token)))[0]).toBe(503);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^tokensFile: .*tokens\.json: .*; nobody is let in by it$/);
    expect(open).toThrow();
    rmSync(path, { force: true });
    writeFileSync(path, before, { mode: 0o600 });
    expect(await tokens.principal(token)).toEqual(WHO);
  });

  it('may be read by the group of a container, since a secret that is mounted there is', async () => {
    const { path, open } = file();
    const token = added(path);
    chmodSync(path, 0o440);
    expect(await open().principal(token)).toEqual(WHO);
  });

  it('is changed by one at a time, whole or not at all, and takes so many tokens and no more', () => {
    const { path } = file();
    added(path);
    const before = readFileSync(path, 'utf8');
    writeFileSync(`${path}.new`, '');
    expect(() => added(path)).toThrow(/is being changed by another/);
    rmSync(`${path}.new`);
    expect(() => {
      changeTokens(path, () => {
        throw new Error('not this');
      });
    }).toThrow('not this');
    expect(readFileSync(path, 'utf8')).toBe(before);
    expect(existsSync(`${path}.new`)).toBe(false);
    const many = Array.from(
      { length: MAX_TOKENS },
      () => newToken({ ...WHO, nowMs: NOW, expiresAtMs: undefined }).stored,
    );
    changeTokens(path, () => many);
    expect(readTokens(path)).toHaveLength(MAX_TOKENS);
    expect(() => added(path)).toThrow(/1000 tokens/);
    expect(readTokens(path)).toHaveLength(MAX_TOKENS);
  });
});

describe('a token of an issuer', () => {
  const issuer = new Issuer();
  beforeAll(() => issuer.start());
  afterAll(() => issuer.stop());
  beforeEach(() => {
    issuer.away = false;
  });

  function oidc(
    config: Partial<OidcOptions['config']> = {},
    cooldownMs = 30_000,
  ): { oidc: Oidc; lines: string[] } {
    const lines: string[] = [];
    return {
      oidc: new Oidc({
        config: {
          issuer: issuer.url,
          audience: AUDIENCE,
          jwks: undefined,
          orgClaim: 'org',
          roleClaim: 'role',
          roles: {},
          clockToleranceMs: 5000,
          ...config,
        },
        cooldownMs,
        report: (line) => lines.push(line),
      }),
      lines,
    };
  }
  const claims = { org: 'payments', role: 'reader' };
  const seconds = (from: number): number => Math.floor(Date.now() / 1000) + from;

  it.each(['RS256', 'ES256', 'Ed25519', 'PS512'])(
    'lets in as its claims say, signed with %s',
    async (alg) => {
      await issuer.rotate(alg);
      const { oidc: authority } = oidc();
      expect(await authority.principal(await issuer.token(claims))).toEqual(WHO);
      expect(await authority.principal(await issuer.token({ ...claims, aud: ['other', AUDIENCE] }))).toEqual(
        WHO,
      );
    },
  );

  it.each<[string, () => Record<string, unknown>, [number, string]]>([
    ['has expired', () => ({ exp: seconds(-6) }), [401, 'the token is not let in: it has expired']],
    [
      'does not expire',
      () => ({ exp: undefined }),
      [401, 'the token is not let in: its claim exp is not as it must be'],
    ],
    [
      'is not valid yet',
      () => ({ nbf: seconds(60) }),
      [401, 'the token is not let in: its claim nbf is not as it must be'],
    ],
    [
      'is for another audience',
      () => ({ aud: 'billing' }),
      [401, 'the token is not let in: its claim aud is not as it must be'],
    ],
    [
      'is of another issuer',
      () => ({ iss: 'https://other.example' }),
      [401, 'the token is not let in: its claim iss is not as it must be'],
    ],
    [
      'names nobody',
      () => ({ sub: undefined }),
      [401, 'the token is not let in: its claim sub is not as it must be'],
    ],
    ['names no org', () => ({ org: undefined }), [403, 'the token names no org: its claim org is to be one']],
    [
      'names what is no org',
      () => ({ org: "a' OR 1=1" }),
      [403, 'the token names no org: its claim org is to be one'],
    ],
    [
      'names several orgs',
      () => ({ org: ['payments', 'search'] }),
      [403, 'the token names no org: its claim org is to be one'],
    ],
    [
      'has no role',
      () => ({ role: undefined }),
      [403, 'the token has no role: nothing in its claim role means one'],
    ],
    [
      'has an unknown role',
      () => ({ role: 'constructor' }),
      [403, 'the token has no role: nothing in its claim role means one'],
    ],
  ])('is not let in where it %s', async (_, wrong, problem) => {
    const token = await issuer.token({ ...claims, ...wrong() });
    expect(await problemOf(oidc().oidc.principal(token))).toEqual(problem);
  });

  it('may come from a clock that is a little off', async () => {
    const token = await issuer.token({ ...claims, exp: seconds(-3) });
    expect(await oidc().oidc.principal(token)).toEqual(WHO);
  });

  it('is not let in without a signature, or with one by a key that is public, another’s, or named by the token itself', async () => {
    await issuer.rotate('RS256');
    const { oidc: authority } = oidc();
    const good = await issuer.token(claims);
    expect(await authority.principal(good)).toEqual(WHO);
    const [, payload = '', signature = ''] = good.split('.');
    const header = (members: object): string => Buffer.from(JSON.stringify(members)).toString('base64url');
    const { kid } = issuer.key;
    const none = header({ alg: 'none', kid });
    const hs = header({ alg: 'HS256', kid });
    const publicKey = await importJWK(issuer.key.jwk, 'RS256', { extractable: true });
    if (publicKey instanceof Uint8Array) throw new Error('no key');
    const pem = await exportSPKI(publicKey);
    const der = createPublicKey(pem).export({ type: 'spki', format: 'der' });
    const hmac = (secret: string | Buffer): string =>
      createHmac('sha256', secret).update(`${hs}.${payload}`).digest('base64url');
    const other = new Issuer();
    const foreign = { ...(await other.rotate()), kid };
    const forged = Buffer.from(
      JSON.stringify({
        iss: issuer.url,
        aud: AUDIENCE,
        sub: 'eve',
        exp: seconds(60),
        ...claims,
        role: 'admin',
      }),
    );
    for (const [what, token] of Object.entries({
      none: `${none}.${payload}.`,
      noneSigned: `${none}.${payload}.${signature}`,
      hmacPem: `${hs}.${payload}.${hmac(pem)}`,
      hmacTrimmed: `${hs}.${payload}.${hmac(pem.trim())}`,
      hmacDer: `${hs}.${payload}.${hmac(der)}`,
      otherKey: await issuer.token(claims, { key: foreign }),
      unknownKid: await issuer.token(claims, { header: { kid: 'nobody' } }),
      jku: await issuer.token(claims, { key: foreign, header: { jku: 'http://127.0.0.1:1/keys' } }),
      otherPayload: `${good.split('.')[0] ?? ''}.${forged.toString('base64url')}.${signature}`,
      cut: good.slice(0, -8),
      empty: '..',
      text: 'a.b.c',
    }))
      expect(await authority.principal(token), what).toBeUndefined();
    for (const text of ['', 'sl_x', `${good} `, `${good}.x`, good.repeat(2)])
      expect(await authority.principal(text)).toBeUndefined();
  });

  it('is let in by a new key at once, and by the one before no longer', async () => {
    const { oidc: authority } = oidc({}, 0);
    const before = await issuer.token(claims);
    expect(await authority.principal(before)).toEqual(WHO);
    await issuer.rotate();
    expect(await authority.principal(await issuer.token(claims))).toEqual(WHO);
    expect(await authority.principal(before)).toBeUndefined();
  });

  it('does not make the issuer be asked for keys again and again', async () => {
    const { oidc: authority } = oidc();
    expect(await authority.principal(await issuer.token(claims))).toEqual(WHO);
    const asked = issuer.asked.length;
    for (let tries = 0; tries < 20; tries += 1)
      expect(
        await authority.principal(await issuer.token(claims, { header: { kid: `no-${tries}` } })),
      ).toBeUndefined();
    expect(issuer.asked).toHaveLength(asked);
  });

  it('is not let in while the keys cannot be had, which is said in one line', async () => {
    issuer.away = true;
    const { oidc: authority, lines } = oidc();
    const token = await issuer.token(claims);
    const asked = issuer.asked.length;
    for (let tries = 0; tries < 5; tries += 1)
      expect(await problemOf(authority.principal(token))).toEqual([
        503,
        'the keys of the issuer cannot be had now; the log of sidelight serve says why',
      ]);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(
      /^oidc\.issuer: the keys of http:\S+ cannot be had: .*; nobody is let in by them$/,
    );
    // One try, and then a pause.
    expect(issuer.asked).toHaveLength(asked + 1);
  });

  it.each([
    ['another issuer', { issuer: 'https://other.example' }],
    ['keys in the clear of another machine', { jwks_uri: 'http://keys.example/keys' }],
    ['no keys', { jwks_uri: undefined }],
  ])('is not let in where discovery names %s', async (_, document) => {
    const said = issuer.document;
    issuer.document = { ...said, ...document };
    const { oidc: authority } = oidc();
    expect((await problemOf(authority.principal(await issuer.token(claims))))[0]).toBe(503);
    issuer.document = said;
  });

  it('needs no discovery where the keys are named', async () => {
    const { oidc: authority } = oidc({ jwks: `${issuer.url}/keys` });
    issuer.asked.length = 0;
    expect(await authority.principal(await issuer.token(claims))).toEqual(WHO);
    expect(issuer.asked).toEqual(['/keys']);
  });

  it('says org and role by the claims of the configuration: the highest of several, and nothing that is not named', async () => {
    const roles = { sre: 'admin', everyone: 'reader' } as const;
    const { oidc: authority } = oidc({
      orgClaim: 'https://sidelight.example/org',
      roleClaim: 'realm.groups',
      roles,
    });
    const ask = async (groups: unknown): Promise<unknown> =>
      authority.principal(
        await issuer.token({ 'https://sidelight.example/org': 'search', realm: { groups } }),
      );
    expect(await ask(['everyone', 'sre', 'x'])).toEqual({ org: 'search', role: 'admin', subject: 'ada' });
    expect(await ask('everyone')).toMatchObject({ role: 'reader' });
    for (const groups of ['admin', ['toString'], [], {}, undefined, 1])
      expect((await problemOf(ask(groups)))[0]).toBe(403);
  });
});

describe('the URL of an issuer', () => {
  it.each([
    ['https://login.example/realm', true],
    ['http://127.0.0.1:8080', true],
    ['http://[::1]:8080', true],
    ['http://localhost', true],
    ['http://login.example', false],
    ['https://me:x@login.example', false],
    ['ftp://login.example', false],
    ['login.example', false],
  ])('%s: %s', (url, good) => {
    expect(SECURE_URL.schema().safeParse(url).success).toBe(good);
  });
});

describe('what is told on and on', () => {
  const endless = (): { response: Response; cancelled: () => boolean } => {
    let cancelled = false;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        controller.enqueue(Buffer.from('data: 1\n\n'));
      },
      cancel: () => {
        cancelled = true;
      },
    });
    const headers = { 'content-type': 'text/event-stream', 'x-it': 'stays' };
    return { response: new Response(body, { headers }), cancelled: () => cancelled };
  };

  it('ends when who listens would not be let in any more, and not before', async () => {
    vi.useFakeTimers();
    onTestFinished(() => {
      vi.useRealTimers();
    });
    const { response, cancelled } = endless();
    let isLetIn = true;
    const guardedOne = guarded(response, () =>
      isLetIn ? Promise.resolve() : Promise.reject(new ApiError(401, 'revoked')),
    );
    expect(guardedOne.headers.get('x-it')).toBe('stays');
    const reader = guardedOne.body?.getReader();
    expect(Buffer.from((await reader?.read())?.value ?? '').toString()).toBe('data: 1\n\n');
    await vi.advanceTimersByTimeAsync(4 * RECHECK_MS);
    expect(cancelled()).toBe(false);
    isLetIn = false;
    const next = reader?.read().then(
      () => 'ended',
      () => 'ended',
    );
    await vi.advanceTimersByTimeAsync(RECHECK_MS);
    expect(await next).toBe('ended');
    expect(cancelled()).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is not asked about when the client is gone', async () => {
    vi.useFakeTimers();
    onTestFinished(() => {
      vi.useRealTimers();
    });
    const { response, cancelled } = endless();
    const guardedOne = guarded(response, () => Promise.reject(new Error('nobody asks')));
    await guardedOne.body?.cancel();
    await vi.advanceTimersByTimeAsync(0);
    expect(cancelled()).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is what is streamed alone: an answer that is whole is left as it is', () => {
    const response = Response.json({});
    expect(guarded(response, () => Promise.reject(new Error('nobody asks')))).toBe(response);
  });
});
