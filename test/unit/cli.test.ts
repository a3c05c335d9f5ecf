import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RunOptions } from '../../src/app.ts';
import { runCli } from '../../src/cli/program.ts';
import { KEYS, OWN_KEYS, rowOf, usageOf } from '../../src/config/options.ts';
import type { HttpOptions } from '../../src/http.ts';
import { VERSION } from '../../src/self/version.ts';
import { pathOf } from '../tls/files.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'sidelight-cli-'));
});
afterAll(() => {
  rmSync(dir, { recursive: true, force: true });
});

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly runs: readonly RunOptions[];
  readonly proxies: readonly HttpOptions[];
}

async function sidelight(line: string | readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  const argv = typeof line === 'string' ? line.split(' ').filter((word) => word !== '') : line;
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const runs: RunOptions[] = [];
  const proxies: HttpOptions[] = [];
  const code = await runCli(argv, {
    env,
    cwd: dir,
    homedir: dir,
    platform: 'linux',
    version: VERSION,
    self: [process.execPath],
    ask: () => Promise.resolve(undefined),
    stdin: () => new PassThrough(),
    stdout: () => stdout,
    stderr: () => stderr,
    interrupted: () => AbortSignal.abort(),
    endLike: () => undefined,
    run: (options) => {
      runs.push(options);
      return Promise.resolve();
    },
    http: (options) => {
      proxies.push(options);
      return Promise.resolve();
    },
  });
  return { code, stdout: textOf(stdout), stderr: textOf(stderr), runs, proxies };
}

function textOf(stream: PassThrough): string {
  return String(stream.read() ?? '');
}

const HTTP = 'sidelight http --target <url> [options]';
const USAGE = 'sidelight [run] [options] -- <command> [args...]';

describe('run', () => {
  test.each([
    ['-- node server.js', ['node', 'server.js']],
    ['run -- node server.js', ['node', 'server.js']],
    ['run node server.js', ['node', 'server.js']],
    ['--name x -- node server.js --name y', ['node', 'server.js', '--name', 'y']],
    ['run --name x node --help', ['node', '--help']],
    ['--name=x --lossless -- node -- a', ['node', '--', 'a']],
    ['run node -- a', ['node', '--', 'a']],
    ['-- sessions --json', ['sessions', '--json']],
    ['-- run', ['run']],
    ['--name sessions -- tail -f', ['tail', '-f']],
    ['-- --odd', ['--odd']],
  ])('sidelight %s starts the server with exactly its own arguments', async (line, command) => {
    const { code, stdout, stderr, runs } = await sidelight(line);
    expect([code, stdout, stderr]).toEqual([0, '', '']);
    expect(runs.map((run) => [run.command, ...run.args])).toEqual([command]);
  });

  test('arguments are passed on as they are, empty ones and blanks too', async () => {
    const { runs } = await sidelight(['--', 'node', '', 'a b', '--x=', '*']);
    expect(runs[0]?.args).toEqual(['', 'a b', '--x=', '*']);
  });

  test.each(['run', 'http'] as const)(
    'every setting but a secret is a flag of %s, but for those of other commands alone',
    async (command) => {
      const others = Object.entries(OWN_KEYS).flatMap(([mode, keys]) => (mode === command ? [] : keys));
      const { stdout } = await sidelight(`${command} --help`);
      for (const key of KEYS) {
        const isSecret = rowOf(key).secret === true;
        const [flag] = isSecret ? [`--${key}`] : usageOf(key).split(' ', 1);
        const shown = new RegExp(`^ +${flag}(?![\\w-])`, 'm').test(stdout);
        expect([flag, shown]).toEqual([flag, !isSecret && !others.includes(key)]);
      }
    },
  );

  test.each([
    ['--propagate -- node', 'meta'],
    ['run --propagate --name x -- node', 'meta'],
    ['--propagate=off -- node', 'off'],
    ['--propagate meta -- node', 'meta'],
    ['-- node --propagate', 'off'],
  ])('%s: propagate is %s', async (written, propagate) => {
    expect((await sidelight(written)).runs[0]?.config).toMatchObject({ propagate });
  });

  test('flags reach the configuration', async () => {
    const flags =
      '--data-dir d --otlp-endpoint http://c --no-redact --capture-content --log-file stderr --admin 0';
    const { runs } = await sidelight(`${flags} -- node`);
    expect(runs[0]?.config).toMatchObject({
      dataDir: join(dir, 'd'),
      redact: false,
      otlp: { endpoint: 'http://c', captureContent: true },
      log: { file: 'stderr' },
      admin: { host: '127.0.0.1', port: 0 },
    });
  });

  test('a switch overrules the environment in both directions', async () => {
    const on = await sidelight('--redact --no-lossless -- node', {
      SIDELIGHT_REDACT: 'false',
      SIDELIGHT_LOSSLESS: 'true',
    });
    expect(on.runs[0]?.config).toMatchObject({ redact: true, lossless: false });
  });

  test("the server gets the environment without Sidelight's secrets, and warnings are handed on", async () => {
    const { runs, stderr } = await sidelight('-- node', {
      PATH: '/bin',
      SIDELIGHT_OTLP_HEADERS: 'a=1',
      OTEL_TRACES_EXPORTER: 'zipkin',
    });
    expect(runs[0]?.env).toEqual({ PATH: '/bin', OTEL_TRACES_EXPORTER: 'zipkin' });
    expect(runs[0]?.config.otlp.headers).toEqual({ a: '1' });
    expect(runs[0]?.warnings).toEqual(['OTEL_TRACES_EXPORTER: "zipkin" is not one of otlp, none; ignored']);
    expect(stderr).toBe('');
  });
});

describe('http', () => {
  test('a target is all it needs', async () => {
    const { code, stdout, stderr, runs, proxies } = await sidelight('http --target http://127.0.0.1:3000');
    expect([code, stdout, stderr, runs, proxies.length]).toEqual([0, '', '', [], 1]);
    expect(proxies[0]?.target.href).toBe('http://127.0.0.1:3000/');
    expect(proxies[0]?.config.http).toMatchObject({
      target: 'http://127.0.0.1:3000',
      listen: { host: '127.0.0.1', port: 8808 },
      host: 'auto',
    });
  });

  test('flags reach the configuration', async () => {
    const { proxies } = await sidelight(
      'http --target https://a/b --listen unix:s.sock --host rewrite --mount /x --forwarded --rewrite-oauth' +
        ' --allowed-hosts a,b:1 --allowed-origins https://c --response-timeout 5s --max-connections 3 --name n',
    );
    expect(proxies[0]?.config).toMatchObject({
      name: 'n',
      http: {
        target: 'https://a/b',
        listen: { socketPath: join(dir, 's.sock') },
        host: 'rewrite',
        mount: '/x',
        forwarded: true,
        rewriteOauth: true,
        allowedHosts: ['a', 'b:1'],
        allowedOrigins: ['https://c'],
        responseTimeoutMs: 5000,
        maxConnections: 3,
      },
    });
  });

  test('the target may come from the environment, and warnings of both kinds are handed on', async () => {
    const { proxies } = await sidelight('http', {
      SIDELIGHT_TARGET: 'http://a',
      SIDELIGHT_TARGET_CA: pathOf('ca.pem'),
      OTEL_TRACES_EXPORTER: 'zipkin',
    });
    expect(proxies[0]?.warnings).toEqual([
      'OTEL_TRACES_EXPORTER: "zipkin" is not one of otlp, none; ignored',
      'SIDELIGHT_TARGET_CA: not used, since the target is not https',
    ]);
  });

  test('one config file serves both commands, and what is wrong for one does not stop the other', async () => {
    writeFileSync(
      join(dir, 'both.yaml'),
      'cwd: /x\npdeathsig: SIGTERM\ntarget: http://a\nlisten: 0.0.0.0:1\ntlsCert: none.pem\n',
    );
    const run = await sidelight('run --config both.yaml -- node');
    expect([run.code, run.stderr, run.runs[0]?.config.cwd]).toEqual([0, '', '/x']);
    const http = await sidelight('http --config both.yaml');
    expect(http.stderr).toBe(
      `sidelight: ${join(dir, 'both.yaml')}:4:9: listen: 0.0.0.0:1 can be reached from other machines; add --allow-remote if that is meant\n`,
    );
    expect((await sidelight('config print --config both.yaml')).code).toBe(0);
  });
});

describe('what is wrong: exit code 2, one line on stderr, nothing started', () => {
  test.each([
    ['', `the server's command is missing; usage: ${USAGE}`],
    ['run', `the server's command is missing; usage: ${USAGE}`],
    ['--name x', `the server's command is missing; usage: ${USAGE}`],
    ['--name x --', `the server's command is missing; usage: ${USAGE}`],
    ['node server.js', `node: no such command; to run a server: ${USAGE}`],
    ['sesions', 'sesions: no such command; did you mean sessions?'],
    ['conifg print', 'conifg: no such command; did you mean config?'],
    ['--name x node server.js', `write -- before the server's command node; usage: ${USAGE}`],
    ['--name x node -- server.js', `write -- before the server's command node; usage: ${USAGE}`],
    ['--recrod full -- node', '--recrod: no such option; did you mean --record?'],
    ['--recrod=hunter2 -- node', '--recrod: no such option; did you mean --record?'],
    ['--otlp-headers=a=hunter2 -- node', '--otlp-headers: no such option; did you mean --otlp-headers-file?'],
    ['run --zzzzzz -- node', '--zzzzzz: no such option'],
    ['-name x -- node', '-name: no such option; did you mean --name?'],
    ['--name -- node', '--name: its value is missing'],
    ['--name', '--name: its value is missing'],
    [
      '--record ful -- node',
      '--record: "ful" is not one of full, failures, metadata, off; did you mean full?',
    ],
    ['config print --jsn', '--jsn: no such option; did you mean --json?'],
    ['sessions --limit 0', '--limit: "0" is not a whole number from 1'],
    ['show a b', "too many arguments for 'show'. Expected 1 argument but got 2."],
    ['--target http://a -- node', '--target: an option of sidelight http, not of run'],
    ['run --mount=/x -- node', '--mount: an option of sidelight http, not of run'],
    ['http://u:hunter2@a:3000', `write --target before the server's URL http://***@a:3000; usage: ${HTTP}`],
    [
      'http',
      `the server's URL is missing; usage: ${HTTP}, or set SIDELIGHT_TARGET or target in the config file`,
    ],
    ['http http://a:3000/mcp', `write --target before the server's URL http://a:3000/mcp; usage: ${HTTP}`],
    ['http -- node server.js', `node: http starts no server; usage: ${HTTP}; to start one: ${USAGE}`],
    ['http --target http://a node', `node: http starts no server; usage: ${HTTP}; to start one: ${USAGE}`],
    ['http --target -- node', '--target: its value is missing'],
    ['http --target', '--target: its value is missing'],
    ['http --taget http://a', '--taget: no such option; did you mean --target?'],
    ['http --allow-host x', '--allow-host: no such option; did you mean --allowed-hosts?'],
    ['http --cwd /', '--cwd: an option of sidelight run, not of http'],
    ['htpp --target http://a', 'htpp: no such command; did you mean http?'],
    [
      'http --target http://a --listen 0.0.0.0:80',
      '--listen: 0.0.0.0:80 can be reached from other machines; add --allow-remote if that is meant',
    ],
    ['config prnt', "too many arguments for 'print'. Expected 0 arguments but got 1."],
  ])('sidelight %s', async (line, message) => {
    const { code, stdout, stderr, runs, proxies } = await sidelight(line);
    expect(stderr).toBe(`sidelight: ${message}\n`);
    expect([code, stdout, runs, proxies]).toEqual([2, '', [], []]);
  });

  test('also what the environment says', async () => {
    const { code, stderr } = await sidelight('-- node', { SIDELIGHT_NAEM: 'x' });
    expect([code, stderr]).toEqual([
      2,
      'sidelight: SIDELIGHT_NAEM: no such setting; did you mean SIDELIGHT_NAME?\n',
    ]);
  });

  test('an empty command is a missing one', async () => {
    const { code, runs } = await sidelight(['--', '']);
    expect([code, runs]).toEqual([2, []]);
  });
});

describe('config print', () => {
  test('prints what run would use, on stdout; what was ignored, on stderr', async () => {
    writeFileSync(join(dir, 's.yaml'), 'record: off\nname: files\n');
    const { code, stdout, stderr } = await sidelight('config print --config s.yaml --name flag', {
      OTEL_SDK_DISABLED: 'maybe',
    });
    expect(code).toBe(0);
    expect(stdout).toContain(`# config file: ${join(dir, 's.yaml')}\n`);
    expect(stdout).toMatch(/^name +flag +flag --name$/m);
    expect(stdout).toMatch(/^record +off +file .*s[.]yaml:1$/m);
    expect(stderr).toBe('sidelight: OTEL_SDK_DISABLED: "maybe" is not one of true, false; ignored\n');
  });

  test('--json prints JSON', async () => {
    const { stdout } = await sidelight('config --json --record off');
    expect(JSON.parse(stdout)).toMatchObject({
      settings: { record: { value: 'off', source: 'flag --record' } },
    });
  });
});

describe('commands that read the recording', () => {
  test('sessions of an empty data directory are none', async () => {
    const { code, stdout, stderr } = await sidelight('sessions --data-dir empty');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain(join(dir, 'empty'));
    expect((await sidelight('sessions --data-dir empty --json')).stdout).toBe('');
  });

  test('the data directory comes from the configuration', async () => {
    const { stdout } = await sidelight('sessions', { SIDELIGHT_DATA_DIR: 'other' });
    expect(stdout).toContain(join(dir, 'other'));
  });

  test('show without a recording says so in one line and ends with 1', async () => {
    const { code, stdout, stderr } = await sidelight('show last --data-dir empty');
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^sidelight: [^\n]+\n$/);
  });

  test('tail ends when it is interrupted', async () => {
    expect((await sidelight('tail --data-dir empty')).code).toBe(0);
  });
});

describe('help and version', () => {
  test.each([
    '--help',
    '-h',
    'help',
    'run --help',
    'http --help',
    'help http',
    '--name x --help',
    'config print --help',
    'sessions --help',
    'help show',
    'tail -h',
  ])('sidelight %s ends with 0 and shows examples on stdout', async (line) => {
    const { code, stdout, stderr, runs } = await sidelight(line);
    expect([code, stderr, runs]).toEqual([0, '', []]);
    expect(stdout).toMatch(/^Usage: sidelight /);
    expect(stdout).toContain('Examples:');
  });

  test('the version is the one of package.json', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    expect(VERSION).toBe(version);
    expect((await sidelight('--version')).stdout).toBe(`${version}\n`);
  });
});
