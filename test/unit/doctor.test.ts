/** `sidelight doctor` on machines that are not as they should be. Real files, ports and receivers. */
import { once } from 'node:events';
import { chmodSync, mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { storePath } from '../../src/store/file.ts';
import { run } from './commandRun.ts';
import { folder, STDIO_ID, stdioEvents, stored, TALK } from './recordings.ts';

interface Told {
  readonly ok: boolean;
  readonly checks: readonly {
    readonly what: string;
    readonly state: string;
    readonly detail: string;
    readonly fix: string;
  }[];
}

async function doctor(dir: string, ...flags: string[]): Promise<Told & { code: number }> {
  const { code, out, err } = await run(dir, 'doctor', '--json', ...flags);
  expect(err).toBe('');
  return { ...(JSON.parse(out) as Told), code };
}

async function recorded(): Promise<string> {
  const dir = folder();
  await stored(join(dir, 'data'), stdioEvents(STDIO_ID, TALK));
  chmodSync(join(dir, 'data'), 0o700);
  return dir;
}

const wrong = ({ checks }: Told): object[] =>
  checks.filter(({ state }) => state !== 'ok').map(({ what, state }) => ({ what, state }));

async function answering(status: number): Promise<string> {
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(status).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('sidelight doctor', () => {
  test('finds nothing wrong with a store as Sidelight makes it, and tells what is in it', async () => {
    const told = await doctor(await recorded());
    expect([told.code, told.ok, wrong(told)]).toEqual([0, true, []]);
    const details = told.checks.map(({ what, detail }) => `${what}: ${detail}`).join('\n');
    expect(details).toMatch(/store: .*sidelight[.]db, .* in use, schema 3, SQLite 3/);
    expect(details).toMatch(/full text: 0 of 1 sessions are in the index, /);
    expect(details).toMatch(/retention: 1 sessions, 0 live, 0 interrupted/);
    expect(details).toMatch(/redaction: on/);
  });

  test('of a folder in which nothing was recorded, is content', async () => {
    const told = await doctor(folder());
    expect([told.code, wrong(told)]).toEqual([0, []]);
  });

  test('a damaged store is a problem, with what to do', async () => {
    const dir = await recorded();
    truncateSync(storePath(join(dir, 'data')), 8192 * 3);
    const told = await doctor(dir);
    expect([told.code, told.ok]).toEqual([1, false]);
    expect(told.checks.find(({ state }) => state === 'problem')).toMatchObject({
      detail: expect.stringMatching(/damaged|malformed|Tree|disk image|page/i) as string,
    });
  });

  test('files that others can read, and a folder that they can look into', async () => {
    const dir = await recorded();
    chmodSync(storePath(join(dir, 'data')), 0o644);
    writeFileSync(join(dir, 'data', 'redaction.key'), 'x', { mode: 0o644 });
    chmodSync(join(dir, 'data', 'redaction.key'), 0o644);
    expect(wrong(await doctor(dir))).toEqual([
      { what: 'permissions', state: 'problem' },
      { what: 'redaction', state: 'problem' },
    ]);
    const open = await recorded();
    chmodSync(join(open, 'data'), 0o755);
    expect(wrong(await doctor(open))).toEqual([{ what: 'permissions', state: 'warning' }]);
  });

  test('a store of something else', async () => {
    const dir = folder();
    mkdirSync(join(dir, 'data'));
    writeFileSync(
      storePath(join(dir, 'data')),
      'not a database at all, but long enough to be looked at '.repeat(200),
    );
    const told = await doctor(dir);
    expect([told.code, wrong(told)]).toEqual([1, [{ what: 'store', state: 'problem' }]]);
  });

  test('a port in use, redaction that is off, a receiver that is not there, and one that refuses', async () => {
    const dir = await recorded();
    const busy = new URL(await answering(200));
    const told = await doctor(
      dir,
      '--admin',
      busy.host,
      '--no-redact',
      '--otlp-endpoint',
      'http://127.0.0.1:9',
    );
    expect([told.code, wrong(told)]).toEqual([
      1,
      [
        { what: 'redaction', state: 'warning' },
        { what: 'admin', state: 'warning' },
        { what: 'otlp traces', state: 'problem' },
      ],
    ]);
    const refusing = await doctor(dir, '--otlp-endpoint', await answering(401));
    expect(refusing.checks.find(({ what }) => what === 'otlp traces')).toMatchObject({
      state: 'problem',
      fix: 'look at otlp.headers',
    });
    const fine = await doctor(dir, '--otlp-endpoint', await answering(200), '--otlp-metrics');
    expect([fine.code, wrong(fine)]).toEqual([0, []]);
    expect(fine.checks.filter(({ what }) => what.startsWith('otlp')).map(({ what }) => what)).toEqual([
      'otlp traces',
      'otlp metrics',
    ]);
  });

  test('is written for a person, too: a line for each, and what to do below it', async () => {
    const { code, out } = await run(await recorded(), 'doctor', '--no-redact');
    expect(code).toBe(0);
    expect(out).toMatch(/warning +redaction: off: .*\n +remove redact: false, or --no-redact\n/);
  });
});
