/** Scenarios of the conformance suite, recorded with a real server and then asked of the mock: it must find the same. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Listening, startListening } from '../e2e/listening.ts';
import { server, SIDELIGHT, temporaryFolder } from '../e2e/sidelight.ts';
import { runScenario, type Suite } from './suite.ts';

const LISTEN = ['--listen', '127.0.0.1:0'];
/** One of each kind. Those that open several sessions cannot be played from one of them; no stream is resumed. */
const SCENARIOS: readonly [Suite, string, ...string[]][] = [
  ['conformance-2025', 'tools-call-with-progress'],
  ['conformance-2025', 'tools-call-sampling'],
  ['conformance-2025', 'elicitation-sep1330-enums'],
  ['conformance-2026', 'tools-call-with-progress', '--spec-version', '2026-07-28'],
  ['conformance-2026', 'input-required-result-multi-round', '--spec-version', '2026-07-28'],
  ['conformance-2026', 'input-required-result-missing-input-response', '--spec-version', '2026-07-28'],
];

describe('a mock of a recorded scenario', () => {
  let fixture: Listening;
  beforeAll(async () => {
    fixture = await startListening([server('http-dual-era.mjs')]);
  });
  afterAll(() => fixture.stop());

  it.each(SCENARIOS)(
    'passes it as the server did: %s %s',
    { timeout: 60_000 },
    async (suite, name, ...args) => {
      const dataDir = join(temporaryFolder(), 'data');
      const of = ({ port }: Listening): Promise<readonly string[]> =>
        runScenario(suite, ['server', '--scenario', name, '--url', `http://127.0.0.1:${port}/mcp`, ...args]);
      const target = ['--target', `http://127.0.0.1:${fixture.port}/mcp`, '--shutdown-timeout', '100ms'];
      const flags = ['--data-dir', dataDir, ...LISTEN];
      const proxy = await startListening([SIDELIGHT, 'http', '--record-media', ...target, ...flags]);
      const recorded = await of(proxy).finally(proxy.stop);
      const mock = await startListening([SIDELIGHT, 'mock', 'last', ...flags]);
      const played = await of(mock).finally(mock.stop);
      expect(played).toEqual(recorded);
      expect(recorded.filter((check) => check.startsWith('SUCCESS'))).not.toEqual([]);
    },
  );
});
