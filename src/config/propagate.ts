/** What else must hold when servers are told of our spans: that they can be, and that the spans are exported. */
import type { Config } from './config.ts';
import { ConfigError } from './error.ts';
import type { Key } from './options.ts';

/** A span that a server was told of and nobody exports is missing between the caller's spans and the server's. */
export function propagateWarnings({ propagate, otlp }: Config): string[] {
  const isExported = otlp.traces && (otlp.tracesEndpoint ?? otlp.endpoint) !== undefined;
  return propagate === 'off' || isExported
    ? []
    : ['propagate: the spans that the server is told of are not exported; set --otlp-endpoint'];
}

/** Throws ConfigError for what only `sidelight http` can do. */
export function propagatesOnStdio(
  { propagate }: Config,
  sources: ReadonlyMap<Key, { readonly where: string }>,
): void {
  if (propagate !== 'header') return;
  const where = sources.get('propagate')?.where ?? '--propagate';
  throw new ConfigError(`${where}: a server on stdio has no headers; header is for sidelight http, use meta`);
}
