/** The unit for systemd: that it starts what there is, with settings that it knows, in a narrow place. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { httpSetup } from '../../src/config/http.ts';
import { loadConfig } from '../../src/config/load.ts';

const FOLDER = fileURLToPath(new URL('../../deploy/systemd/', import.meta.url));
const UNIT = readFileSync(join(FOLDER, 'sidelight.service'), 'utf8');

/** Lines `Key=value` of a file, the first # of a commented-out setting taken away. */
function entries(text: string): (readonly [string, string])[] {
  return text
    .split('\n')
    .map((line) => /^#?(\w+)=(.*)$/.exec(line))
    .flatMap((found) => (found === null ? [] : [[found[1] ?? '', found[2] ?? ''] as const]));
}

const unit = new Map(entries(UNIT));

test('each setting of the example is one of ours, and together they start', async () => {
  const written = entries(readFileSync(join(FOLDER, 'sidelight.env'), 'utf8'));
  expect(written.length).toBeGreaterThan(5);
  const folder = mkdtempSync(join(tmpdir(), 'sidelight-systemd-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  const headers = join(folder, 'headers');
  writeFileSync(headers, 'Authorization: Bearer x\n', { mode: 0o600 });
  const [, own = ''] = /^SIDELIGHT_DATA_DIR=(.*)$/.exec(unit.get('Environment') ?? '') ?? [];
  const env = {
    ...Object.fromEntries(written),
    SIDELIGHT_OTLP_HEADERS_FILE: headers,
    SIDELIGHT_DATA_DIR: own.replace('%S', '/var/lib'),
  };
  const loaded = await loadConfig({ env, flags: {}, cwd: '/', homedir: undefined, platform: 'linux' });
  expect(httpSetup(loaded).target.href).toBe('http://127.0.0.1:3000/');
  expect(loaded.config.dataDir).toBe(`/var/lib/${unit.get('StateDirectory') ?? ''}`);
  expect(loaded.warnings).toEqual([]);
  // What is in flight has its time, and the last flush after it.
  expect(Number(unit.get('TimeoutStopSec')) * 1000).toBeGreaterThan(
    loaded.config.http.shutdownTimeoutMs + 2000,
  );
});

describe('the unit', () => {
  test('runs as a user of its own that can write to its state alone', () => {
    expect(Object.fromEntries(unit)).toMatchObject({
      DynamicUser: 'yes',
      ProtectSystem: 'strict',
      ProtectHome: 'yes',
      NoNewPrivileges: 'yes',
      CapabilityBoundingSet: '',
      StateDirectoryMode: '0700',
      UMask: '0077',
    });
    expect(unit.get('ExecStart')).toBe('/usr/bin/sidelight http');
  });

  test('is one that systemd takes', () => {
    const folder = mkdtempSync(join(tmpdir(), 'sidelight-systemd-'));
    onTestFinished(() => {
      rmSync(folder, { recursive: true });
    });
    const path = join(folder, 'sidelight.service');
    // Nothing is installed here.
    writeFileSync(path, UNIT.replace(/^ExecStart=.*$/m, `ExecStart=${process.execPath} http`));
    const { error, stdout, stderr } = spawnSync('systemd-analyze', ['verify', path], { encoding: 'utf8' });
    // Without systemd the lines are at least settings, in sections.
    if (error === undefined) expect(stdout + stderr).not.toContain('sidelight.service:');
    const lines = UNIT.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    for (const line of lines) expect(line).toMatch(/^(?:\[(?:Unit|Service|Install)\]|[A-Z]\w+=.*)$/);
  });
});
