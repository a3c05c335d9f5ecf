/** A real Prometheus that scrapes what it is told to, and what it answers when it is asked. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './listening.ts';
import { until } from './sidelight.ts';

export interface Series {
  readonly metric?: Readonly<Record<string, string>>;
  /** Seconds, and the value as text. */
  readonly value?: readonly [number, string];
  readonly exemplars?: readonly unknown[];
}

export interface Prometheus {
  /** `data` of an answer of its HTTP API. */
  readonly json: (path: string, parameters?: Readonly<Record<string, string>>) => Promise<unknown>;
  readonly ask: (path: string, parameters: Readonly<Record<string, string>>) => Promise<readonly Series[]>;
  /** The value of a query with one series or none, which is 0. */
  readonly value: (query: string) => Promise<number>;
  readonly stop: () => Promise<void>;
}

export interface Rules {
  /** As files of rules have it. */
  readonly yaml: readonly string[];
  /** Host and port of the Alertmanager that is told of alerts. */
  readonly alertmanager: string;
}

/** `targets`: host and port of each. Resolves when it has scraped one of them once. */
export async function startPrometheus(
  targets: string | readonly string[],
  rules?: Rules,
): Promise<Prometheus> {
  const folder = mkdtempSync(join(tmpdir(), 'sidelight-prometheus-'));
  const ruleFiles = (rules?.yaml ?? []).map((yaml, index) => {
    const path = join(folder, `rules-${index}.yaml`);
    writeFileSync(path, yaml);
    return path;
  });
  const static_configs = [{ targets: [targets].flat() }];
  const config = {
    global: { scrape_interval: '200ms', scrape_timeout: '200ms', evaluation_interval: '200ms' },
    scrape_configs: [{ job_name: 'sidelight', static_configs }],
    rule_files: ruleFiles,
    alerting: {
      alertmanagers: rules === undefined ? [] : [{ static_configs: [{ targets: [rules.alertmanager] }] }],
    },
  };
  // JSON is YAML.
  writeFileSync(join(folder, 'prometheus.yml'), JSON.stringify(config));
  // It does not say which port it got, so that it cannot be given 0.
  const address = `127.0.0.1:${await freePort()}`;
  const child = spawn(
    'prometheus',
    [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=${address}`,
      '--enable-feature=exemplar-storage',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let log = '';
  child.stderr.on('data', (text: Buffer) => (log += text.toString()));
  await once(child, 'spawn');
  const json: Prometheus['json'] = async (path, parameters = {}) => {
    const query = new URLSearchParams(parameters).toString();
    const response = await fetch(`http://${address}/api/v1/${path}?${query}`);
    return ((await response.json()) as { data: unknown }).data;
  };
  const ask: Prometheus['ask'] = async (path, parameters) => {
    const data = (await json(path, parameters)) as { result?: readonly Series[] } | readonly Series[];
    return 'result' in data ? (data.result ?? []) : (data as readonly Series[]);
  };
  const stop = async (): Promise<void> => {
    if (child.exitCode === null) {
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    }
    rmSync(folder, { recursive: true });
  };
  const scraped = async (): Promise<boolean> => {
    if (child.exitCode !== null) throw new Error(`Prometheus ended:\n${log}`);
    const found = await ask('query', { query: 'scrape_samples_scraped' }).catch(() => []);
    return found.length > 0;
  };
  try {
    await until(scraped, 'Prometheus to scrape');
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    json,
    ask,
    value: async (query) => {
      const found = await ask('query', { query });
      if (found.length > 1) throw new Error(`${found.length} series: ${query}`);
      return Number(found[0]?.value?.[1] ?? 0);
    },
    stop,
  };
}
