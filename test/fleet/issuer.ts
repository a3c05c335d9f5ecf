/** A real issuer of OpenID Connect on loopback: discovery, keys, rotation, and tokens as it or somebody else would make them. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose';

interface Key {
  readonly kid: string;
  readonly jwk: JWK;
  readonly secret: CryptoKey;
}

export class Issuer {
  readonly #server = createServer((request, response) => {
    this.asked.push(request.url ?? '');
    if (this.away) {
      request.socket.destroy();
      return;
    }
    const isDiscovery = request.url === '/.well-known/openid-configuration';
    const body = isDiscovery
      ? { issuer: this.url, ...this.document }
      : { keys: this.#keys.map(({ jwk }) => jwk) };
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(body));
  });
  /** The newest last. */
  #keys: readonly Key[] = [];
  #made = 0;
  readonly asked: string[] = [];
  /** It breaks every connection. */
  away = false;
  url = '';
  /** What discovery says besides. */
  document: Readonly<Record<string, unknown>> = {};

  async start(): Promise<void> {
    await this.rotate();
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    this.document = { jwks_uri: `${this.url}/keys` };
  }

  /** A new key in the place of all before. */
  async rotate(alg = 'RS256'): Promise<Key> {
    const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
    const kid = `key-${(this.#made += 1)}`;
    const key = { kid, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' }, secret: privateKey };
    this.#keys = [key];
    return key;
  }

  get key(): Key {
    const key = this.#keys.at(-1);
    if (key === undefined) throw new Error('not started');
    return key;
  }

  /** A good token, but for what is said otherwise. */
  token(
    claims: JWTPayload = {},
    {
      header = {},
      key = this.key,
    }: { readonly header?: Readonly<Record<string, string>>; readonly key?: Key } = {},
  ): Promise<string> {
    const now = Math.floor(Date.now() / 1000);
    return new SignJWT({
      iss: this.url,
      aud: AUDIENCE,
      sub: 'ada',
      iat: now,
      exp: now + 300,
      ...claims,
    })
      .setProtectedHeader({ alg: key.jwk.alg ?? '', kid: key.kid, ...header })
      .sign(key.secret);
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close').catch(() => undefined);
  }
}

export const AUDIENCE = 'sidelight';
