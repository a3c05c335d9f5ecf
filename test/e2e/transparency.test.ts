import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Ended, Running, SIDELIGHT, talks, temporaryFolder, until, wrapped } from './sidelight.ts';

const KINDS_OF_BYTES: readonly [string, Buffer][] = [
  ['a message', Buffer.from('{"jsonrpc":"2.0","id":1,"method":"ping"}\n')],
  ['several messages in one write', Buffer.from('{"jsonrpc":"2.0","id":1,"result":{}}\n'.repeat(50))],
  ['a batch', Buffer.from('[{"jsonrpc":"2.0","method":"a"},{"jsonrpc":"2.0","id":1,"method":"b"}]\n')],
  ['CRLF', Buffer.from('{"jsonrpc":"2.0","id":1,"method":"ping"}\r\n\r\n')],
  ['blank lines', Buffer.from('\n\n \n\t\n{"jsonrpc":"2.0","method":"a"}\n\n')],
  ['invalid JSON', Buffer.from('{"jsonrpc":"2.0","id":\nnot JSON at all\n}{\n')],
  ['UTF-8 of every length', Buffer.from('{"text":"aé€😀"}\n')],
  ['bytes that are no UTF-8', Buffer.from('ff fe c3 28 80 0a e2 82 0a'.replaceAll(' ', ''), 'hex')],
  ['NUL bytes', Buffer.from([0, 0, 10, 0, 123, 0, 125, 10, 0])],
  ['every byte value', Buffer.from(Array.from({ length: 512 }, (_, index) => index & 0xff))],
  ['a line that never ends', Buffer.from('{"jsonrpc":"2.0","method":"unfinished')],
  ['a terminal sequence', Buffer.from('\u001b[31mred\u001b[0m\u0007\r\n')],
  ['secrets', Buffer.from('{"authorization":"Bearer abcdefghijklmnop","password":"hunter2"}\n')],
  ['nothing', Buffer.alloc(0)],
];

/** Says all of its stdin on stdout, then again on stderr. */
const REPEAT = 'const all = fs.readFileSync(0); fs.writeSync(1, all); fs.writeSync(2, all)';
const repeat = [process.execPath, '-e', REPEAT];

describe('bytes pass verbatim, whatever they are', () => {
  it.each(KINDS_OF_BYTES)('%s, on all three streams', async (_name, bytes) => {
    const [direct, through] = await both(repeat, bytes);
    const text = bytes.toString('latin1');
    expect(direct).toEqual({ code: 0, signal: null, stdout: text, stderr: text });
    expect(through).toEqual(direct);
  });

  it('characters whose bytes come one by one', async () => {
    const running = wrapped(temporaryFolder(), ['cat']);
    const bytes = Buffer.from('{"text":"é€😀"}\r\n');
    for (const [index] of bytes.entries()) {
      running.process.stdin.write(bytes.subarray(index, index + 1));
      await until(() => running.stdout.length === index + 1, `byte ${index}`);
    }
    running.process.stdin.end();
    expect((await running.ended).stdout).toEqual(bytes);
  });

  it('a line of 50 MB, there and back', async () => {
    const line = Buffer.alloc(50_000_000, 'x');
    line.write('{"jsonrpc":"2.0","id":1,"result":"');
    line.write('"}\n', line.length - 3);
    const running = wrapped(temporaryFolder(), ['cat']);
    running.process.stdin.end(line);
    const { code, stdout, stderr } = await running.ended;
    expect(stderr.toString()).toBe('');
    expect(code).toBe(0);
    expect(sha256(stdout)).toBe(sha256(line));
  });

  it('through FIFOs, as between the commands of a shell', async () => {
    const input = Buffer.concat(KINDS_OF_BYTES.map(([, bytes]) => bytes));
    const piped = '{ cat | "$@" 2>&1 >&3 3>&- | cat >&2; } 3>&1 | cat';
    const [direct, through] = await inShell(piped, repeat, input);
    expect(direct.stdout).toBe(input.toString('latin1'));
    expect(direct.stderr).toBe(input.toString('latin1'));
    expect(through).toEqual(direct);
  });

  it('from and to files', async () => {
    const folder = temporaryFolder();
    const input = Buffer.concat(KINDS_OF_BYTES.map(([, bytes]) => bytes));
    writeFileSync(join(folder, 'in'), input);
    const { code, stderr } = await new Running('sh', [
      '-c',
      'cd "$1" && shift && exec "$@" <in >out 2>err',
      'sh',
      folder,
      ...[process.execPath, SIDELIGHT, '--data-dir', folder, '--', ...repeat],
    ]).ended;
    expect([code, stderr.toString()]).toEqual([0, '']);
    expect(readFileSync(join(folder, 'out'))).toEqual(input);
    expect(readFileSync(join(folder, 'err'))).toEqual(input);
  });

  it.each([
    ['/dev/null as stdin', 'exec "$@" </dev/null'],
    ['/dev/null as stdout', 'exec "$@" >/dev/null'],
    ['a closed stderr', 'exec "$@" 2>&-'],
  ])('with %s', async (_name, script) => {
    const [direct, through] = await inShell(script, ['sh', '-c', 'cat; echo out; echo err >&2; exit 7']);
    expect(direct.code).toBe(7);
    expect(through).toEqual(direct);
  });

  it('leaves a pipe that others share as it was', async () => {
    // A descriptor that was made non-blocking stays so for everybody who has it, after our end too.
    const script = '"$@"; exec python3 -c "import os; print([os.get_blocking(fd) for fd in (0, 1, 2)])"';
    const shared = `{ cat | sh -c '${script}' sh "$@" 2>&1 >&3 3>&- | cat >&2; } 3>&1 | cat`;
    const [direct, through] = await inShell(shared, ['sh', '-c', 'echo err >&2']);
    expect(direct.stdout).toBe('[True, True, True]\n');
    expect(through).toEqual(direct);
  });
});

describe('the timing of chunks is the timing of the writer', () => {
  it('each write of the server arrives before its next, without a newline', async () => {
    const script = ['out:a', 'read-line', 'out:b', 'read-line', 'err:c', 'read-line', 'out:d\\n'];
    const running = wrapped(temporaryFolder(), talks(...script));
    const chunks: string[] = [];
    const take = (chunk: Buffer): void => void chunks.push(chunk.toString());
    running.process.stdout.on('data', take);
    running.process.stderr.on('data', take);
    for (const expected of [['a'], ['a', 'b'], ['a', 'b', 'c']]) {
      await until(() => chunks.length === expected.length, `${String(expected.length)} chunks`);
      expect(chunks).toEqual(expected);
      running.process.stdin.write('go on\n');
    }
    await running.ended;
    expect(chunks).toEqual(['a', 'b', 'c', 'd\n']);
  });

  it('each write of the client arrives before its next, without a newline', async () => {
    const running = wrapped(temporaryFolder(), ['sh', '-c', 'cat >&2']);
    for (const text of ['{"half', ' of a', ' line']) {
      running.process.stdin.write(text);
      await until(() => running.stderr.endsWith(text), text);
    }
    running.process.stdin.end();
    expect((await running.ended).stderr.toString()).toBe('{"half of a line');
  });
});

describe('the server is started as it would be without Sidelight', () => {
  const REPORT = 'console.log(JSON.stringify([process.argv.slice(1), process.cwd(), process.env]))';

  it.each([
    [['--flag', '-x', '--', '--name', 'of the server']],
    [['', ' ', 'two words', '"quotes"', "it's", '$HOME `id` \\ * ?', 'new\nline', 'é€😀', '-']],
  ])('with its arguments exactly: %j', async (args) => {
    const [direct, through] = await both([
      process.execPath,
      '-e',
      'console.log(JSON.stringify([process.argv.slice(1)]))',
      '--',
      ...args,
    ]);
    expect(through).toEqual(direct);
    expect(parse(through)[0]).toEqual(args);
  });

  it("in Sidelight's working directory, or the one of --cwd", async () => {
    const folder = temporaryFolder();
    const command = [process.execPath, '-e', REPORT];
    const here = wrapped(folder, command, { cwd: folder });
    const there = wrapped(folder, command, { flags: ['--cwd', folder], cwd: '/' });
    expect(parse(readable(await here.ended))[1]).toBe(folder);
    expect(parse(readable(await there.ended))[1]).toBe(folder);
  });

  it("with every variable of its environment but Sidelight's secrets", async () => {
    const env = {
      ...process.env,
      OTEL_SERVICE_NAME: 'the server',
      OTEL_EXPORTER_OTLP_HEADERS: 'x-key=of-the-server',
      SIDELIGHT_LOG_LEVEL: 'warn',
      EMPTY: '',
      UNICODE: 'é€😀',
      TWO_LINES: 'a\nb',
    };
    const direct = new Running(process.execPath, ['-e', REPORT], { env });
    const through = wrapped(temporaryFolder(), [process.execPath, '-e', REPORT], {
      env: { ...env, SIDELIGHT_OTLP_HEADERS: 'authorization=secret' },
    });
    expect(parse(readable(await through.ended))[2]).toEqual(parse(readable(await direct.ended))[2]);
  });

  it('with no open file but its three streams', async () => {
    const list = 'ls -l /proc/self/fd | grep -c -- "->"';
    const [direct, through] = await both(['sh', '-c', list]);
    expect(through).toEqual(direct);
  });
});

interface Seen {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** One character for each byte. */
  readonly stdout: string;
  readonly stderr: string;
}

function readable({ code, signal, stdout, stderr }: Ended): Seen {
  return { code, signal, stdout: stdout.toString('latin1'), stderr: stderr.toString('latin1') };
}

function parse({ stdout }: Seen): unknown[] {
  return JSON.parse(Buffer.from(stdout, 'latin1').toString()) as unknown[];
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** The same command without and with Sidelight; both get the same input, then the end of it. */
async function both(
  [program = '', ...args]: readonly string[],
  input: string | Buffer = '',
): Promise<[Seen, Seen]> {
  return await seen([new Running(program, args), wrapped(temporaryFolder(), [program, ...args])], input);
}

/** The same, from a line of shell in which the command is `"$@"`. */
async function inShell(
  script: string,
  command: readonly string[],
  input: string | Buffer = 'input\n',
): Promise<[Seen, Seen]> {
  const sidelight = [process.execPath, SIDELIGHT, '--data-dir', temporaryFolder(), '--'];
  const run = (args: readonly string[]): Running => new Running('sh', ['-c', script, 'sh', ...args]);
  return await seen([run(command), run([...sidelight, ...command])], input);
}

async function seen([direct, through]: [Running, Running], input: string | Buffer): Promise<[Seen, Seen]> {
  for (const { process } of [direct, through]) process.stdin.end(input);
  return [readable(await direct.ended), readable(await through.ended)];
}
