/** What a client gets when its server cannot answer: the status of a careful gateway, and JSON-RPC where it spoke that. */
import type { Failure } from '../../wire/exchange.ts';

export interface FailedAnswer {
  readonly failure: Failure;
  readonly status: number;
  readonly contentType: string;
  readonly body: Buffer;
  /** One line, for the recording. */
  readonly detail: string;
}

const STATUS: Readonly<Record<Failure, number>> = {
  refused: 502,
  unresolved: 502,
  unreachable: 502,
  tls: 502,
  timeout: 504,
  closed: 502,
  garbage: 502,
  forbidden: 403,
};

/** JSON-RPC leaves -32000 to -32099 to implementations; MCP gives -32000 to -32019 no meaning. */
const JSON_RPC_CODE = -32000;

const BY_CODE: readonly (readonly [pattern: RegExp, failure: Failure, words: string])[] = [
  [/^ECONNREFUSED$/, 'refused', 'refused the connection'],
  [/^(?:ENOTFOUND|EAI_)/, 'unresolved', 'has a name that cannot be resolved'],
  [
    /^(?:EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|EADDRNOTAVAIL|ENOENT|EACCES)$/,
    'unreachable',
    'cannot be reached',
  ],
  [/^ETIMEDOUT$/, 'timeout', 'did not answer in time'],
  [/^HPE_/, 'garbage', 'answered with something that is not HTTP'],
  [
    /^(?:ERR_TLS|ERR_SSL|ERR_OSSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|EPROTO)/,
    'tls',
    'failed the TLS handshake',
  ],
  [/^(?:ECONNRESET|EPIPE|ECONNABORTED)$/, 'closed', 'closed the connection before it answered'],
];

/** Names what went wrong with the connection to the server. */
export function failureOf(
  error: NodeJS.ErrnoException,
  server: string,
): Pick<FailedAnswer, 'failure' | 'detail'> {
  // Of a name with several addresses, the first one's error stands for all.
  const [first] = error instanceof AggregateError ? (error.errors as NodeJS.ErrnoException[]) : [error];
  const code = first?.code ?? '';
  const [, failure, words] = BY_CODE.find(([pattern]) => pattern.test(code)) ?? [
    undefined,
    'unreachable' as const,
    'cannot be reached',
  ];
  return { failure, detail: `${server} ${words}${code === '' ? '' : ` (${code})`}` };
}

/** `head`: what is known of the request's body; of a JSON-RPC request the answer has its id. */
export function failedAnswer(
  { failure, detail }: Pick<FailedAnswer, 'failure' | 'detail'>,
  request: { readonly isJson: boolean; readonly head: Buffer | undefined },
): FailedAnswer {
  const message = `sidelight: ${detail}`;
  const text = request.isJson
    ? JSON.stringify({ jsonrpc: '2.0', id: idOf(request.head), error: { code: JSON_RPC_CODE, message } })
    : `${message}\n`;
  return {
    failure,
    detail,
    status: STATUS[failure],
    contentType: request.isJson ? 'application/json' : 'text/plain; charset=utf-8',
    body: Buffer.from(text),
  };
}

function idOf(head: Buffer | undefined): string | number | null {
  try {
    const message: unknown = JSON.parse(head?.toString() ?? '');
    const id: unknown = (message as { id?: unknown } | null)?.id;
    return typeof id === 'string' || typeof id === 'number' ? id : null;
  } catch {
    return null;
  }
}
