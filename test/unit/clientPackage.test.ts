/** `sidelight/client` as a package has it: types that strict programs can use however they resolve modules, and code that runs alone. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const EXPORTS = {
  './client': { types: './dist/api/client.d.ts', default: './dist/api/client.js' },
  './package.json': './package.json',
};
const PROGRAM = `
import { type Answer, type Client, ClientError, createClient, type LiveMessage, type Session } from 'sidelight/client';

const client: Client = createClient({ url: 'http://127.0.0.1:4320', token: 'x' });
export async function use(): Promise<readonly Session[]> {
  const page: Answer<'sessions'> = await client.sessions({ filter: 'is:failed', limit: 5 });
  const id: string = page.items[0]?.id ?? '';
  const plan = await client.plan(id, { allow: ['echo'] });
  const safe: boolean = plan.steps.every(({ safety }) => safety === 'safe');
  const { state } = await client.startReplay({ session: id, target: 'notes', stepwise: safe });
  if (state === 'paused') await client.moveReplay('x', { move: 'send' });
  for await (const message of client.live({ filter: 'tool:x' })) {
    const said: LiveMessage = message;
    if (said.type === 'missed') console.log(said.reason, said.cursor);
  }
  return [await client.session(id)];
}
export const status = (error: unknown): number | undefined =>
  error instanceof ClientError ? (error.problem?.status ?? error.status) : undefined;
`;
/** Each is wrong in one way. */
const WRONG = [
  "void client.sessions({ fliter: 'x' });",
  'void client.startReplay({ session: "x" });',
  "void client.moveReplay('x', { move: 'jump' });",
  'const wrong: string = (await client.health()).uptimeMs;',
];

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sidelight-client-'));
  const installed = join(folder, 'node_modules/sidelight');
  mkdirSync(installed, { recursive: true });
  writeFileSync(
    join(installed, 'package.json'),
    JSON.stringify({ name: 'sidelight', version: '0.0.0', type: 'module', exports: EXPORTS }),
  );
  const script = `import { buildClient } from './scripts/client.mjs'; await buildClient(${JSON.stringify(join(installed, 'dist/api'))});`;
  execFileSync(process.execPath, ['--input-type=module', '-e', script], { cwd: ROOT });
  mkdirSync(join(folder, 'node_modules/@types'));
  for (const name of ['@types/node', 'undici-types'])
    symlinkSync(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** What the compiler says of the program, and of one that is wrong, by file. */
function checked(moduleResolution: string, types: readonly string[]): readonly string[] {
  const compilerOptions = {
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    noEmit: true,
    target: 'es2022',
    lib: types.length > 0 ? ['es2024', 'esnext.disposable'] : ['es2022', 'dom'],
    types,
    moduleResolution,
    module: moduleResolution === 'bundler' ? 'esnext' : 'node16',
  };
  const files = ['program.ts', 'wrong.ts'];
  writeFileSync(join(folder, 'program.ts'), PROGRAM);
  writeFileSync(join(folder, 'wrong.ts'), `${PROGRAM}\n${WRONG.join('\n')}`);
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }));
  const compiler = [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', folder];
  const { stdout } = spawnSync(process.execPath, compiler, { cwd: folder, encoding: 'utf8' });
  return stdout
    .split('\n')
    .filter((line) => /^\S/.test(line))
    .map((line) => line.replace(/[(:].*/s, ''));
}

describe('the types', () => {
  it.each([
    ['node16', ['node']],
    ['bundler', []],
  ])(
    'are right for a strict program that resolves as %s, with the types of %j, and find what is wrong',
    (resolution, types) => {
      expect(checked(resolution, types)).toEqual(WRONG.map(() => 'wrong.ts'));
    },
  );

  it('need nothing of ours, nor of zod', () => {
    const text = readFileSync(join(folder, 'node_modules/sidelight/dist/api/client.d.ts'), 'utf8');
    expect(text).not.toMatch(/\bimport\b.*from|zod/);
  });
});

describe('the code', () => {
  it('runs alone, without Node’s modules', () => {
    const text = readFileSync(join(folder, 'node_modules/sidelight/dist/api/client.js'), 'utf8');
    expect(text).not.toMatch(/^import\b|import\(|require\(|node:/m);
    const script =
      "import { createClient } from 'sidelight/client'; const asked = []; const client = createClient({ url: 'http://h', token: 't', fetch: async (url, { headers }) => { asked.push(url, headers.authorization); return Response.json({}); } }); await client.health(); console.log(asked.join(' '));";
    const said = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
      cwd: folder,
      encoding: 'utf8',
    });
    expect(said.trim()).toBe('http://h/api/v1/health Bearer t');
  });
});
