/** The Dockerfile, as far as it can be judged without building it; image.build.ts builds it without an engine. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { validate } from 'dockerfile-utils';
import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { VERSION } from '../../src/self/version.ts';
import { last, pairs, parseDockerfile, settings, type Stage } from './dockerfile.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const DOCKERFILE = read('Dockerfile');
const STAGES = parseDockerfile(DOCKERFILE);
const NOBODY = '65532:65532';

const stage = (name: string): Stage => {
  const found = STAGES.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no stage ${name}`);
  return found;
};
const copies = ({ instructions }: Stage) => instructions.filter(({ keyword }) => keyword === 'COPY');
const fromContext = STAGES.flatMap(copies)
  .filter(({ flags }) => !flags.has('from'))
  .flatMap(({ words }) => words.slice(0, -1));

describe('the Dockerfile', () => {
  test('has no fault that a linter finds', () => {
    expect(validate(DOCKERFILE).map(({ code, range }) => [code, range.start.line + 1])).toEqual([]);
  });

  test('has an image for each transport, and HTTP is what comes without --target', () => {
    expect(STAGES.map(({ name }) => name)).toEqual(['build', 'files', 'stdio', 'http']);
  });

  test('builds on images whose versions are named, on Node 24', () => {
    for (const { image } of STAGES) {
      expect(image).toMatch(/^(?:node:24\.\d+\.\d+-|gcr\.io\/distroless\/nodejs24-debian12:nonroot$)/);
      expect(image).not.toContain('latest');
    }
  });

  test('copies only what is there, and the context holds no more than that', () => {
    for (const path of fromContext) expect([path, existsSync(join(ROOT, path))]).toEqual([path, true]);
    const let_in = read('.dockerignore')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1));
    expect(read('.dockerignore')).toMatch(/^\*$/m);
    const needed = fromContext.map((path) => path.replace(/^\.\//, ''));
    const covers = (folder: string, path: string) => path === folder || path.startsWith(`${folder}/`);
    expect(needed.filter((path) => !let_in.some((folder) => covers(folder, path)))).toEqual([]);
    expect(let_in.filter((folder) => !needed.some((path) => covers(folder, path)))).toEqual([]);
  });

  test('copies everything that dist/ is made of', () => {
    const [, table = ''] = /const BUILD_INPUTS = \[([^\]]*)\]/.exec(read('scripts/setup.mjs')) ?? [];
    const scripts = read('scripts/build.mjs') + read('scripts/client.mjs');
    const inputs = [...table.matchAll(/'[^']+'/g), ...scripts.matchAll(/'docs\/[^'\s]+'/g)].map(([path]) =>
      path.slice(1, -1),
    );
    expect(inputs.length).toBeGreaterThan(3);
    const there = copies(stage('build')).flatMap(({ words }) => words);
    expect(inputs.filter((path) => !there.some((one) => path === one || path.startsWith(`${one}/`)))).toEqual(
      [],
    );
  });

  test.each(['stdio', 'http'])('runs %s as nobody, writes to /data alone, and says what it is', (name) => {
    const { instructions } = stage(name);
    expect(last(stage(name), 'USER')?.text).toBe(NOBODY);
    expect(last(stage(name), 'VOLUME')?.words).toEqual(['/data']);
    const owned = copies(stage(name)).filter(({ flags }) => flags.has('chown'));
    expect(owned.map(({ words, flags }) => [words.at(-1), flags.get('chown')])).toEqual([['/data', NOBODY]]);
    // Nothing to emulate, and no shell is needed.
    expect(instructions.filter(({ keyword }) => keyword === 'RUN')).toEqual([]);
    const labels = settings(stage(name), 'LABEL');
    for (const key of ['title', 'description', 'licenses', 'version', 'revision', 'source'])
      expect(labels.get(`org.opencontainers.image.${key}`), key).toBeTruthy();
    expect(settings(stage(name), 'ARG').get('VERSION')).toBe(VERSION);
  });

  test('sets only what Sidelight knows, and to values that it takes', async () => {
    for (const name of ['stdio', 'http']) {
      const env = Object.fromEntries(settings(stage(name), 'ENV'));
      // A name that starts with SIDELIGHT_ and is none of its settings is refused.
      const { config } = await loadConfig({
        env,
        flags: {},
        cwd: '/data',
        homedir: undefined,
        platform: 'linux',
      });
      expect(config.dataDir).toBe('/data');
      if (name === 'stdio') continue;
      expect(config.http).toMatchObject({ listen: { host: '0.0.0.0', port: 8808 }, allowRemote: true });
      expect(config.admin).toEqual({ host: '0.0.0.0', port: 9464 });
      expect(last(stage(name), 'EXPOSE')?.words).toEqual(['8808', '9464']);
    }
  });

  test('is checked by the program itself, with the Node of the image', () => {
    const check = last(stage('http'), 'HEALTHCHECK');
    const [, command = '[]'] = /CMD (\[.*\])$/.exec(check?.text ?? '') ?? [];
    const [node, entry, ...rest] = JSON.parse(command) as string[];
    expect([node, entry]).toEqual(last(stage('http'), 'ENTRYPOINT')?.words);
    expect(rest).toEqual(['health', '--live']);
  });

  test('installs the driver and the client that the tests run with on Node 24, with the files of its lock', () => {
    interface Manifest {
      readonly type?: string;
      readonly dependencies: Readonly<Record<string, string>>;
    }
    interface Lock {
      readonly packages: Readonly<
        Record<string, { readonly version?: string; readonly integrity?: string; readonly resolved?: string }>
      >;
    }
    const own = JSON.parse(read('deploy/image/package.json')) as Manifest;
    const { packages } = JSON.parse(read('deploy/image/package-lock.json')) as Lock;
    const { dependencies: asked } = JSON.parse(read('package.json')) as Manifest;
    const { packages: tested } = JSON.parse(read('package-lock.json')) as Lock;
    const driver = 'better-sqlite3';
    const client = '@clickhouse/client';
    expect(own.type).toBe('module');
    expect(Object.keys(own.dependencies).sort()).toEqual([client, ...Object.keys(asked)].sort());
    expect(own.dependencies[driver]).toMatch(/^13\.\d+\.\d+$/);
    expect(asked[driver]).toContain('^13.');
    expect(read('scripts/test.mjs')).toContain(`${driver}@${own.dependencies[driver] ?? ''}`);
    expect(own.dependencies[client]).toBe(tested[`node_modules/${client}`]?.version);
    for (const [path, { version, integrity, resolved }] of Object.entries(packages)) {
      const name = path.replace('node_modules/', '');
      if (name in own.dependencies) expect(version).toBe(own.dependencies[name]);
      if (path !== '') expect(integrity).toMatch(/^sha512-/);
      expect(resolved).toBeUndefined();
    }
    // What the bundle leaves to be installed.
    const [, external = ''] = /external: \[([^\]]*)\]/.exec(read('scripts/build.mjs')) ?? [];
    const left = [...external.matchAll(/'([^']+)'/g)].map(([, name = '']) => name);
    expect(left.length).toBeGreaterThan(0);
    expect(left.filter((name) => !(name in own.dependencies))).toEqual([]);
  });

  test('gives each stage only what it declares', () => {
    for (const one of STAGES) {
      const known = new Set([...settings(one, 'ARG').keys(), ...settings(one, 'ENV').keys()]);
      const used = one.instructions
        .filter(({ keyword }) => keyword === 'LABEL' || keyword === 'ENV')
        .flatMap(({ text }) => pairs(text))
        .flatMap(([, value]) => [...value.matchAll(/\$\{(\w+)\}/g)].map(([, name = '']) => name));
      expect(used.filter((name) => !known.has(name))).toEqual([]);
    }
  });
});
