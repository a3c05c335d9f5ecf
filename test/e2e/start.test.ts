import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Running, SIDELIGHT, temporaryFolder, wrapped } from './sidelight.ts';

/** What each case starts, in a folder of its own, and how it ends. `FOLDER` stands for the folder. */
const FAILURES: readonly [string, { command: string; flags?: string[] }, number, string][] = [
  [
    'a command that is nowhere on the PATH',
    { command: 'no-such-command' },
    127,
    'cannot start no-such-command: command not found (it is not on the PATH)',
  ],
  [
    'a file that does not exist',
    { command: './no-such-file' },
    127,
    'cannot start ./no-such-file: command not found (there is no such file)',
  ],
  [
    'a file below a file',
    { command: 'FOLDER/plain/file' },
    127,
    'cannot start FOLDER/plain/file: command not found (there is no such file)',
  ],
  [
    'a file that is not executable',
    { command: './plain' },
    126,
    'cannot start ./plain: not executable (permission denied; try chmod +x or name its interpreter)',
  ],
  [
    'a file on the PATH that is not executable',
    { command: 'plain' },
    126,
    'cannot start plain: not executable (permission denied; try chmod +x or name its interpreter)',
  ],
  [
    'a directory',
    { command: 'FOLDER/directory' },
    126,
    'cannot start FOLDER/directory: not executable (it is a directory)',
  ],
  [
    'a script whose interpreter is missing',
    { command: './script' },
    127,
    'cannot start ./script: the interpreter named in its first line was not found',
  ],
  [
    'a --cwd that does not exist',
    { command: 'cat', flags: ['--cwd', 'FOLDER/nowhere'] },
    127,
    'cannot start the server: the working directory FOLDER/nowhere does not exist or is not a directory',
  ],
  [
    'a --cwd that is a file',
    { command: 'cat', flags: ['--cwd', 'FOLDER/plain'] },
    127,
    'cannot start the server: the working directory FOLDER/plain does not exist or is not a directory',
  ],
];

describe('a server that cannot be started is told in one line, with the exit code of a shell', () => {
  it.each(FAILURES)('%s', async (_name, { command, flags = [] }, exitCode, line) => {
    const folder = furnished();
    const named = (text: string): string => text.replaceAll('FOLDER', folder);
    const running = wrapped(join(folder, 'data'), [named(command), 'argument'], {
      cwd: folder,
      flags: flags.map(named),
      env: { ...process.env, PATH: `${folder}:${process.env.PATH ?? ''}` },
    });
    const { code, stdout, stderr } = await running.ended;
    expect(stderr.toString()).toBe(`sidelight: ${named(line)}\n`);
    expect(stdout.toString()).toBe('');
    expect(code).toBe(exitCode);
  });

  it('a current directory that was deleted', async () => {
    const folder = furnished();
    const { code, stdout, stderr } = await new Running('sh', [
      '-c',
      'cd "$0" && rmdir "$0" && exec "$@"',
      join(folder, 'directory'),
      ...[process.execPath, SIDELIGHT, '--data-dir', join(folder, 'data'), '--', 'cat'],
    ]).ended;
    expect(stderr.toString()).toBe(
      'sidelight: cannot start the server: the current directory does not exist or is not a directory\n',
    );
    expect(stdout.toString()).toBe('');
    expect(code).toBe(127);
  });

  it('a current directory that was deleted is no matter when --cwd names another', async () => {
    const folder = furnished();
    const running = new Running('sh', [
      '-c',
      'cd "$0" && rmdir "$0" && exec "$@"',
      join(folder, 'directory'),
      ...[process.execPath, SIDELIGHT, '--data-dir', join(folder, 'data'), '--cwd', folder, '--', 'cat'],
    ]);
    running.process.stdin.end('as usual\n');
    const { code, stdout, stderr } = await running.ended;
    expect([code, stdout.toString(), stderr.toString()]).toEqual([0, 'as usual\n', '']);
  });
});

function furnished(): string {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'directory'));
  const files: readonly [name: string, content: string, mode: number][] = [
    ['plain', 'text', 0o644],
    ['script', '#!/no/such/interpreter\n', 0o755],
  ];
  for (const [name, content, mode] of files) {
    writeFileSync(join(folder, name), content);
    chmodSync(join(folder, name), mode);
  }
  return folder;
}
