/** The first commit of a repository that does not do what was recorded, found with a build, and without a trace of it left. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { recorded } from './again.ts';
import { Running, server, SIDELIGHT, temporaryFolder, until, type Ended } from './sidelight.ts';

const NODE = process.execPath;
const NOTES = server('keeps-notes.mjs');
const COMMITS = 9;
const BAD_FROM = 6;
const UNBUILDABLE = 5;

interface Repository {
  readonly folder: string;
  /** For temporary files. */
  readonly scratch: string;
  readonly dataDir: string;
  readonly git: (...args: readonly string[]) => string;
  readonly sidelight: (...args: readonly string[]) => Running;
}

/** Commits v1 to v9: the server is wrong from v6 on, and v5 cannot be built. Its build makes dist/server.mjs of it. */
async function repository(): Promise<Repository> {
  const { folder, dataDir } = await recorded([NODE, NOTES], async (peer) => {
    await peer.request('tools/list');
    await peer.call({ name: 'work', arguments: { steps: 1 } });
    await peer.call({ name: 'fail', arguments: { code: -32050 } }).catch(() => undefined);
  });
  const root = join(folder, 'root');
  const scratch = join(temporaryFolder(), 'scratch');
  for (const made of [root, scratch]) mkdirSync(made);
  const who = ['-c', 'user.name=t', '-c', 'user.email=t@example.com', '-c', 'commit.gpgsign=false'];
  const git = (...args: readonly string[]): string =>
    execFileSync('git', [...who, ...args], {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  git('init', '--quiet', '--initial-branch=main');
  const build = `import { copyFileSync, mkdirSync } from 'node:fs'; mkdirSync('dist'); copyFileSync('server.mjs', 'dist/server.mjs');`;
  for (let number = 1; number <= COMMITS; number += 1) {
    const broken = number < BAD_FROM ? '' : 'code';
    writeFileSync(
      join(root, 'server.mjs'),
      `// ${number}\nprocess.env.BROKEN = '${broken}'; await import(${JSON.stringify(NOTES)});\n`,
    );
    writeFileSync(join(root, 'build.mjs'), number === UNBUILDABLE ? "throw new Error('half done');" : build);
    git('add', '--all');
    git('commit', '--quiet', '-m', `v${number}: work`);
    git('tag', `v${number}`);
  }
  // Would run in each working tree.
  writeFileSync(join(root, '.git/hooks/post-checkout'), `#!/bin/sh\ntouch ${join(folder, 'hooked')}\n`, {
    mode: 0o755,
  });
  return {
    folder: root,
    scratch,
    dataDir,
    git,
    sidelight: (...args) =>
      new Running(NODE, [SIDELIGHT, ...args], {
        cwd: root,
        env: { ...process.env, TMPDIR: scratch, SIDELIGHT_DATA_DIR: dataDir },
      }),
  };
}

function expectNothingLeft({ git, scratch, folder }: Repository): void {
  expect(git('worktree', 'list').trim().split('\n')).toHaveLength(1);
  expect(readdirSync(scratch)).toEqual([]);
  expect(existsSync(join(folder, '../hooked'))).toBe(false);
  expect(git('status', '--porcelain')).toBe('');
}

const ARGS = [
  'bisect',
  'last',
  '--git',
  'v1..main',
  '--build',
  'node -e 0 && node build.mjs',
  '--level',
  'outcome',
];
const SERVER = ['--', NODE, 'dist/server.mjs'];

describe('bisect over commits', { timeout: 60_000 }, () => {
  it('builds and tries as few as halving takes, passes over what cannot be built, and leaves nothing behind', async () => {
    const repo = await repository();
    const { code, stdout } = await repo.sidelight(...ARGS, '--json', ...SERVER).ended;
    expect(code).toBe(1);
    const told = JSON.parse(stdout.toString()) as {
      servers: { server: string; subject: string; verdict: string; why: string }[];
      firstDifferent: string;
      unclear: number;
    };
    expect(told.firstDifferent).toBe(repo.git('rev-parse', 'v6').trim());
    // Whether v5 was good nobody knows.
    expect(told.unclear).toBe(1);
    const [first, ...others] = told.servers;
    expect([first?.subject, first?.verdict]).toEqual(['v1: work', 'reproduced']);
    expect(others.length).toBeLessThanOrEqual(5);
    expect(others.map(({ subject }) => subject)).toEqual(others.map(({ subject }) => subject).sort());
    for (const { subject, verdict } of told.servers) {
      const number = Number(subject.slice(1, 2));
      expect(verdict).toBe(
        number === UNBUILDABLE ? 'cannot run' : number < BAD_FROM ? 'reproduced' : 'different',
      );
    }
    expect(told.servers.find(({ verdict }) => verdict === 'cannot run')?.why).toMatch(
      /build\.mjs ended with exit code 1/,
    );
    expectNothingLeft(repo);
  });

  it('says in words what is the first, and what is wrong with a range', async () => {
    const repo = await repository();
    const bisect = (...args: readonly string[]): Promise<Ended> =>
      repo.sidelight('bisect', 'last', '--level', 'outcome', '--build', 'node build.mjs', ...args, ...SERVER)
        .ended;
    const found = await bisect('--git', 'v4..v7');
    expect(found.stdout.toString()).toMatch(
      /v4: work +reproduced\n.*v5: work +cannot run .*\n.*v6: work +different +step 2 tools\/call fail: expected error -32050, got error -32000\n.*v7: work +different .*\nThe first that differs: [0-9a-f]{10} v6: work, or one of the 1 before it that cannot be run\n$/,
    );
    expect((await bisect('--git', 'v1..v4')).code).toBe(0);
    for (const [range, line] of [
      ['v6..v9', /v6 does not reproduce it \(step 2 tools\/call fail: .*\); name a commit that does/],
      ['v1..v5', /v5 cannot be run \(node build\.mjs ended with exit code 1.*\); name a commit that can/],
      ['v7..v1', /there is no commit between v7 and v1; the older one stands first/],
      ['v1..nowhere', /nowhere is no commit of the repository in /],
      ['--evil..main', /--evil is no commit of the repository/],
    ] as const) {
      const { code, stderr, stdout } = await bisect(`--git=${range}`);
      expect([code, stdout.toString()]).toEqual([3, '']);
      expect(stderr.toString().trim().split('\n').at(-1)).toMatch(line);
    }
    expectNothingLeft(repo);
  });

  it('ends a build at Ctrl-C with what it started, and leaves nothing behind', async () => {
    const repo = await repository();
    const file = join(repo.folder, '../child.pid');
    const sleeps = join(repo.folder, '../sleeps.mjs');
    writeFileSync(
      sleeps,
      `import { writeFileSync } from 'node:fs'; writeFileSync(${JSON.stringify(file)}, String(process.pid)); setInterval(() => 0, 1000);`,
    );
    // The shell does not become the program, and does not hand the signal on.
    const build = `sh -c '"${NODE}" "${sleeps}"; true'`;
    const running = repo.sidelight('bisect', 'last', '--git', 'v1..main', '--build', build, ...SERVER);
    await until(() => existsSync(file) && readFileSync(file, 'utf8') !== '', 'the build to run');
    const pid = Number(readFileSync(file, 'utf8'));
    running.process.kill('SIGINT');
    const { code, stderr } = await running.ended;
    expect([code, stderr.toString().trim().split('\n').at(-1)]).toEqual([3, 'sidelight: interrupted']);
    await until(() => !isAlive(pid), 'what the build started to end');
    expectNothingLeft(repo);
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
