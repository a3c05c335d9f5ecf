import { once } from 'node:events';
import { createServer, type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { startThrough } from '../e2e/through.ts';
import { type Assignment, play } from './client.ts';
import { counts, failed, HAND_OVER, runSuite, type Suite, type Verdicts } from './suite.ts';

const RUNS: readonly [Suite, ...string[]][] = [
  ['conformance-2025', '--suite', 'all'],
  ['conformance-2026', '--requirements', '2025-11-25'],
  ['conformance-2026', '--requirements', '2026-07-28'],
];

/** The suite starts all scenarios at once; so many are played at a time, for the clients' sake. */
const AT_A_TIME = 4;

/** Of the suite, for one scenario: ours wait for their turn. */
const TIMEOUT_MS = '120000';

/** Runs the client suite with the given way to play. */
async function runClients(
  suite: Suite,
  args: readonly string[],
  played: (assignment: Assignment) => Promise<void>,
): Promise<Verdicts> {
  // The SDK tells of everything odd that the suite does to it.
  for (const method of ['warn', 'debug'] as const) vi.spyOn(console, method).mockReturnValue();
  const turn = turns(AT_A_TIME);
  const desk = createServer((posted, response) => {
    void turn(async () => {
      const assignment = JSON.parse(await text(posted)) as Assignment;
      const error = await played(assignment).catch((reason: unknown) => String(reason));
      response.writeHead(error === undefined ? 200 : 500).end(error);
    });
  });
  desk.listen(0, '127.0.0.1');
  await once(desk, 'listening');
  const { port } = desk.address() as AddressInfo;
  const command = `${process.execPath} ${HAND_OVER} ${String(port)}`;
  return runSuite(suite, ['client', ...args, '--command', command, '--timeout', TIMEOUT_MS]).finally(() => {
    desk.close();
  });
}

/** Runs what it is given, so many at a time, in order. */
function turns(many: number): (work: () => Promise<void>) => Promise<void> {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (work) => {
    if (running === many) await new Promise<void>((resolve) => waiting.push(resolve));
    else running += 1;
    await work().finally(() => {
      const next = waiting.shift();
      if (next) next();
      else running -= 1;
    });
  };
}

/** A fetch for which the proxy has the name of the server, as when a DNS entry leads there. */
function inTheNameOf(target: URL, proxy: URL): typeof fetch {
  return async (input, init) => {
    const asked = new Request(input, init);
    const url = new URL(asked.url);
    if (url.host !== target.host) return fetch(asked);
    const upstream = request({
      host: proxy.hostname,
      port: proxy.port,
      method: asked.method,
      path: url.pathname + url.search,
      headers: { ...Object.fromEntries(asked.headers), host: url.host },
      signal: asked.signal,
    });
    upstream.end(new Uint8Array(await asked.arrayBuffer()));
    const [answer] = (await once(upstream, 'response')) as [IncomingMessage];
    const headers = Object.entries(answer.headersDistinct).flatMap(([name, values = []]) =>
      values.map((value): [string, string] => [name, value]),
    );
    const { statusCode: status = 0 } = answer;
    const body = status === 204 ? null : (Readable.toWeb(answer) as ReadableStream);
    return new Response(body, { status, headers });
  };
}

/**
 * OAuth binds a token to the URL of the server (RFC 8707, RFC 9728): its metadata name that URL, and a client that was
 * given the proxy's must refuse. That is what these are about; they pass when the proxy has the server's name.
 */
const RULED_OUT_AT_ANOTHER_ORIGIN = new Set([
  'auth/authorization-server-migration',
  'auth/basic-cimd',
  'auth/client-credentials-basic',
  'auth/client-credentials-jwt',
  'auth/cross-app-access-complete-flow',
  'auth/dpop',
  'auth/dpop-nonce',
  'auth/enterprise-managed-authorization',
  'auth/iss-normalized',
  'auth/iss-not-advertised',
  'auth/iss-supported',
  'auth/iss-supported-missing',
  'auth/iss-unexpected',
  'auth/iss-wrong-issuer',
  'auth/metadata-default',
  'auth/metadata-var1',
  'auth/metadata-var2',
  'auth/metadata-var3',
  'auth/offline-access-not-supported',
  'auth/offline-access-scope',
  'auth/pre-registration',
  'auth/scope-from-scopes-supported',
  'auth/scope-from-www-authenticate',
  'auth/scope-omitted-when-undefined',
  'auth/scope-retry-limit',
  'auth/scope-step-up',
  'auth/token-endpoint-auth-basic',
  'auth/token-endpoint-auth-none',
  'auth/token-endpoint-auth-post',
  'auth/wif-jwt-bearer',
]);

/** What our client fails without any proxy: grants it does not know, and metadata that the SDK takes no longer. */
const FAILS_DIRECTLY = new Set([
  'auth/2025-03-26-oauth-metadata-backcompat',
  'auth/cross-app-access-complete-flow',
  'auth/dpop',
  'auth/dpop-nonce',
  'auth/enterprise-managed-authorization',
  'auth/wif-jwt-bearer',
]);

describe.each(RUNS)('%s %s %s finds the same in a client', (suite, ...args) => {
  let direct: Verdicts;
  beforeAll(async () => {
    direct = await runClients(suite, args, play);
    console.log(`client, ${args.join(' ')}: ${counts(direct)}`);
  }, 120_000);

  it('that needs no proxy to pass', () => {
    expect(failed(direct).filter((name) => !FAILS_DIRECTLY.has(name))).toEqual([]);
  });

  it('that reaches it through the proxy, but for what another origin rules out', async () => {
    const through = await runClients(suite, args, async (assignment) => {
      const { url, stop } = await startThrough(assignment.url);
      await play({ ...assignment, url }).finally(stop);
    });
    const differing = Object.keys(direct).filter((name) => RULED_OUT_AT_ANOTHER_ORIGIN.has(name));
    console.log(
      `client at another origin, ${args.join(' ')}: ${counts(through)}; ${String(differing.length)} not comparable`,
    );
    for (const [name, verdict] of Object.entries(direct)) {
      if (RULED_OUT_AT_ANOTHER_ORIGIN.has(name)) expect(through[name], name).not.toEqual(verdict);
      else expect(through[name], name).toEqual(verdict);
    }
  }, 120_000);

  it('that finds the proxy under the name of the server, authorization included', async () => {
    const named = await runClients(suite, args, async (assignment) => {
      const { url, stop } = await startThrough(assignment.url);
      await play(assignment, inTheNameOf(new URL(assignment.url), new URL(url))).finally(stop);
    });
    console.log(`client under the same name, ${args.join(' ')}: ${counts(named)}`);
    expect(named).toEqual(direct);
  }, 120_000);
});
