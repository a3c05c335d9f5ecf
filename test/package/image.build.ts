/**
 * Builds both images without an engine and runs them. Not a part of `npm test`: it takes minutes, root and Debian.
 * `npx vitest run --config test/package/image.config.ts` needs debootstrap; what it made stays in .tmp/image.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { freePort, startListening } from '../e2e/listening.ts';
import { Running, server, until } from '../e2e/sidelight.ts';
import { bases, build, command, dockerfile } from './chroots.ts';
import { last, parseDockerfile, type Stage } from './dockerfile.ts';
import { bytesIn, filesIn } from './files.ts';

const FOLDER = fileURLToPath(new URL('../../.tmp/image/', import.meta.url));
/** The bundle and the driver with one module. Node and Debian come with the base images. */
const BUDGET_BYTES = 10 * 1024 * 1024;

const stages = parseDockerfile(dockerfile());
const made = new Map<string, string>();
const stageOf = (name: string): Stage => {
  const found = stages.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no stage ${name}`);
  return found;
};

beforeAll(() => {
  mkdirSync(FOLDER, { recursive: true });
  const { node, distroless } = bases(join(FOLDER, 'bases'));
  for (const stage of stages) {
    const started = performance.now();
    const base = stage.image.includes('distroless') ? distroless : node;
    made.set(stage.name, build(stage, base, FOLDER, made));
    console.log(`stage ${stage.name}: ${Math.round((performance.now() - started) / 1000)} s`);
  }
});

function dataFolder(): string {
  const data = mkdtempSync(join(tmpdir(), 'sidelight-image-'));
  onTestFinished(() => {
    rmSync(data, { recursive: true });
  });
  return data;
}

/** Runs something of an image; `flags` of `env` come before, as `docker run -e` has them. */
function start(
  name: string,
  data: string,
  words: readonly string[],
  env: Record<string, string> = {},
): Running {
  const given = Object.entries(env).map(([key, value]) => `${key}=${value}`);
  const stage = stageOf(name);
  const entry = last(stage, 'ENTRYPOINT')?.words ?? [];
  const [file, args] = command(stage, made.get(name) ?? '', data, [...entry, ...words]);
  // env stands before sh, so that it reaches the chroot, too.
  const at = args.indexOf('sh');
  return new Running(file, [...args.slice(0, at), ...given, ...args.slice(at)]);
}

/** The process that is number 1 inside. */
function inside({ process: { pid = 0 } }: Running): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim());
}

test.each(['stdio', 'http'])('%s: what is ours is within its budget, with one native module', (name) => {
  const app = join(made.get(name) ?? '', 'app');
  const modules = filesIn(app).filter((path) => path.endsWith('.node'));
  console.log(`${name}: /app has ${(bytesIn(app) / 1024 / 1024).toFixed(2)} MiB`);
  expect(modules).toHaveLength(1);
  expect(bytesIn(app)).toBeLessThan(BUDGET_BYTES);
});

describe('http', () => {
  test('serves, is healthy, records, and ends when it is told to, with nothing but /data to write to', async () => {
    const behind = await startListening([server('http-dual-era.mjs')]);
    onTestFinished(behind.stop);
    const [data, port, admin] = [dataFolder(), await freePort(), await freePort()];
    const env = {
      SIDELIGHT_TARGET: `http://127.0.0.1:${behind.port}`,
      SIDELIGHT_LISTEN: `127.0.0.1:${port}`,
      SIDELIGHT_ADMIN: `127.0.0.1:${admin}`,
    };
    const running = start('http', data, last(stageOf('http'), 'CMD')?.words ?? [], env);
    await running.says('listening on');

    const client = new Client({ name: 'image', version: '1.0.0' });
    // The types of the SDK were not made for exactOptionalPropertyTypes.
    const transport = new StreamableHTTPClientTransport(new URL(`http://127.0.0.1:${port}/mcp`));
    await client.connect(transport);
    expect((await client.listTools()).tools.length).toBeGreaterThan(0);
    await client.close();

    const check = await start('http', data, ['health', '--live'], env).ended;
    expect([check.code, check.stdout.toString()]).toEqual([0, 'ok\n']);
    await until(async () => {
      const { stdout } = await start('http', data, ['sessions', '--json']).ended;
      return stdout.toString().split('\n', 1)[0] !== '';
    }, 'the session in the recording');

    process.kill(inside(running), 'SIGTERM');
    expect(await running.ended).toMatchObject({ code: 0 });
    const after = await start('http', data, ['health', '--live'], env).ended;
    expect(after.code).toBe(1);
  });
});

describe('stdio', () => {
  test('runs a server that is put on top, and records it', async () => {
    const data = dataFolder();
    const echo =
      "require('readline').createInterface({input:process.stdin}).on('line',(l)=>{const m=JSON.parse(l);console.log(JSON.stringify({jsonrpc:'2.0',id:m.id,result:{}}))})";
    const running = start('stdio', data, ['--', 'node', '-e', echo]);
    running.process.stdin.end('{"jsonrpc":"2.0","id":1,"method":"ping"}\n');
    const { code, stdout } = await running.ended;
    expect([code, stdout.toString()]).toEqual([0, '{"jsonrpc":"2.0","id":1,"result":{}}\n']);
    const shown = await start('stdio', data, ['show', 'last', '--json']).ended;
    expect(shown.stderr.toString()).toBe('');
    expect(shown.stdout.toString()).toContain('ping');
  });

  test('says what it is for when it is given nothing to run', async () => {
    const { code, stdout } = await start('stdio', dataFolder(), last(stageOf('stdio'), 'CMD')?.words ?? [])
      .ended;
    expect(code).toBe(0);
    expect(stdout.toString()).toContain('sidelight');
  });
});
