import Database from 'better-sqlite3';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Ended, Running, SIDELIGHT, talks, temporaryFolder, until, wrapped } from '../e2e/sidelight.ts';

/** A server that says more than the disks below hold, hears a line, and ends in its own way. */
const SERVER = talks('err:hello\\n', 'flood:3000000', 'read-line', 'out:bye\\n', 'exit:3');

interface Place {
  readonly dataDir: string;
  /** A line of shell that ends in running `"$@"`. */
  readonly shell?: string;
}

const BROKEN: readonly [name: string, prepare: () => Place | Promise<Place>, told: RegExp][] = [
  ['a full disk', () => ({ dataDir: mounted('size=512k') }), /full/],
  [
    'a limit on the size of files',
    () => ({ dataDir: temporaryFolder(), shell: 'ulimit -f 200; exec "$@"' }),
    /sidelight\.db/,
  ],
  [
    'a read-only disk',
    () => ({ dataDir: mounted('ro,size=512k') }),
    /read-only|not writable|cannot be written/i,
  ],
  [
    'a folder that would be below a file',
    () => {
      const folder = temporaryFolder();
      writeFileSync(join(folder, 'file'), '');
      return { dataDir: join(folder, 'file', 'data') };
    },
    /file\/data/,
  ],
  [
    'a file that is no database',
    () => {
      const dataDir = temporaryFolder();
      writeFileSync(join(dataDir, 'sidelight.db'), 'this is no database '.repeat(1000));
      return { dataDir };
    },
    /no SQLite database/,
  ],
  [
    'a damaged store',
    async () => {
      const dataDir = temporaryFolder();
      await wrapped(dataDir, talks('exit:0')).ended;
      const path = join(dataDir, 'sidelight.db');
      const file = readFileSync(path);
      // The first page, which says what is in the file, is whole; what is in it is not.
      writeFileSync(path, file.fill('damaged ', file.readUInt16BE(16)));
      return { dataDir };
    },
    /damaged/,
  ],
  [
    'a store of a newer version',
    () => {
      const dataDir = temporaryFolder();
      const db = new Database(join(dataDir, 'sidelight.db'));
      db.pragma(`application_id = 1399415909`);
      db.pragma('user_version = 99');
      db.close();
      return { dataDir };
    },
    /newer/,
  ],
];

describe('a recording that cannot be written costs one line, and /readyz tells', () => {
  it.each(BROKEN)('%s', async (_name, prepare, told) => {
    const { dataDir, shell = 'exec "$@"' } = await prepare();
    const port = await freePort();
    const sidelight = [
      process.execPath,
      SIDELIGHT,
      '--data-dir',
      dataDir,
      '--admin',
      `127.0.0.1:${port}`,
      '--',
    ];
    const direct = new Running('sh', ['-c', 'exec "$@"', 'sh', ...SERVER]);
    const through = new Running('sh', ['-c', shell, 'sh', ...sidelight, ...SERVER]);
    let ready = { status: 0, body: '' };
    await until(async () => (ready = await readyz(port)).status === 503, '/readyz to say what is wrong');
    expect(ready.body).toContain('store');
    for (const { process } of [direct, through]) process.stdin.end('go on\n');

    const expected = await direct.ended;
    const ended = await through.ended;
    expect(ended.stdout.equals(expected.stdout)).toBe(true);
    expect([ended.code, ended.signal]).toEqual([3, null]);
    const [line, ...rest] = ownLines(ended);
    expect(line).toMatch(told);
    expect(rest).toEqual([]);
    expect(ended.stderr.toString().replace(`${line ?? ''}\n`, '')).toBe(expected.stderr.toString());
  });
});

function ownLines({ stderr }: Ended): string[] {
  return stderr
    .toString()
    .split('\n')
    .filter((line) => line.startsWith('sidelight:'));
}

async function readyz(port: number): Promise<{ status: number; body: string }> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/readyz`);
    return { status: response.status, body: await response.text() };
  } catch {
    return { status: 0, body: 'not listening yet' };
  }
}

/** A folder that is a small disk of its own; where mounting is not allowed, one that cannot be written to. */
function mounted(options: string): string {
  const folder = join(temporaryFolder(), 'disk');
  mkdirSync(folder);
  const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'sidelight-test', folder], {
    encoding: 'utf8',
  });
  if (mount.status === 0) {
    onTestFinished(() => {
      spawnSync('umount', ['--lazy', folder]);
    });
  } else chmodSync(folder, 0o500);
  return folder;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
