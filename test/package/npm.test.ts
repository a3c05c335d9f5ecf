/** The npm package: what is in it, how large it is, and that it works from its tarball where nothing else is. */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { VERSION } from '../../src/self/version.ts';
import { packageFile, Running } from '../e2e/sidelight.ts';
import { bytesIn, filesIn } from './files.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const MIB = 1024 * 1024;
const TARBALL_BYTES = 2 * MIB;
const UNPACKED_BYTES = 8 * MIB;
/** With the driver, which brings SQLite's source and the modules of eight platforms. */
const INSTALLED_BYTES = 48 * MIB;
const SLOW_MS = 120_000;

interface Packed {
  readonly filename: string;
  readonly size: number;
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string; readonly mode: number }[];
}

let folder: string;
let packed: Packed;

const npm = (cwd: string, ...args: string[]): string =>
  execFileSync('npm', [...args, '--no-audit', '--no-fund', '--loglevel=error'], { cwd, encoding: 'utf8' });

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sidelight-package-'));
  mkdirSync(join(folder, 'empty'));
  const [one] = JSON.parse(
    npm(ROOT, 'pack', '--json', '--ignore-scripts', '--pack-destination', folder),
  ) as Packed[];
  if (one === undefined) throw new Error('npm packed nothing');
  packed = one;
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const filesOf = (path: string): string[] => filesIn(join(ROOT, path), ROOT);

describe('the tarball', () => {
  test('holds the bundle, the documents, and nothing else', () => {
    const expected = [
      'package.json',
      'README.md',
      'CHANGELOG.md',
      'LICENSE',
      ...filesOf('dist'),
      // The pictures are of the README, where it is read.
      ...filesOf('docs').filter((path) => !path.startsWith('docs/images/')),
    ];
    expect(packed.files.map(({ path }) => path).sort()).toEqual(expected.sort());
  });

  test('holds no source, no test, and nothing that could be a secret', () => {
    for (const { path } of packed.files) {
      expect(path).toMatch(
        /^(?:package\.json|README\.md|CHANGELOG\.md|LICENSE|docs\/[\w./-]+\.(?:md|json|png|svg)|dist\/[\w./-]+)$/,
      );
      expect(path).not.toMatch(/(?<!\.d)\.tsx?$|\.env|\.pem$|\.key$|\.npmrc|\.db/);
    }
    const paths = packed.files.map(({ path }) => path);
    for (const path of ['dist/main.js', 'dist/observer.js', 'dist/THIRD_PARTY_LICENSES'])
      expect(paths).toContain(path);
    expect(packed.files.find(({ path }) => path === 'dist/main.js')?.mode).toBe(0o755);
  });

  test('stays within its size', () => {
    expect(packed.size).toBeLessThan(TARBALL_BYTES);
    expect(packed.unpackedSize).toBeLessThan(UNPACKED_BYTES);
  });

  test('runs nothing when it is installed, and needs the driver alone', () => {
    const { scripts, dependencies, bin } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
      dependencies: Record<string, string>;
      bin: Record<string, string>;
    };
    for (const hook of ['preinstall', 'install', 'postinstall', 'prepare'])
      expect(scripts[hook]).toBeUndefined();
    expect(Object.keys(dependencies)).toEqual(['better-sqlite3']);
    expect(bin).toEqual({ sidelight: 'dist/main.js' });
  });
});

test(
  'npx sidelight -- <server> works in an empty folder, and the recording can be read',
  async () => {
    const empty = join(folder, 'empty');
    npm(empty, 'install', '--ignore-scripts', '--prefer-offline', join(folder, packed.filename));
    useCompiledDriver(join(empty, 'node_modules/better-sqlite3'));
    expect(bytesIn(join(empty, 'node_modules'))).toBeLessThan(INSTALLED_BYTES);

    const npx = (...args: string[]): string =>
      execFileSync('npx', ['--no-install', 'sidelight', ...args], { cwd: empty, encoding: 'utf8', env });
    const env = { PATH: process.env.PATH ?? '', HOME: folder, SIDELIGHT_DATA_DIR: join(folder, 'data') };
    expect(npx('--version').trim()).toBe(VERSION);

    const everything = packageFile('@modelcontextprotocol/server-everything/dist/index.js');
    const client = new Client({ name: 'package', version: '1.0.0' });
    await client.connect(
      new StdioClientTransport({
        command: 'npx',
        args: ['--no-install', 'sidelight', '--', process.execPath, everything, 'stdio'],
        cwd: empty,
        env,
        stderr: 'pipe',
      }),
    );
    const answer = await client.callTool({ name: 'echo', arguments: { message: 'hello' } });
    expect(JSON.stringify(answer)).toContain('Echo: hello');
    await client.close();

    expect(npx('show', 'last', '--json')).toContain('Echo: hello');

    // The client of a fleet's store is an optional peer: who has no fleet need not have it.
    expect(existsSync(join(empty, 'node_modules/@clickhouse'))).toBe(false);
    const store = ['--store', 'clickhouse://db.example/sidelight'];
    const list = spawnSync('npx', ['--no-install', 'sidelight', 'sessions', ...store], {
      cwd: empty,
      encoding: 'utf8',
      env,
    });
    expect([list.status, list.stdout, list.stderr]).toEqual([
      1,
      '',
      'sidelight: the fleet store needs the package @clickhouse/client, which is not installed\n',
    ]);
    const shipping = ['--no-install', 'sidelight', ...store, '--ship-every', '1s', '--', 'cat'];
    const running = new Running('npx', shipping, { cwd: empty, env });
    await running.says('@clickhouse/client');
    running.process.stdin.end('hello\n');
    const ended = await running.ended;
    expect([ended.code, String(ended.stdout)]).toEqual([0, 'hello\n']);
    expect(String(ended.stderr).split('\n')).toHaveLength(2);
  },
  SLOW_MS,
);

/** On Node 20 npm chooses the driver that is compiled when it is installed, which takes a minute: ours is compiled already. */
function useCompiledDriver(path: string): void {
  if (existsSync(join(path, 'prebuilds'))) return;
  cpSync(packageFile('better-sqlite3/build'), join(path, 'build'), {
    recursive: true,
    filter: (source) => !/\/(?:obj|obj\.target|deps)$|\.a$/.test(source),
  });
}
