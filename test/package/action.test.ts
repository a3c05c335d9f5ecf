/** The GitHub Action and the release workflow: their YAML, and their shell with a runner's variables. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { VERSION } from '../../src/self/version.ts';
import { SIDELIGHT } from '../e2e/sidelight.ts';
import { STDIO_ID, stdioEvents, stored, TALK } from '../unit/recordings.ts';
import { at, list, type Tree, word } from './kustomize.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const yaml = (path: string): Tree => parse(readFileSync(join(ROOT, path), 'utf8')) as Tree;
const action = yaml('action.yml');
const steps = list(at(action, 'runs'), 'steps');

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sidelight-action-'));
  mkdirSync(join(folder, 'temp/sidelight/node_modules/.bin'), { recursive: true });
  symlinkSync(SIDELIGHT, join(folder, 'temp/sidelight/node_modules/.bin/sidelight'));
  await stored(join(folder, 'data'), stdioEvents(STDIO_ID, TALK));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

interface Ran {
  readonly code: number | null;
  readonly log: string;
  readonly outputs: Readonly<Record<string, string>>;
  readonly summary: string;
}

/** Runs a step as a runner does: inputs and their defaults filled in, outputs and summary in files. */
function run(name: string, inputs: Readonly<Record<string, string>>): Ran {
  const step = steps.find((one) => one.name === name) ?? {};
  const [output, summary] = [join(folder, 'output'), join(folder, 'summary')];
  for (const path of [output, summary]) writeFileSync(path, '');
  const defaults = Object.fromEntries(
    Object.entries(at(action, 'inputs')).map(([key]) => [key, word(at(action, 'inputs', key).default)]),
  );
  const values: Readonly<Record<string, string>> = { ...defaults, ...inputs };
  const env = Object.entries(at(step, 'env')).map(([key, value]) => [
    key,
    word(value).replace(/\$\{\{ inputs\.([\w-]+) \}\}/g, (_all, input: string) => values[input] ?? ''),
  ]);
  const { status, stdout, stderr } = spawnSync('bash', ['-e', '-o', 'pipefail', '-c', word(step.run)], {
    cwd: folder,
    encoding: 'utf8',
    env: {
      ...process.env,
      ...(Object.fromEntries(env) as NodeJS.ProcessEnv),
      SIDELIGHT_DATA_DIR: join(folder, 'data'),
      GITHUB_ACTION_PATH: ROOT,
      GITHUB_OUTPUT: output,
      GITHUB_STEP_SUMMARY: summary,
      RUNNER_TEMP: join(folder, 'temp'),
    },
  });
  const outputs = readFileSync(output, 'utf8')
    .split('\n')
    .filter((line) => line.includes('='))
    .map((line) => line.split('=', 2));
  return {
    code: status,
    log: stdout + stderr,
    outputs: Object.fromEntries(outputs) as Record<string, string>,
    summary: readFileSync(summary, 'utf8'),
  };
}

describe('the action', () => {
  test('describes each input and output, uses each input, and takes outputs from a step that is there', () => {
    const inputs = Object.keys(at(action, 'inputs'));
    for (const key of inputs) expect(at(action, 'inputs', key).description, key).toBeTypeOf('string');
    const used = JSON.stringify(steps);
    expect(inputs.filter((key) => !used.includes(`\${{ inputs.${key} }}`))).toEqual([]);
    const ids = steps.flatMap(({ id }) => (id === undefined ? [] : [id]));
    for (const key of Object.keys(at(action, 'outputs')))
      expect(word(at(action, 'outputs', key).value)).toBe(`\${{ steps.${word(ids[0])}.outputs.${key} }}`);
    expect(at(action, 'inputs', 'version').default).toBe(VERSION);
  });

  test('never puts an input into a line of shell', () => {
    for (const step of steps) {
      expect(step.shell).toBe('bash');
      expect(word(step.run)).not.toContain('${{');
    }
  });
});

describe('its run', () => {
  test('passes where everything holds, and writes a JUnit report', () => {
    const { code, outputs, summary, log } = run('Run', { args: '--fail-on\nnone' });
    const report = join(folder, 'sidelight-report.xml');
    expect({ code, outputs }).toEqual({ code: 0, outputs: { result: 'passed', 'exit-code': '0', report } });
    expect(readFileSync(report, 'utf8')).toContain('<testsuites');
    expect(summary).toContain('passed');
    expect(log).not.toContain('::error::');
  });

  test('fails where something does not hold, and the SARIF report is there all the same', () => {
    const inputs = {
      args: '--expect-tool\nnobody called this',
      format: 'sarif',
      report: 'out/a report.sarif',
    };
    const { code, outputs, log } = run('Run', inputs);
    expect([code, outputs.result, outputs['exit-code']]).toEqual([1, 'failed', '1']);
    expect(JSON.parse(readFileSync(outputs.report ?? '', 'utf8'))).toMatchObject({ version: '2.1.0' });
    expect(log).toContain('::error::sidelight check: failed');
  });

  test('runs a case against the server that it is given', () => {
    const server = [process.execPath, fileURLToPath(new URL('../servers/any-tool.mjs', import.meta.url))];
    const message = (id: number, method: string, params: object): string =>
      JSON.stringify({ jsonrpc: '2.0', id, method, params });
    const hello = {
      protocolVersion: '2025-06-18',
      capabilities: {},
      clientInfo: { name: 'c', version: '1' },
    };
    const input = `${message(1, 'initialize', hello)}\n${message(2, 'tools/call', { name: 'listed-0' })}\n`;
    const data = join(folder, 'case-data');
    const sidelight = (...args: string[]) =>
      spawnSync(process.execPath, [SIDELIGHT, ...args], { cwd: folder, encoding: 'utf8', input });
    sidelight('run', '--data-dir', data, '--', ...server);
    const wanted = ['last', '--allow', 'listed-0', '-o', 'cases/one.case.yaml'];
    const created = sidelight('case', 'create', '--data-dir', data, ...wanted);
    expect([created.status, created.stderr]).toEqual([0, '']);

    const inputs = { command: 'test', paths: 'cases', server: server.join('\n') };
    const { code, outputs, log } = run('Run', inputs);
    expect([code, outputs.result, log]).toEqual([0, 'passed', expect.stringContaining('<testcase')]);
    const wrong = run('Run', { ...inputs, server: `${process.execPath}\n--eval\n0` });
    expect(wrong.outputs.result).not.toBe('passed');
    expect(wrong.code).toBeGreaterThan(0);
  });

  test('takes an input for what it is, whatever a shell would make of it', () => {
    const { outputs, log } = run('Run', { paths: '$(touch pwned)\n; touch pwned' });
    expect([outputs.result, log]).toEqual(['error', expect.stringContaining('no such session')]);
    expect(() => readFileSync(join(folder, 'pwned'))).toThrow('ENOENT');
  });

  test.each([
    [{ command: 'rm' }, 'command and format'],
    [{ command: 'test', paths: 'a', format: 'sarif' }, 'command and format'],
    [{ command: 'test' }, 'paths'],
    [{ server: 'node' }, 'server'],
  ])('says in one line what is wrong with %j', (inputs, line) => {
    const { code, log } = run('Run', inputs);
    expect(code).toBe(2);
    expect(log.trim().split('\n')).toEqual([expect.stringContaining(`::error::${line}`)]);
  });

  test('installs nothing that is not a version', () => {
    const { code, log } = run('Install', { version: '0.1.0 && touch pwned' });
    expect([code, log]).toEqual([2, expect.stringContaining('::error::version')]);
  });
});

describe('the release workflow', () => {
  const release = yaml('.github/workflows/release.yml');
  const jobs = Object.entries(at(release, 'jobs')) as [string, Tree][];

  test('uses only actions that are pinned to a commit, and says which version that is', () => {
    const text = readFileSync(join(ROOT, '.github/workflows/release.yml'), 'utf8');
    const uses = [...text.matchAll(/uses: (.*)/g)].map(([, what = '']) => what);
    expect(uses.length).toBeGreaterThan(0);
    for (const what of uses) expect(what).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  });

  test('has no rights but those that a job names, and publishes only what was verified', () => {
    expect(release.permissions).toEqual({});
    expect(Object.fromEntries(jobs.map(([name, job]) => [name, [job.permissions, job.needs]]))).toEqual({
      verify: [{ contents: 'read' }, undefined],
      npm: [{ contents: 'read', 'id-token': 'write' }, 'verify'],
      images: [{ contents: 'read', packages: 'write' }, 'verify'],
    });
  });

  test('has no secret of its own: the registry trusts the identity of the job', () => {
    const text = JSON.stringify(release);
    expect(text).not.toContain('secrets.');
    expect(text).toContain('npm publish --provenance');
  });
});
