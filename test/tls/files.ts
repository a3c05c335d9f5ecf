/**
 * A throwaway authority and the two certificates that it signed, for tests over TLS on 127.0.0.1. Its key is thrown
 * away, so nobody can sign another; what is here protects nothing.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const pathOf = (name: `${'ca' | 'server' | 'client'}${'' | '-key'}.pem`): string =>
  fileURLToPath(new URL(name, import.meta.url));

const read = (name: Parameters<typeof pathOf>[0]): string => readFileSync(pathOf(name), 'utf8');

export const TLS = {
  ca: read('ca.pem'),
  server: { cert: read('server.pem'), key: read('server-key.pem') },
  client: { cert: read('client.pem'), key: read('client-key.pem') },
} as const;
