/** The settings of `sidelight http`: a part of the one table of settings. */
import { HOSTS, LISTEN, MOUNT, ORIGINS, TARGET } from './addresses.ts';
import { option, unset } from './option.ts';
import { count, duration, size } from './quantity.ts';
import { oneOf, orNone, PATH, SWITCH } from './schema.ts';

const KIB = 1024;
const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
/** Node's own default, 16 KiB, is not enough for a long Mcp-Name beside a large token. */
const MAX_HEADER_BYTES = 64 * KIB;
/** A SYN that was lost is sent again after 1, 3, 7 and 15 s: what has not connected by then does not. */
const CONNECT_TIMEOUT_MS = 30_000;
/** `docker stop` kills after 10 s, and what was observed has to be flushed within them too. */
const SHUTDOWN_TIMEOUT_MS = 8000;

export const HTTP_OPTIONS = {
  target: unset({
    kind: TARGET,
    description: 'URL of the MCP server. A request for / goes to its path, any other path is the same there.',
    fallbackText: 'none; it must be given',
  }),
  listen: option({
    kind: LISTEN,
    fallback: { host: '127.0.0.1', port: 8808 },
    description: 'Where clients connect, or unix:PATH; without a host on loopback, port 0 picks a free one.',
  }),
  allowRemote: option({
    kind: SWITCH,
    fallback: false,
    description: 'Listen where other machines can connect.',
  }),
  allowedHosts: option({
    kind: HOSTS,
    fallback: [],
    description: 'Values of Host that are let in; a request with another gets 403.',
    fallbackText: 'all; on loopback and with Host rewritten, those that name loopback',
  }),
  allowedOrigins: option({
    kind: ORIGINS,
    fallback: [],
    description: 'Values of Origin that are let in; a request with another gets 403, one without passes.',
    fallbackText: 'all; Origin reaches the server, which judges it',
  }),
  host: option({
    kind: oneOf('mode', ['preserve', 'rewrite', 'auto']),
    fallback: 'auto',
    description:
      "The Host that the server sees: the client's, the target's, or the client's if the target is on loopback.",
  }),
  mount: option({
    kind: MOUNT,
    fallback: '',
    description: 'Path prefix that clients use and the server does not see.',
    fallbackText: 'none',
  }),
  forwarded: option({
    kind: SWITCH,
    fallback: false,
    description: 'Tell the server about the client in Forwarded and X-Forwarded-* headers.',
  }),
  rewriteOauth: option({
    kind: SWITCH,
    fallback: false,
    description: "Put Sidelight's own URL into the server's protected resource metadata.",
  }),
  tlsCert: unset({
    kind: PATH,
    description: 'PEM file of the certificate chain to serve HTTPS with.',
    fallbackText: 'none; plain HTTP is served',
  }),
  tlsKey: unset({
    kind: PATH,
    description: "PEM file of that certificate's private key.",
    fallbackText: 'none',
  }),
  targetCa: unset({
    kind: PATH,
    description: "PEM file of the authorities that the target's certificate may come from.",
    fallbackText: 'those that Node trusts',
  }),
  targetCert: unset({
    kind: PATH,
    description: 'PEM file of a client certificate to show to the target.',
    fallbackText: 'none',
  }),
  targetKey: unset({
    kind: PATH,
    description: "PEM file of the client certificate's private key.",
    fallbackText: 'none',
  }),
  connectTimeout: option({
    kind: orNone(duration(1, 10 * MINUTE_MS)),
    fallback: CONNECT_TIMEOUT_MS,
    description: 'The longest that connecting to the target may take; then the client gets 504.',
  }),
  responseTimeout: unset({
    kind: orNone(duration(1, DAY_MS)),
    description:
      'The longest wait for the head of a response; then the client gets 504. Streams may last for ever.',
    fallbackText: 'none',
  }),
  maxHeaderSize: option({
    kind: size(8 * KIB, 1024 * KIB),
    fallback: MAX_HEADER_BYTES,
    description: 'Bytes of all headers of a request or a response; a request with more gets 431.',
  }),
  maxConnections: option({
    kind: count(1, 1_000_000),
    fallback: 10_000,
    description: 'Connections of clients at the same time; further ones are closed and counted.',
  }),
  shutdownTimeout: option({
    kind: duration(0, 10 * MINUTE_MS),
    fallback: SHUTDOWN_TIMEOUT_MS,
    description: 'How long requests in flight may take to finish when Sidelight is told to end.',
  }),
  sessionIdle: option({
    kind: duration(1000, DAY_MS),
    fallback: 30 * MINUTE_MS,
    description: 'A session that nobody uses for so long has ended, where nothing else says when it does.',
  }),
} as const;
