/** Every gate finds a violation that was planted in a copy of the project: a gate that finds nothing is worse than none. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { violations, type Table } from './importTable.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const COPIED = [
  'src',
  'scripts',
  'tsconfig.json',
  'package.json',
  'eslint.config.js',
  '.dependency-cruiser.cjs',
];

/** A violation each, and what the two readers of the import table say of it. */
const PLANTED = [
  {
    what: 'a pure file that imports a module of Node',
    files: {
      'wire/planted.ts': "import { readFileSync } from 'node:fs';\nexport const read = readFileSync;\n",
    },
    rule: 'wire-pure',
    line: 'wire/planted.ts imports node:fs',
  },
  {
    what: 'a pure file that imports types of a module of Node',
    files: { 'track/planted.ts': "import type { Stats } from 'node:fs';\nexport type Planted = Stats;\n" },
    rule: 'track-pure',
    line: 'track/planted.ts imports types of node:fs',
  },
  {
    what: 'a pure file that imports an npm package',
    files: { 'event/planted.ts': "import { z } from 'zod';\nexport const schema = z.string();\n" },
    rule: 'event-packages',
    line: 'event/planted.ts imports zod',
  },
  {
    what: 'a sink that imports the tap',
    files: {
      'tap/planted.ts': 'export const tapped = 1;\n',
      'sink/planted.ts': "import { tapped } from '../tap/planted.ts';\nexport const sunk = tapped;\n",
    },
    rule: 'sink-imports',
    line: 'sink/planted.ts imports ../tap/planted.ts',
  },
  {
    what: 'a sink that imports only types of the tap',
    files: {
      'sink/plantedType.ts':
        "import type { tapped } from '../tap/planted.ts';\nexport type T = typeof tapped;\n",
    },
    rule: 'sink-imports',
    line: 'sink/plantedType.ts imports types of ../tap/planted.ts',
  },
  {
    what: 'a tap that takes more than types from wire',
    files: {
      'wire/plantedValue.ts': 'export const wired = 1;\n',
      'tap/plantedValue.ts':
        "import { wired } from '../wire/plantedValue.ts';\nexport const tapped = wired;\n",
    },
    rule: 'tap-types-only',
    line: 'tap/plantedValue.ts imports ../wire/plantedValue.ts',
  },
  {
    what: 'a file that loads another folder lazily',
    files: { 'store/planted.ts': "export const load = () => import('../sink/planted.ts');\n" },
    rule: 'store-imports',
    line: 'store/planted.ts imports ../sink/planted.ts',
  },
  {
    what: 'a folder that the table does not know',
    files: { 'utils/planted.ts': "import { join } from 'node:path';\nexport const joined = join;\n" },
    rule: 'unknown-place',
    line: 'utils/planted.ts is in no known place',
  },
  {
    what: 'a cycle',
    files: {
      'self/plantedA.ts': "import { b } from './plantedB.ts';\nexport const a = (): number => b();\n",
      'self/plantedB.ts': "import { a } from './plantedA.ts';\nexport const b = (): number => a();\n",
    },
    rule: 'no-cycles',
    // Inside one folder: the table has no say.
    line: undefined,
  },
] as const satisfies readonly {
  what: string;
  files: Record<string, string>;
  rule: string;
  line: string | undefined;
}[];

describe('a gate', () => {
  let copy = '';

  beforeAll(() => {
    copy = mkdtempSync(join(tmpdir(), 'sidelight-gates-'));
    for (const name of COPIED) cpSync(join(root, name), join(copy, name), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'), 'dir');
  });
  afterAll(() => {
    rmSync(copy, { recursive: true });
  });

  function plant(files: Readonly<Record<string, string>>): void {
    for (const [path, text] of Object.entries(files)) {
      const file = join(copy, 'src', path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text);
    }
  }

  function run(script: string, ...args: string[]): { status: number | null; output: string } {
    const ran = spawnSync(process.execPath, [join('node_modules', script), ...args], {
      cwd: copy,
      encoding: 'utf8',
    });
    return { status: ran.status, output: ran.stdout + ran.stderr };
  }

  describe('of the import table', () => {
    let cruised = { status: 0 as number | null, output: '' };
    let lines: readonly string[] = [];

    beforeAll(() => {
      for (const { files } of PLANTED) plant(files);
      cruised = run(
        'dependency-cruiser/bin/dependency-cruise.mjs',
        ...['--config', '.dependency-cruiser.cjs', '--output-type', 'err', 'src'],
      );
      lines = violations(
        join(copy, 'src'),
        JSON.parse(readFileSync(join(copy, 'scripts/layers.json'), 'utf8')) as Table,
      );
    });

    for (const { what, files, rule, line } of PLANTED) {
      it(`finds ${what}`, () => {
        expect(cruised.status).not.toBe(0);
        const told = cruised.output.split('\n').filter((text) => text.includes(`error ${rule}: src/`));
        expect(told.some((text) => Object.keys(files).some((path) => text.includes(`: src/${path}`)))).toBe(
          true,
        );
        if (line !== undefined) expect(lines).toContain(line);
      });
    }
  });

  it('of the linter finds an unhandled promise, a clock in a pure file and a default export', () => {
    plant({
      'tap/unhandled.ts': 'export function start(): void {\n  Promise.reject(new Error("lost"));\n}\n',
      'track/clock.ts': 'export default () => Date.now() + new Date().getTime() + Math.random();\n',
    });
    const { status, output } = run(
      'eslint/bin/eslint.js',
      ...['--format', 'json', 'src/tap/unhandled.ts', 'src/track/clock.ts'],
    );
    expect(status).toBe(1);
    const results = JSON.parse(output) as { filePath: string; messages: { ruleId: string }[] }[];
    const rules = Object.fromEntries(
      results.map(({ filePath, messages }) => [
        filePath.slice(copy.length),
        messages.map(({ ruleId }) => ruleId),
      ]),
    );
    expect(rules['/src/tap/unhandled.ts']).toEqual(['@typescript-eslint/no-floating-promises']);
    expect(rules['/src/track/clock.ts']).toEqual(
      expect.arrayContaining(['no-restricted-syntax', 'no-restricted-properties']),
    );
  });

  it('of the compiler finds a wrong type', () => {
    plant({ 'self/wrong.ts': "export const wrong: number = 'a word';\n" });
    const { status, output } = run('typescript/bin/tsc', '-p', 'tsconfig.json');
    expect(status).not.toBe(0);
    expect(output).toContain('src/self/wrong.ts(1,14): error TS2322');
  });
});
