import { cpSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Running, SIDELIGHT, talks, temporaryFolder } from '../e2e/sidelight.ts';

const SERVER = talks('err:hello\\n', 'flood:5000000', 'read-line', 'out:bye\\n', 'exit:3');

const HANGS = 'hangs';
/** What stands in the installation where the observer's thread should start. */
const BROKEN: readonly [name: string, observer: string | undefined, told: RegExp][] = [
  [
    'is missing',
    undefined,
    /^sidelight: observing stopped \(.+\); traffic goes on, unobserved and unrecorded$/,
  ],
  ['throws', 'throw new Error("at once")', /^sidelight: observing stopped \(at once\); traffic goes on/],
  [
    'throws later',
    'setTimeout(() => { throw new Error("later") }, 50)',
    /^sidelight: observing stopped \(later\); traffic goes on/,
  ],
  ['ends', 'process.exit(4)', /^sidelight: observing stopped \(its thread ended with 4\); traffic goes on/],
  [
    'needs more memory than it may have',
    'const all = []; for (;;) all.push({ all: [...all] })',
    /heap|memory/,
  ],
  [HANGS, 'for (;;);', /^sidelight: observing did not end within \d+ ms/],
];

describe('traffic goes on when the observer', () => {
  it.each(BROKEN)('%s', async (name, observer, told) => {
    const folder = temporaryFolder();
    const dist = join(folder, 'dist');
    cpSync(dirname(SIDELIGHT), dist, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
    if (observer === undefined) rmSync(join(dist, 'observer.js'));
    else writeFileSync(join(dist, 'observer.js'), observer);

    // With --lossless, to which a thread that is gone has all the room there is; one that hangs has none, ever.
    const lossless = name === HANGS ? [] : ['--lossless'];
    const running = new Running(process.execPath, [
      ...[join(dist, 'main.js'), ...lossless, '--data-dir', folder, '--capture-buffer', '1MiB', '--'],
      ...SERVER,
    ]);
    const [program = '', ...args] = SERVER;
    const direct = new Running(program, args);
    for (const { process } of [running, direct]) process.stdin.end('go on\n');
    const { code, signal, stdout, stderr } = await running.ended;
    expect([code, signal], stderr.toString()).toEqual([3, null]);
    expect(stdout.equals((await direct.ended).stdout)).toBe(true);
    const own = stderr
      .toString()
      .split('\n')
      .filter((line) => line.startsWith('sidelight:'));
    expect(own).toHaveLength(1);
    expect(own[0]).toMatch(told);
    expect(stderr.toString()).toContain('hello\n');
  });
});
