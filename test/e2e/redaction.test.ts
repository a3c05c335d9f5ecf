import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { everyOutput, type Outputs } from './outputs.ts';
import { connect, hears, type Peer, settled } from './peers.ts';
import { server, until } from './sidelight.ts';

/** Put together here, so that no scanner finds a secret in this file. */
const made = (head: string, length: number): string =>
  head + 'Zq7Rk2Vx9Lm4Tn8Wp3Yb6Hc1Jd5Gf0Sa'.repeat(3).slice(0, length);

/** Known by what they look like, wherever they stand. */
const BY_VALUE = {
  first: made('sk-' + 'proj-', 40),
  second: made('gh' + 'p_', 36),
  third: made('glp' + 'at-', 20),
  fourth: 'AKI' + 'A' + 'ZQ7RK2VX9LM4TN8W',
  fifth: made('AI' + 'za', 35),
  sixth: made('xox' + 'b-', 30),
  seventh: made('sk' + '_live_', 24),
  eighth: made('npm' + '_', 36),
  ninth: [made('ey' + 'J', 20), made('ey' + 'J', 40), made('', 30)].join('.'),
};
/** Known by the name that they stand under. */
const BY_KEY = {
  password: 'correct horse',
  DB_PASSWORD: 'battery-staple',
  'x-api-key': 'opaque-key-of-a-vendor',
  client_secret: 'opaque-secret-of-a-client',
};
const BEARER = made('', 40);
const IN_URL = { password: 'url-pass-word', query: 'opaque-query-value' };
const ON_COMMAND_LINE = { token: 'opaque-token-argument', key: 'opaque-key-argument' };
const IN_ENVIRONMENT = 'opaque-environment-value';
const CUT = made('gh' + 'p_', 60);

/** On stderr a value ends at the first space: `name=value` is not quoted. */
const SECRETS: readonly string[] = [
  ...Object.values(BY_VALUE),
  ...Object.values(BY_KEY).filter((secret) => !secret.includes(' ')),
  BEARER,
  ...Object.values(IN_URL),
  ...Object.values(ON_COMMAND_LINE),
  IN_ENVIRONMENT,
];

const COMMAND = [
  ...[process.execPath, server('leaks-secrets.mjs')],
  ...['--token', ON_COMMAND_LINE.token, `--api-key=${ON_COMMAND_LINE.key}`],
];

/** Sends every secret wherever one can stand, and gives back all that the client and the outputs got. */
async function leak(
  ...flags: readonly string[]
): Promise<{ outputs: Outputs; peer: Peer; everywhere: string }> {
  const outputs = await everyOutput();
  const peer = await connect('v1', outputs.around(COMMAND, ...flags), { MY_API_KEY: IN_ENVIRONMENT });
  await peer.request('tools/list');
  await peer.call({ name: 'leak', arguments: { secrets: { ...BY_VALUE, ...BY_KEY } } });
  await settled(
    peer.request('prompts/get', { name: 'refuse', arguments: { header: `Authorization: Bearer ${BEARER}` } }),
  );
  const url = `https://user:${IN_URL.password}@example.com/path?token=${IN_URL.query}`;
  await settled(peer.request('resources/read', { uri: url }));
  // Names are content too: they become spans, log lines and columns.
  await settled(peer.call({ name: BY_VALUE.first, arguments: {} }));
  await settled(peer.request(`no/such/${BY_VALUE.second}`));
  await hears(peer, 'notifications/message');
  await peer.request('ping');
  await until(
    async () => /sidelight_operations_total\{[^}]*"ping"/.test(await outputs.metrics()),
    'the last operation in the metrics',
  );
  // While the recording is open: also what is only in its write-ahead log.
  await until(() => bytesOf(outputs.dataDir).includes('"method":"ping"'), 'the last frame in the recording');
  const before = bytesOf(outputs.dataDir);
  const metrics = await outputs.metrics();
  await peer.close();
  const log = readFileSync(outputs.logFile, 'utf8');
  const everywhere = [before, bytesOf(outputs.dataDir), metrics, JSON.stringify(outputs.spans()), log].join(
    '\n',
  );
  return { outputs, peer, everywhere };
}

function bytesOf(folder: string): string {
  if (!existsSync(folder)) return '';
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
    .join('\n');
}

function found(everywhere: string): string[] {
  return SECRETS.filter((secret) => everywhere.includes(secret));
}

describe('a secret', () => {
  it('passes untouched and stays out of the recording, the log, the traces and the metrics', async () => {
    const { outputs, peer, everywhere } = await leak();
    expect(found(everywhere)).toEqual([]);
    expect(everywhere).not.toContain('correct horse');

    // The client has them, as the server said them.
    const answered = JSON.stringify(peer.received);
    for (const secret of [...Object.values(BY_VALUE), ...Object.values(BY_KEY), BEARER, IN_ENVIRONMENT]) {
      expect(answered).toContain(secret);
    }
    expect(peer.stderr()).toContain(`DB_PASSWORD=${BY_KEY.DB_PASSWORD}\n`);

    // What stays behind tells that something stood there, and JSON is still JSON.
    const { session, frames, operations } = await outputs.show();
    expect(session.command.join(' ')).toMatch(/--token \[redacted:key:\w+\] --api-key=\[redacted:key:\w+\]$/);
    expect(frames.filter(({ redactions }) => redactions > 0).length).toBeGreaterThan(10);
    for (const { kind, text = '' } of frames) {
      if (kind !== 'stderr' && kind !== 'malformed') expect(() => JSON.parse(text) as unknown).not.toThrow();
    }
    expect(operations.find(({ method }) => method === 'prompts/get')?.error?.message).toMatch(
      /upstream said no to .*\[redacted:/,
    );
    expect(operations.find(({ method }) => method === 'resources/read')?.target?.name).toContain(
      'example.com/path',
    );
  });

  it('that a long message is cut in is gone too', async () => {
    const outputs = await everyOutput();
    const peer = await connect('v1', outputs.around(COMMAND, '--max-body', '4KiB'));
    for (let padding = 3900; padding < 4100; padding += 10) {
      await peer.call({ name: 'leak', arguments: { secrets: { plain: CUT }, padding } });
    }
    await peer.close();
    const { frames } = await outputs.show();
    expect(frames.filter(({ kind, redactions }) => kind === 'result' && redactions > 0).length).toBe(20);
    expect(bytesOf(outputs.dataDir)).not.toContain(CUT.slice(0, 12));
  });

  it('is kept where --no-redact asks for it', async () => {
    const { everywhere } = await leak('--no-redact');
    expect(found(everywhere).sort()).toEqual([...SECRETS].sort());
  });
});
