import { spawn } from 'node:child_process';
import { describe, expect, it, onTestFinished } from 'vitest';
import { childrenOf, isAlive, serverOf } from './proc.ts';
import { Running, SIDELIGHT, talks, temporaryFolder, until, wrapped } from './sidelight.ts';

/** A server that tells each signal on stderr and lives on. `up` is on stderr when it does. */
function heeds(...signals: readonly string[]): readonly string[] {
  return talks(...signals.map((signal) => `ignore:${signal}`), 'err:up\\n', 'stay');
}

describe('the end of the server is the end of Sidelight', () => {
  it.each([
    ['exit 0', talks('exit:0'), { code: 0, signal: null }],
    ['exit 3', talks('exit:3'), { code: 3, signal: null }],
    ['exit 255', talks('exit:255'), { code: 255, signal: null }],
    ...(['SIGTERM', 'SIGKILL', 'SIGSEGV', 'SIGABRT', 'SIGPIPE', 'SIGINT', 'SIGHUP', 'SIGUSR1'] as const).map(
      (signal) => [signal, ['sh', '-c', `kill -${signal.slice(3)} $$`], { code: null, signal }] as const,
    ),
  ] as const)('%s', async (_name, command, expected) => {
    const [program = '', ...args] = command;
    const direct = new Running(program, args);
    const through = wrapped(temporaryFolder(), command);
    expect(await direct.ended).toMatchObject(expected);
    expect(await through.ended).toMatchObject(expected);
  });

  it('comes after everything the server wrote', async () => {
    const { code, stdout } = await wrapped(temporaryFolder(), talks('flood:3000000', 'exit:4')).ended;
    expect(code).toBe(4);
    expect(stdout.length).toBe(3_000_000);
  });

  it('comes after everything the server wrote, to a client that reads late and slowly', async () => {
    const running = wrapped(temporaryFolder(), talks('fill:300', 'exit:4'));
    const { stdout } = running.process;
    stdout.pause();
    const server = await serverOf(running.process.pid);
    await until(() => !isAlive(server), 'the end of the server');
    const pace = setInterval(() => stdout.isPaused() && stdout.resume(), SLOW_MS);
    onTestFinished(() => {
      clearInterval(pace);
    });
    stdout.on('data', () => stdout.pause());
    const { code, stdout: said, stderr } = await running.ended;
    expect(code).toBe(4);
    expect(stderr.toString()).toContain(`filled ${said.length}\n`);
  });

  it('does not wait for a process that holds the streams of the server and is silent', async () => {
    const running = wrapped(temporaryFolder(), talks('spawn-holder:60000', 'out:bye\\n', 'exit:5'));
    const { code, stdout } = await exitOf(running);
    expect([code, stdout.toString()]).toEqual([5, 'bye\n']);
  });

  it('does not wait for a process that holds the streams of the server and talks', async () => {
    const running = wrapped(temporaryFolder(), [
      'sh',
      '-c',
      '(for i in $(seq 1000); do echo still here >&2; sleep 0.05; done) & exit 5',
    ]);
    const { code } = await exitOf(running);
    expect(code).toBe(5);
  });
});

/** A client takes a chunk only this often: longer than Sidelight waits for a silent stream of a server that is gone. */
const SLOW_MS = 150;

describe('a stream that one side closes is closed for the other', () => {
  it('stdin of the client: the server reads to its end and lives on', async () => {
    const running = wrapped(temporaryFolder(), talks('read-all', 'out:had everything\\n', 'exit:6'));
    running.process.stdin.end('a line\n');
    const { code, stdout } = await running.ended;
    expect([code, stdout.toString()]).toEqual([6, 'had everything\n']);
  });

  it('stdout of the server: the client sees its end while the server still reads and logs', async () => {
    const running = wrapped(
      temporaryFolder(),
      talks('out:last words\\n', 'close-stdout', 'read-line', 'err:heard\\n', 'read-all', 'exit:0'),
    );
    await new Promise((resolve) => running.process.stdout.once('end', resolve));
    expect(running.process.exitCode).toBe(null);
    running.process.stdin.write('a line\n');
    await running.says('heard');
    running.process.stdin.end();
    const { code, stdout } = await running.ended;
    expect([code, stdout.toString()]).toEqual([0, 'last words\n']);
  });

  it('stdin of the server: a write of the client fails, and the server talks on', async () => {
    const running = wrapped(temporaryFolder(), [
      'sh',
      '-c',
      'exec 0<&-; echo up; while :; do sleep 0.02; echo on; done',
    ]);
    const failure = new Promise<NodeJS.ErrnoException>((resolve) =>
      running.process.stdin.once('error', resolve),
    );
    await running.says('up');
    const writes = setInterval(() => running.process.stdin.write('a line\n'), 10);
    onTestFinished(() => {
      clearInterval(writes);
    });
    expect((await failure).code).toMatch(/^(EPIPE|ECONNRESET)$/);
    clearInterval(writes);
    const before = running.stdout.length;
    await until(() => running.stdout.length > before, 'more output');
  });

  it('stdout of the client: a write of the server fails', async () => {
    const running = wrapped(temporaryFolder(), [
      'sh',
      '-c',
      'while echo on; do sleep 0.01; done 2>/dev/null; exit 9',
    ]);
    await running.says('on');
    running.process.stdout.destroy();
    // A shell is ended by SIGPIPE, as it is without Sidelight.
    const { code, signal, stderr } = await running.ended;
    expect([code, signal, stderr.toString()]).toEqual([null, 'SIGPIPE', '']);
  });

  it('stderr of the client: a write of the server fails', async () => {
    const running = wrapped(temporaryFolder(), [
      'sh',
      '-c',
      'while echo on >&2; do sleep 0.01; done; exit 9',
    ]);
    await running.says('on');
    running.process.stderr.destroy();
    const { code, signal } = await running.ended;
    expect([code, signal]).toEqual([null, 'SIGPIPE']);
  });
});

describe('the same between FIFOs, as the commands of a shell have them', () => {
  it('stdout of the server: its reader sees the end while the server lives', async () => {
    const running = piped('"$@" | { cat; echo end >&2; }', talks('out:bye\\n', 'close-stdout', 'read-all'));
    await running.says('end');
    expect(running.stdout.toString()).toBe('bye\n');
    expect(running.process.exitCode).toBe(null);
    running.process.stdin.end();
    expect((await running.ended).code).toBe(0);
  });

  it('stdin of the server: its writer is ended by SIGPIPE while the server lives', async () => {
    const writer = '{ (while echo line; do sleep 0.01; done); echo "writer: $?" >&2; }';
    const running = piped(`${writer} | "$@"`, ['sh', '-c', 'exec 0<&-; while echo on; do sleep 0.02; done']);
    await running.says('writer: 141');
    expect(running.process.exitCode).toBe(null);
    running.process.stdout.destroy();
    await running.ended;
  });

  it('stdout of the client: the server is ended by SIGPIPE', async () => {
    const running = piped('"$@" | head -n 1', [
      'sh',
      '-c',
      'while echo on; do sleep 0.01; done; echo no SIGPIPE >&2',
    ]);
    const { stdout, stderr } = await running.ended;
    expect([stdout.toString(), stderr.toString()]).toEqual(['on\n', '']);
  });
});

describe('signals reach the server', () => {
  const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGQUIT'] as const;

  it.each(SIGNALS)('%s exactly once, and a server that outlives it runs on', async (signal) => {
    const running = wrapped(temporaryFolder(), heeds(signal, 'SIGCONT'));
    await running.says('up');
    running.process.kill(signal);
    await running.says(`ignored ${signal}`);
    // A later signal that arrives shows that an earlier one did not arrive twice.
    const server = await serverOf(running.process.pid);
    process.kill(server, 'SIGCONT');
    await running.says('ignored SIGCONT');
    expect(running.stderr).toBe(`up\nignored ${signal}\nignored SIGCONT\n`);
    expect(isAlive(server)).toBe(true);
    process.kill(server, 'SIGKILL');
    expect((await running.ended).signal).toBe('SIGKILL');
  });

  it.each(SIGNALS)('%s ends a server that does not heed it, and Sidelight the same way', async (signal) => {
    const running = wrapped(temporaryFolder(), ['sh', '-c', 'echo up; while :; do sleep 0.1; done']);
    await running.says('up');
    running.process.kill(signal);
    expect(await running.ended).toMatchObject({ code: null, signal });
  });

  it('a server that ends in its own way on SIGTERM decides the exit code', async () => {
    const running = wrapped(temporaryFolder(), [
      'sh',
      '-c',
      'trap "echo bye; exit 42" TERM; echo up; while :; do sleep 0.1; done',
    ]);
    await running.says('up');
    running.process.kill('SIGTERM');
    const { code, stdout } = await running.ended;
    expect([code, stdout.toString()]).toEqual([42, 'up\nbye\n']);
  });

  it('after the end of the server, a signal ends Sidelight at once', async () => {
    // The client does not read, so that Sidelight still has something to hand over.
    const running = wrapped(temporaryFolder(), talks('fill:300', 'exit:4'));
    running.process.stdout.pause();
    const server = await serverOf(running.process.pid);
    await until(
      () => !isAlive(server) && childrenOf(running.process.pid).length === 0,
      'the end of the server',
    );
    expect(running.process.exitCode).toBe(null);
    running.process.kill('SIGTERM');
    const exit = await new Promise((resolve) =>
      running.process.once('exit', (...how) => {
        resolve(how);
      }),
    );
    expect(exit).toEqual([4, null]);
  });
});

describe('Ctrl-C on a terminal', () => {
  /** Runs a command on a terminal of its own, presses Ctrl-C when it says `up`, and tells how it ended. */
  const ON_TERMINAL = `
import json, os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
said = b''
pressed = False
while True:
    try:
        said += os.read(terminal, 65536)
    except OSError:
        break
    if b'up' in said and not pressed:
        pressed = True
        os.write(terminal, b'\\x03')
_, status = os.waitpid(pid, 0)
ended = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
print(json.dumps([ended, said.decode()]))
`;

  async function pressed(server: readonly string[]): Promise<{ direct: unknown; through: unknown }> {
    const sidelight = [process.execPath, SIDELIGHT, '--data-dir', temporaryFolder(), '--'];
    const [direct, through] = [server, [...sidelight, ...server]].map(
      (command) => new Running('python3', ['-c', ON_TERMINAL, ...command]),
    );
    const told = async (running: Running | undefined): Promise<unknown> =>
      JSON.parse((await running?.ended)?.stdout.toString() ?? '');
    return { direct: await told(direct), through: await told(through) };
  }

  it('ends the server and Sidelight as it ends the server alone', async () => {
    const { direct, through } = await pressed(talks('out:up\\n', 'stay'));
    expect(direct).toEqual([-2, 'up\r\n^C']);
    expect(through).toEqual(direct);
  });

  it('reaches a server that heeds it once, and its exit code is kept', async () => {
    const server = [
      'sh',
      '-c',
      'trap "echo interrupted; n=$((n+1))" INT; echo up; while [ -z "$n" ]; do sleep 0.1; done; sleep 0.3; exit $n',
    ];
    const { direct, through } = await pressed(server);
    expect(direct).toEqual([1, 'up\r\n^Cinterrupted\r\n']);
    expect(through).toEqual(direct);
  });
});

describe('no process is left behind', () => {
  it('SIGKILL of Sidelight: the server sees the end of its stdin and ends', async () => {
    const running = wrapped(temporaryFolder(), talks('err:up\\n', 'read-all', 'exit:0'));
    await running.says('up');
    const server = await serverOf(running.process.pid);
    running.process.kill('SIGKILL');
    await until(() => !isAlive(server), 'the end of the server');
  });

  it('SIGKILL of Sidelight with --pdeathsig: a server that ignores the end of its stdin ends too', async () => {
    const running = wrapped(temporaryFolder(), talks('err:up\\n', 'stay'), {
      flags: ['--pdeathsig', 'SIGTERM'],
    });
    await running.says('up');
    const server = await serverOf(running.process.pid);
    running.process.kill('SIGKILL');
    await until(() => !isAlive(server), 'the end of the server');
  });

  it('SIGKILL of the client: the server sees the end of its stdin and ends, and Sidelight with it', async () => {
    const folder = temporaryFolder();
    const client = spawn(
      'sh',
      ['-c', 'sleep 60 | "$@" | cat', 'sh', process.execPath, SIDELIGHT, '--data-dir', folder, '--', 'cat'],
      { stdio: 'ignore' },
    );
    const sidelight = (): number | undefined =>
      childrenOf(client.pid).find((pid) => childrenOf(pid).length > 0);
    await until(() => sidelight() !== undefined, 'Sidelight');
    const pids = [sidelight() ?? 0, await serverOf(sidelight())];
    // Everything of the client's but Sidelight, whose stdin then has no writer and whose stdout has no reader.
    for (const pid of childrenOf(client.pid)) if (!pids.includes(pid)) process.kill(pid, 'SIGKILL');
    process.kill(client.pid ?? 0, 'SIGKILL');
    await until(() => !pids.some(isAlive), 'the end of both');
  });
});

/** Sidelight as `"$@"` in a line of shell. */
function piped(script: string, server: readonly string[]): Running {
  const sidelight = [process.execPath, SIDELIGHT, '--data-dir', temporaryFolder(), '--', ...server];
  return new Running('sh', ['-c', script, 'sh', ...sidelight]);
}

/** How the process itself ended: somebody it left behind may hold its streams. */
async function exitOf(running: Running): Promise<{ code: number | null; stdout: Buffer }> {
  const code = await new Promise<number | null>((resolve) => running.process.once('exit', resolve));
  return { code, stdout: running.stdout };
}
