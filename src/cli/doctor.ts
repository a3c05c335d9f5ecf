/**
 * `sidelight doctor`: whether everything that Sidelight needs is there and well: versions, the store, redaction, ports, receivers.
 * It changes nothing, and tells what to do for each thing that is not as it should be. The exit code is 1 when something is wrong.
 */
import { lstatSync, statfsSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { Config } from '../config/config.ts';
import type { Loaded } from '../config/load.ts';
import { StoreError } from '../store/error.ts';
import { type StoreHealth, storeHealth } from '../store/health.ts';
import { json, localTime, safe, size, type Style, type Terminal } from './terminal.ts';

export interface Finding {
  readonly what: string;
  readonly state: 'ok' | 'warning' | 'problem';
  readonly detail: string;
  /** What to do; empty where nothing is to be done. */
  readonly fix: string;
}

interface Address {
  readonly host: string;
  readonly port: number;
}

const STYLE: Readonly<Record<Finding['state'], Style>> = { ok: 'green', warning: 'yellow', problem: 'red' };
const WORDS: Readonly<Record<Finding['state'], string>> = {
  ok: 'ok     ',
  warning: 'warning',
  problem: 'problem',
};
const OTHERS = 0o077;
/** Less is soon full. */
const LOW_DISK_BYTES = 1024 ** 3;
const REACH_MS = 3000;
const NODE_FLOOR = [20, 19] as const;
const SIGNALS = ['traces', 'metrics', 'logs'] as const;

/** Prints what was looked at; resolves to the exit code. */
export async function doctor(
  { config, warnings }: Loaded,
  options: { readonly json?: boolean },
  { terminal, version }: { readonly terminal: Terminal; readonly version: string },
): Promise<number> {
  const found: Finding[] = [
    ...versions(version),
    ...configuration(warnings),
    ...(await store(config)),
    ...redaction(config),
    ...(await ports(config)),
    ...(await receivers(config)),
  ];
  if (options.json === true) await terminal.line(json({ ok: found.every(isFine), checks: found }));
  else
    for (const { what, state, detail, fix } of found) {
      await terminal.line(`${terminal.paint(STYLE[state], WORDS[state])}  ${what}: ${safe(detail)}`);
      if (fix !== '') await terminal.line(`         ${safe(fix)}`);
    }
  return found.every(isFine) ? 0 : 1;
}

function isFine({ state }: Finding): boolean {
  return state !== 'problem';
}

function versions(version: string): Finding[] {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const [floor, patch] = NODE_FLOOR;
  const isOld = major < floor || (major === floor && minor < patch);
  return [
    ok('sidelight', version),
    isOld
      ? problem('node', process.version, `use Node ${floor}.${patch} or newer`)
      : ok('node', `${process.version} on ${process.platform} ${process.arch}`),
  ];
}

function configuration(warnings: readonly string[]): Finding[] {
  return warnings.length === 0
    ? [ok('configuration', 'no contradictions')]
    : warnings.map((warning) => ({
        what: 'configuration',
        state: 'warning',
        detail: warning,
        fix: 'sidelight config print shows where each value comes from',
      }));
}

async function store({ dataDir, record, retention, fullText }: Config): Promise<Finding[]> {
  if (record === 'off') return [ok('store', 'nothing is recorded (record: off)')];
  let health: StoreHealth;
  try {
    health = await storeHealth(dataDir);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    // The line says what to do.
    return error.code === 'store_missing'
      ? [ok('store', `nothing is recorded in ${dataDir} yet`), ...disk(dataDir)]
      : [problem('store', error.message, '')];
  }
  const { path, bytes, usedBytes, schema, integrity, sessions, live, interrupted, tidiedUntilUs } = health;
  const bound = retention.bytes;
  const isLarge = bound !== undefined && usedBytes > bound * 1.2;
  return [
    ok(
      'store',
      `${path}, ${size(bytes)}, ${size(usedBytes)} in use, schema ${schema}, SQLite ${health.sqlite}`,
    ),
    integrity === 'ok'
      ? ok('integrity', 'the structure of the file is sound')
      : problem('integrity', integrity, 'export what you need, then move the file away: a new one is made'),
    isLarge
      ? warning(
          'retention',
          `${size(usedBytes)} are more than retention.size allows (${size(bound)})`,
          'sidelight prune; or a sidecar that runs for ten minutes does it',
        )
      : ok('retention', `${sessions} sessions, ${live} live, ${interrupted} interrupted`),
    ok(
      'housekeeping',
      tidiedUntilUs === undefined
        ? 'nobody is at it right now'
        : `a process is at it, at most until ${localTime(tidiedUntilUs)}`,
    ),
    texts(health, fullText),
    ...permissions(dataDir, path),
    ...disk(dataDir),
  ];
}

function texts(
  { usedBytes, sessions, textIndex }: StoreHealth,
  { enabled, maxStoreBytes }: Config['fullText'],
): Finding {
  const { bytes, blocks, unindexedSessions, unpurged } = textIndex;
  const what = 'full text';
  if (!enabled)
    return ok(what, `no index (fullText: false)${blocks > 0 ? `, ${size(bytes)} to be removed` : ''}`);
  const deleted = unpurged === 0 ? '' : `, ${unpurged} deleted entries to be overwritten within a day`;
  const detail = `${sessions - unindexedSessions} of ${sessions} sessions are in the index, ${size(bytes)}${deleted}`;
  return maxStoreBytes !== undefined && usedBytes > maxStoreBytes
    ? warning(
        what,
        `${detail}; no more are entered above fullText.maxStore (${size(maxStoreBytes)})`,
        'raise it, or lower retention.size; searches read what is not in it',
      )
    : ok(what, detail);
}

function permissions(dataDir: string, path: string): Finding[] {
  const open = [path, `${path}-wal`, `${path}-shm`].filter((file) => {
    const stat = lstatSync(file, { throwIfNoEntry: false });
    return stat !== undefined && process.platform !== 'win32' && (stat.mode & OTHERS) !== 0;
  });
  const folder = lstatSync(dataDir, { throwIfNoEntry: false });
  if (open.length > 0)
    return [problem('permissions', `others can read ${open.join(', ')}`, `chmod 600 ${open.join(' ')}`)];
  return folder !== undefined && (folder.mode & OTHERS) !== 0
    ? [
        warning(
          'permissions',
          `others can look into ${dataDir}; the files are the owner's alone`,
          `chmod 700 ${dataDir}`,
        ),
      ]
    : [ok('permissions', "the files are the owner's alone")];
}

function disk(dataDir: string): Finding[] {
  try {
    const { bavail, bsize } = statfsSync(dataDir);
    const free = bavail * bsize;
    return free < LOW_DISK_BYTES
      ? [warning('disk', `${size(free)} are free`, 'make room, or lower retention.size')]
      : [ok('disk', `${size(free)} are free`)];
  } catch {
    // There is no folder yet.
    return [];
  }
}

function redaction({ redact, dataDir, record }: Config): Finding[] {
  if (!redact)
    return [
      warning(
        'redaction',
        'off: secrets are recorded, logged and exported as they are',
        'remove redact: false, or --no-redact',
      ),
    ];
  const path = join(dataDir, 'redaction.key');
  const key = lstatSync(path, { throwIfNoEntry: false });
  if (key === undefined)
    return [ok('redaction', record === 'off' ? 'on' : 'on; its key is made with the first recording')];
  return (key.mode & OTHERS) !== 0 && process.platform !== 'win32'
    ? [problem('redaction', `others can read its key, ${path}`, `remove it: a new one is made`)]
    : [ok('redaction', 'on')];
}

async function ports({ admin, http }: Config): Promise<Finding[]> {
  const wanted: (readonly [string, Address])[] = [
    ...(admin === undefined || admin.port === 0 ? [] : [['admin', admin] as const]),
    ...(http.target === undefined ||
    typeof http.listen !== 'object' ||
    !('port' in http.listen) ||
    http.listen.port === 0
      ? []
      : [['listen', http.listen] as const]),
  ];
  const found: Finding[] = [];
  for (const [what, address] of wanted) {
    const code = await taken(address);
    const at = `${address.host}:${address.port}`;
    if (code === undefined) found.push(ok(what, `${at} is free`));
    else if (code === 'EADDRINUSE')
      found.push(warning(what, `${at} is in use`, 'by a Sidelight that runs, or choose another port'));
    else found.push(problem(what, `${at} cannot be listened on (${code})`, 'choose another address'));
  }
  return found;
}

function taken({ host, port }: Address): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code ?? error.message);
    });
    server.listen({ host, port, exclusive: true }, () => {
      server.close(() => {
        resolve(undefined);
      });
    });
  });
}

/** An empty export, which every receiver answers. */
async function receivers({ otlp }: Config): Promise<Finding[]> {
  const found: Finding[] = [];
  for (const signal of SIGNALS) {
    const base =
      otlp.endpoint === undefined ? undefined : `${otlp.endpoint.replace(/\/+$/, '')}/v1/${signal}`;
    const url = otlp[`${signal}Endpoint`] ?? base;
    if (url === undefined || !otlp[signal]) continue;
    const what = `otlp ${signal}`;
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: { ...(otlp[`${signal}Headers`] ?? otlp.headers), 'content-type': 'application/json' },
        body: '{}',
        signal: AbortSignal.timeout(REACH_MS),
      });
      await response.body?.cancel();
      if (response.ok) found.push(ok(what, `${new URL(url).origin} answers`));
      else if (response.status === 401 || response.status === 403)
        found.push(
          problem(what, `${new URL(url).origin} answers HTTP ${response.status}`, 'look at otlp.headers'),
        );
      else
        found.push(
          problem(
            what,
            `${new URL(url).origin} answers HTTP ${response.status}`,
            'is this the endpoint of an OTLP/HTTP receiver?',
          ),
        );
    } catch (error) {
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
      const why =
        cause instanceof Error ? ('code' in cause ? String(cause.code) : cause.name) : String(cause);
      found.push(
        problem(
          what,
          `${new URL(url).origin} cannot be reached (${why})`,
          'start the receiver, or set otlp.endpoint',
        ),
      );
    }
  }
  return found.length === 0 ? [ok('otlp', 'nothing is exported')] : found;
}

function ok(what: string, detail: string): Finding {
  return { what, state: 'ok', detail, fix: '' };
}

function warning(what: string, detail: string, fix: string): Finding {
  return { what, state: 'warning', detail, fix };
}

function problem(what: string, detail: string, fix: string): Finding {
  return { what, state: 'problem', detail, fix };
}
