/** The client that the conformance suite tests: SDK v2, doing what it can with whatever a scenario's server offers. */
import {
  Client,
  ClientCredentialsProvider,
  type FetchLike,
  type OAuthClientProvider,
  PrivateKeyJwtProvider,
  type StoredOAuthClientInformation,
  type StoredOAuthTokens,
  StreamableHTTPClientTransport,
  UnauthorizedError,
} from '@modelcontextprotocol/client';

/** What the suite wants of a client. */
export interface Assignment {
  readonly url: string;
  readonly scenario: string;
  readonly version: string;
  readonly context: {
    readonly client_id?: string;
    readonly client_secret?: string;
    readonly private_key_pem?: string;
    readonly issuer?: string;
    readonly toolCalls?: readonly Call[];
  };
}

interface Call {
  readonly name: string;
  readonly arguments: Record<string, unknown>;
}

const IDENTITY = { name: 'sidelight-test', version: '1.0.0' };
const REDIRECT = 'http://localhost:3000/callback';

/** How often a person agrees to the same: a client must give up on a server that is never content. */
const MAX_AGREED = 3;

/** Plays the client of the scenario; rejects as that client fails. */
export async function play(assignment: Assignment, fetch: FetchLike = globalThis.fetch): Promise<void> {
  const person = authorizing(assignment, fetch);
  for (;;) {
    const transport = new StreamableHTTPClientTransport(new URL(assignment.url), {
      fetch,
      ...(person && { authProvider: person.provider }),
    });
    try {
      await converse(transport, assignment);
      return;
    } catch (error) {
      const callback = person?.callback();
      if (!UnauthorizedError.isInstance(error) || callback === undefined) throw error;
      await transport.finishAuth(callback);
    } finally {
      await transport.close();
    }
  }
}

async function converse(
  transport: StreamableHTTPClientTransport,
  { version, context }: Assignment,
): Promise<void> {
  const modern = version === '2026-07-28';
  const client = new Client(IDENTITY, {
    capabilities: { elicitation: { form: { applyDefaults: true } }, sampling: {}, roots: {} },
    versionNegotiation: { mode: modern ? { pin: version } : 'legacy' },
  });
  client.setRequestHandler('elicitation/create', () => ({ action: 'accept', content: {} }));
  await client.connect(transport);
  const { prompts, resources } = client.getServerCapabilities() ?? {};
  const { tools } = await client.listTools();
  const calls =
    context.toolCalls ??
    tools.map(({ name }) => ({ name, arguments: { a: 5, b: 3, schema: tools[0]?.inputSchema } }));
  for (const call of calls) await client.callTool({ ...call });
  if (prompts) for (const { name } of (await client.listPrompts()).prompts) await client.getPrompt({ name });
  if (resources)
    for (const { uri } of (await client.listResources()).resources) await client.readResource({ uri });
  await client.close();
}

interface Person {
  readonly provider: OAuthClientProvider;
  /** What the browser brought back, once. */
  readonly callback: () => URLSearchParams | undefined;
}

/** Who authorizes: nobody in scenarios without it, the client itself where it has credentials, else a person. */
function authorizing({ scenario, context }: Assignment, fetch: FetchLike): Person | undefined {
  if (!scenario.startsWith('auth/')) return undefined;
  const { client_id: clientId = '', client_secret: clientSecret = '', private_key_pem: privateKey } = context;
  const callback = (): undefined => undefined;
  /* eslint-disable @typescript-eslint/no-deprecated -- without expectedIssuer: the suite does not tell it */
  if (scenario === 'auth/client-credentials-basic')
    return { provider: new ClientCredentialsProvider({ clientId, clientSecret }), callback };
  if (privateKey !== undefined)
    return { provider: new PrivateKeyJwtProvider({ clientId, privateKey, algorithm: 'ES256' }), callback };
  /* eslint-enable @typescript-eslint/no-deprecated */
  return person(context, fetch);
}

/** A person who agrees at once but not to the same for ever, and the client's memory of it. */
function person({ client_id, client_secret, issuer }: Assignment['context'], fetch: FetchLike): Person {
  const agreed = new Map<string, number>();
  let callback: URLSearchParams | undefined;
  let verifier = '';
  let tokens: StoredOAuthTokens | undefined;
  let information: StoredOAuthClientInformation | undefined = client_id
    ? {
        client_id,
        ...(client_secret !== undefined && { client_secret }),
        ...(issuer !== undefined && { issuer }),
      }
    : undefined;
  return {
    callback: () => {
      const brought = callback;
      callback = undefined;
      return brought;
    },
    provider: {
      redirectUrl: REDIRECT,
      clientMetadataUrl: 'https://conformance-test.local/client-metadata.json',
      clientMetadata: { client_name: IDENTITY.name, redirect_uris: [REDIRECT] },
      clientInformation: () => information,
      saveClientInformation: (saved) => {
        information = saved;
      },
      tokens: () => tokens,
      saveTokens: (saved) => {
        tokens = saved;
      },
      codeVerifier: () => verifier,
      saveCodeVerifier: (saved) => {
        verifier = saved;
      },
      redirectToAuthorization: async (url) => {
        const what = `${url.origin} ${url.searchParams.get('scope') ?? ''}`;
        const times = (agreed.get(what) ?? 0) + 1;
        if (times > MAX_AGREED) return;
        agreed.set(what, times);
        const answer = await fetch(url, { redirect: 'manual' });
        callback = new URL(answer.headers.get('location') ?? '').searchParams;
      },
    },
  };
}
