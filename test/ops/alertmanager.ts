/** A real Alertmanager, and the receiver of a webhook that it tells of alerts. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../e2e/listening.ts';
import { until } from '../e2e/sidelight.ts';

export interface Received {
  /** Path of the URL that its receiver has. */
  readonly receiver: string;
  readonly status: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface Alertmanager {
  /** Host and port. */
  readonly address: string;
  readonly received: readonly Received[];
  readonly stop: () => Promise<void>;
}

/** `config`: the YAML, whose receivers are at `http://127.0.0.1:5001/...`; they get the port of ours. */
export async function startAlertmanager(config: string): Promise<Alertmanager> {
  const received: Received[] = [];
  const webhook = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const { alerts } = JSON.parse(body) as { alerts: readonly Omit<Received, 'receiver'>[] };
      for (const alert of alerts) received.push({ ...alert, receiver: request.url ?? '' });
      response.end();
    });
  });
  await new Promise<void>((resolve) => webhook.listen(0, '127.0.0.1', resolve));
  const { port } = webhook.address() as AddressInfo;
  const folder = mkdtempSync(join(tmpdir(), 'sidelight-alertmanager-'));
  const file = join(folder, 'alertmanager.yml');
  writeFileSync(file, config.replaceAll('127.0.0.1:5001', `127.0.0.1:${port}`));
  const address = `127.0.0.1:${await freePort()}`;
  const child = spawn(
    'prometheus-alertmanager',
    [
      `--config.file=${file}`,
      `--storage.path=${join(folder, 'data')}`,
      `--web.listen-address=${address}`,
      '--cluster.listen-address=',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let log = '';
  child.stderr.on('data', (text: Buffer) => (log += text.toString()));
  await once(child, 'spawn');
  const stop = async (): Promise<void> => {
    if (child.exitCode === null) {
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    }
    webhook.closeAllConnections();
    await new Promise((resolve) => webhook.close(resolve));
    rmSync(folder, { recursive: true });
  };
  const isReady = async (): Promise<boolean> => {
    if (child.exitCode !== null) throw new Error(`Alertmanager ended:\n${log}`);
    return (await fetch(`http://${address}/-/ready`).catch(() => undefined))?.ok === true;
  };
  try {
    await until(isReady, 'Alertmanager');
  } catch (error) {
    await stop();
    throw error;
  }
  return { address, received, stop };
}
