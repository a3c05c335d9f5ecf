import { createPrivateKey } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ConfigError } from '../../src/config/error.ts';
import { hostAndPort, type HttpSetup, httpSetup } from '../../src/config/http.ts';
import { loadConfig, type LoadInput } from '../../src/config/load.ts';
import { flagOf, type Key } from '../../src/config/options.ts';
import { pathOf, TLS } from '../tls/files.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sidelight-http-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

async function setup(flags: LoadInput['flags'], env: LoadInput['env'] = {}): Promise<HttpSetup> {
  return httpSetup(await loadConfig({ flags, env, cwd: dir, homedir: '/home/ada', platform: 'linux' }));
}

async function messageOf(loading: Promise<HttpSetup>): Promise<string> {
  const error = await loading.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  expect(error).toBeInstanceOf(ConfigError);
  const { message } = error as ConfigError;
  expect(message).not.toMatch(/[\r\n]/);
  return message.replaceAll(dir, 'DIR');
}

function write(name: string, text: string): string {
  const path = join(dir, name);
  writeFileSync(path, text);
  return path;
}

const TARGET = 'http://127.0.0.1:3000';
const NOT_TARGET =
  'is not an http or https URL without credentials, query or fragment (those are for the client to send)';

describe('a value that does not fit is told in one line', () => {
  test.each<[LoadInput['flags'], string]>([
    [
      { target: 'localhost:3000/mcp' },
      `"localhost:3000/mcp" ${NOT_TARGET}; did you mean http://localhost:3000/mcp?`,
    ],
    [{ target: 'https://a:hunter2@h/mcp' }, `"https://***@h/mcp" ${NOT_TARGET}; did you mean https://h/mcp?`],
    [{ target: 'https://h/mcp?x=1#y' }, `"https://h/mcp?x=1#y" ${NOT_TARGET}; did you mean https://h/mcp?`],
    [{ target: 'ws://h' }, `"ws://h" ${NOT_TARGET}`],
    [{ target: 'http://h:99999' }, `"http://h:99999" ${NOT_TARGET}`],
    [{ listen: 'x:y' }, '"x:y" is not HOST:PORT, :PORT, PORT or unix:PATH'],
    [{ listen: 'unix:' }, '"unix:" is not HOST:PORT, :PORT, PORT or unix:PATH'],
    [{ listen: '/run/x' }, '"/run/x" is not HOST:PORT, :PORT, PORT or unix:PATH; did you mean unix:/run/x?'],
    [{ host: 'rewritten' }, '"rewritten" is not one of preserve, rewrite, auto; did you mean rewrite?'],
    [{ mount: 'files' }, '"files" is not a path such as /files; did you mean /files?'],
    [{ mount: '/a//b' }, '"/a//b" is not a path such as /files'],
    [{ mount: '/a/../b' }, '"/a/../b" is not a path such as /files'],
    [{ mount: '/a?b' }, '"/a?b" is not a path such as /files'],
    [
      { allowedHosts: 'a,http://b' },
      '"a,http://b" is not host names, with or without a port, separated by commas',
    ],
    [
      { allowedOrigins: 'a.example' },
      '"a.example" is not origins such as https://app.example, separated by commas',
    ],
    [
      { allowedOrigins: 'https://a/b' },
      '"https://a/b" is not origins such as https://app.example, separated by commas',
    ],
    [{ maxConnections: '0' }, '"0" is not a whole number from 1 to 1000000'],
    [{ maxConnections: '1.5' }, '"1.5" is not a whole number from 1 to 1000000'],
    [{ connectTimeout: 'never' }, '"never" is not a duration from 1ms to 10min, such as 500ms, or none'],
    [{ maxHeaderSize: '1KiB' }, '"1KiB" is not a size from 8KiB to 1MiB, such as 10MiB'],
  ])('%o', async (flags, message) => {
    const [key = ''] = Object.keys(flags);
    const flag = flagOf(key as Key) ?? '';
    expect(await messageOf(setup({ target: TARGET, ...flags }))).toBe(`${flag}: ${message}`);
  });

  test('lists may be YAML lists', async () => {
    const config = write(
      's.yaml',
      `target: ${TARGET}\nallowedHosts: [a, b]\nallowedOrigins:\n  - http://c\n`,
    );
    const { config: loaded } = await loadConfig({
      flags: { config },
      env: {},
      cwd: dir,
      homedir: dir,
      platform: 'linux',
    });
    expect(loaded.http).toMatchObject({ allowedHosts: ['a', 'b'], allowedOrigins: ['http://c'] });
  });
});

describe('settings that do not fit together', () => {
  test('without a target there is nothing to stand in front of', async () => {
    expect(await messageOf(setup({}))).toMatch(
      /^the server's URL is missing; usage: sidelight http --target/,
    );
  });

  test.each(['0.0.0.0:1', '192.168.0.7:1', '[::]:1', 'example.com:1', '127.example.com:1'])(
    'listening on %s, where other machines can connect, has to be asked for',
    async (listen) => {
      expect(await messageOf(setup({ target: TARGET, listen }))).toBe(
        `--listen: ${listen} can be reached from other machines; add --allow-remote if that is meant`,
      );
      expect((await setup({ target: TARGET, listen, allowRemote: true })).warnings).toEqual([]);
    },
  );

  test.each(['1', 'localhost:1', '127.0.0.2:1', '[::1]:1', 'unix:x.sock'])(
    'listening on %s does not',
    async (listen) => {
      expect((await setup({ target: TARGET, listen })).target.href).toBe(`${TARGET}/`);
    },
  );

  test.each([
    ['127.0.0.1:3000', 'http://127.0.0.1:3000/mcp'],
    ['3000', 'http://localhost:3000'],
    ['localhost:3000', 'http://[::1]:3000'],
    ['0.0.0.0:3000', 'http://127.0.0.1:3000'],
    ['[::1]:443', 'https://[::1]'],
    ['10.0.0.1:80', 'http://10.0.0.1'],
  ])('listening on %s in front of %s would be a loop', async (listen, target) => {
    expect(await messageOf(setup({ listen, target, allowRemote: true }))).toMatch(
      /^--listen: \S+ is where the target itself listens; choose another port$/,
    );
  });

  test.each([
    ['127.0.0.1:3001', 'http://127.0.0.1:3000'],
    ['127.0.0.1:3000', 'http://127.0.0.2:3000'],
    ['127.0.0.1:3000', 'http://[::1]:3000'],
    ['127.0.0.1:3000', 'http://example.com:3000'],
    ['0.0.0.0:3000', 'http://10.0.0.1:3000'],
    ['80', 'https://localhost'],
  ])('listening on %s in front of %s would not', async (listen, target) => {
    expect((await setup({ listen, target, allowRemote: true })).warnings).toEqual([]);
  });

  test('a certificate needs its key, and a key its certificate', async () => {
    const cert = pathOf('server.pem');
    const target = 'https://h';
    expect(await messageOf(setup({ target, tlsCert: cert }))).toBe('--tls-cert: also set --tls-key');
    expect(await messageOf(setup({ target }, { SIDELIGHT_TLS_KEY: cert }))).toBe(
      'SIDELIGHT_TLS_KEY: also set --tls-cert',
    );
    expect(await messageOf(setup({ target, targetCert: cert }))).toBe('--target-cert: also set --target-key');
    expect(await messageOf(setup({ target, targetKey: cert }))).toBe('--target-key: also set --target-cert');
  });

  test('what only an https target uses is told when there is none', async () => {
    const flags = {
      targetCa: pathOf('ca.pem'),
      targetCert: pathOf('client.pem'),
      targetKey: pathOf('client-key.pem'),
    };
    expect((await setup({ target: TARGET, ...flags })).warnings).toEqual([
      '--target-ca: not used, since the target is not https',
      '--target-cert: not used, since the target is not https',
    ]);
    expect((await setup({ target: 'https://h', ...flags })).warnings).toEqual([]);
  });
});

describe('PEM files', () => {
  test('are read at the start, relative to where they were written down', async () => {
    const config = write('s.yaml', 'target: https://h\ntlsCert: c.pem\ntlsKey: k.pem\n');
    write('c.pem', `# the chain\n${TLS.server.cert}${TLS.ca}`);
    write('k.pem', TLS.server.key);
    expect(await setup({ config, targetCa: pathOf('ca.pem') })).toMatchObject({
      tls: { cert: `# the chain\n${TLS.server.cert}${TLS.ca}`, key: TLS.server.key },
      targetTls: { ca: TLS.ca },
    });
    const client = { targetCert: pathOf('client.pem'), targetKey: pathOf('client-key.pem') };
    expect(await setup({ target: 'https://h', ...client })).toMatchObject({
      tls: undefined,
      targetTls: TLS.client,
    });
    expect((await setup({ target: 'https://h' })).targetTls).toEqual({});
  });

  test('that cannot be used are named in one line, without quoting what is in them', async () => {
    const tls = (tlsCert: string, tlsKey: string): Promise<string> =>
      messageOf(setup({ target: TARGET, tlsCert, tlsKey }));
    const cert = write('c.pem', TLS.server.cert);
    const key = write('k.pem', TLS.server.key);
    const broken = write('b.pem', '-----BEGIN CERTIFICATE-----\nhunter2\n-----END CERTIFICATE-----\n');
    expect(await tls('none.pem', key)).toBe('--tls-cert: there is no file DIR/none.pem');
    expect(await tls(cert, 'none.pem')).toBe('--tls-key: there is no file DIR/none.pem');
    expect(await tls('.', key)).toBe('cannot read DIR (EISDIR)');
    expect(await tls(key, cert)).toBe('--tls-cert: DIR/k.pem holds no PEM certificate');
    expect(await tls(cert, cert)).toBe('--tls-key: DIR/c.pem holds no PEM private key');
    expect(await tls(broken, key)).toBe('--tls-cert: DIR/b.pem holds a certificate that cannot be read');
    expect(await tls(write('chain.pem', `${TLS.server.cert}-----BEGIN CERTIFICATE-----\n`), key)).toBe(
      '--tls-cert: DIR/chain.pem holds a certificate that cannot be read',
    );
    expect(await tls(cert, pathOf('client-key.pem'))).toMatch(
      /^--tls-key: \S+ is not the private key of the certificate in DIR\/c[.]pem$/,
    );
    expect(await messageOf(setup({ target: 'https://h', targetCa: key }))).toBe(
      '--target-ca: DIR/k.pem holds no PEM certificate',
    );
  });

  test('an encrypted key is told as such', async () => {
    const encrypted = createPrivateKey(TLS.server.key).export({
      type: 'pkcs8',
      format: 'pem',
      cipher: 'aes-256-cbc',
      passphrase: 'hunter2',
    });
    const flags = {
      target: TARGET,
      tlsCert: pathOf('server.pem'),
      tlsKey: write('e.pem', String(encrypted)),
    };
    expect(await messageOf(setup(flags))).toBe(
      '--tls-key: DIR/e.pem is encrypted; name one without a passphrase',
    );
  });
});

test.each([
  ['http://h', 'h:80'],
  ['https://h/mcp', 'h:443'],
  ['http://H:3000', 'h:3000'],
  ['http://[::1]:8/', '[::1]:8'],
])('%s is named %s until its server says its own name', (url, name) => {
  expect(hostAndPort(new URL(url))).toBe(name);
});
