import { request } from 'node:http';
import { createServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { pathOf, TLS } from '../tls/files.ts';
import { operations } from './events.ts';
import { type Receiver, sinkTo, startReceiver } from './receiver.ts';

/** An independent receiver behind TLS, as a collector behind its gateway is. */
async function startTlsReceiver(options: ServerOptions = {}): Promise<Receiver> {
  const receiver = await startReceiver();
  const server = createServer({ ...TLS.server, ...options }, (from, to) => {
    const { method, headers } = from;
    const onward = request(
      `${receiver.endpoint}${from.url ?? ''}`,
      { method: method ?? '', headers },
      (answer) => answer.pipe(to.writeHead(answer.statusCode ?? 500)),
    );
    from.pipe(onward);
  });
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { ...receiver, endpoint: `https://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const TRUST = { OTEL_EXPORTER_OTLP_CERTIFICATE: pathOf('ca.pem') };

describe('traces over TLS', () => {
  it('reach a receiver whose authority the standard variable names', async () => {
    const receiver = await startTlsReceiver();
    const { sink, stats, said } = sinkTo(receiver.endpoint, { env: TRUST });
    await sink.write(operations(3));
    expect(receiver.spans()).toHaveLength(3);
    expect(stats.drops()).toEqual([]);
    expect(said).toEqual([]);
  });

  it('are sent to nobody whom no known authority vouches for, which is counted and said', async () => {
    const receiver = await startTlsReceiver();
    const { sink, stats, said } = sinkTo(receiver.endpoint);
    await sink.write(operations(3));
    expect(receiver.spans()).toEqual([]);
    expect(stats.drops()).toMatchObject([{ stage: 'traces', reason: 'export_failed', count: 3 }]);
    expect(said).toHaveLength(1);
    expect(said[0]).toMatch(/certificate/);
  });

  it('show the client certificate that the standard variables name, and are refused without one', async () => {
    const receiver = await startTlsReceiver({ ca: TLS.ca, requestCert: true, rejectUnauthorized: true });
    const certificate = {
      OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: pathOf('client.pem'),
      OTEL_EXPORTER_OTLP_CLIENT_KEY: pathOf('client-key.pem'),
    };
    const known = sinkTo(receiver.endpoint, { env: { ...TRUST, ...certificate } });
    await known.sink.write(operations(2));
    expect(receiver.spans()).toHaveLength(2);
    const unknown = sinkTo(receiver.endpoint, { env: TRUST });
    await unknown.sink.write(operations(2));
    expect(receiver.spans()).toHaveLength(2);
    expect(unknown.stats.drops()).toMatchObject([{ stage: 'traces', reason: 'export_failed', count: 2 }]);
  });

  it('name the file that cannot be read', async () => {
    const { sink, said } = sinkTo('https://127.0.0.1:9', {
      env: { OTEL_EXPORTER_OTLP_CERTIFICATE: '/no/such/authority.pem' },
    });
    await sink.write(operations(1));
    expect(said.join()).toContain('/no/such/authority.pem');
  });
});
