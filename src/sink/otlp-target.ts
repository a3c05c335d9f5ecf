/** Where each of the three signals goes, and who sends it: a URL, headers, and the resource. It sends nothing itself. */
import type { Config, OtlpConfig } from '../config/config.ts';
import { ATTRIBUTE } from '../event/attributes.ts';
import type { McpEvent } from '../event/event.ts';
import type { Attributes } from './span.ts';

export type Signal = 'traces' | 'metrics' | 'logs';

export interface OtlpTarget {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Undefined: nobody wants this signal, or there is no place for it. */
export function otlpTarget(otlp: OtlpConfig, signal: Signal): OtlpTarget | undefined {
  const { endpoint, [`${signal}Endpoint` as const]: own, [`${signal}Headers` as const]: headers } = otlp;
  const url = own ?? (endpoint === undefined ? undefined : `${endpoint.replace(/\/+$/, '')}/v1/${signal}`);
  return url === undefined || !otlp[signal] ? undefined : { url, headers: headers ?? otlp.headers };
}

/** Sidelight's own process. `instanceId` differs between any two processes. */
export interface Self {
  readonly pid: number;
  readonly hostname: string;
  readonly version: string;
  readonly instanceId: string;
}

/** What all spans, metrics or log records of a request have in common. */
export interface Origin {
  readonly resource: Attributes;
  readonly scope: { readonly name: string; readonly version: string };
}

/** The service is the wrapped server: its name is known only when it has said it. */
export class ServiceOrigin {
  readonly #config: Pick<Config, 'serviceName' | 'resourceAttributes'>;
  readonly #self: Self;
  #server: { readonly name: string; readonly version: string | undefined } | undefined;

  constructor(config: Pick<Config, 'serviceName' | 'resourceAttributes'>, self: Self) {
    this.#config = config;
    this.#self = self;
  }

  /** To be told of every event that may name the server. */
  see(event: McpEvent): void {
    if (event.type === 'session_described')
      this.#server = { name: event.server, version: event.serverInfo?.version };
    else if (event.type === 'operation_finished' || event.type === 'session_ended')
      this.#server ??= { name: event.server, version: undefined };
  }

  get(): Origin {
    const { serviceName, resourceAttributes } = this.#config;
    const { pid, hostname, version, instanceId } = this.#self;
    const attributes: Record<string, string | number> = {
      [ATTRIBUTE.serviceName]: this.#server?.name ?? 'sidelight',
      [ATTRIBUTE.serviceInstanceId]: instanceId,
      [ATTRIBUTE.hostName]: hostname,
      [ATTRIBUTE.processPid]: pid,
      [ATTRIBUTE.telemetrySdkName]: 'sidelight',
      [ATTRIBUTE.telemetrySdkLanguage]: 'nodejs',
      [ATTRIBUTE.telemetrySdkVersion]: version,
      ...resourceAttributes,
    };
    if (this.#server?.version !== undefined) attributes[ATTRIBUTE.serviceVersion] ??= this.#server.version;
    if (serviceName !== undefined) attributes[ATTRIBUTE.serviceName] = serviceName;
    return { resource: attributes, scope: { name: 'sidelight', version } };
  }
}
