/** How tests run: four processes, since many tests wait more than they work, and a warning or an unhandled rejection anywhere fails the run. */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    // test/servers holds executables that tests start, test/setup what runs before each file: neither has tests.
    include: ['test/**/*.test.ts'],
    // test/fleet needs an engine of 550 MB: `npm run test:fleet`.
    exclude: process.env.FLEET_ENGINE === undefined ? ['test/fleet/**'] : [],
    setupFiles: ['test/setup/warnings.ts'],
    pool: 'forks',
    maxWorkers: 4,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // What is waited for comes, however busy the machine is: these end a run that hangs, and say nothing about speed.
    expect: { poll: { timeout: 30_000 } },
    // Nor is what a test looks for lost because the machine was busy when it ended.
    env: { SIDELIGHT_FLUSH_TIMEOUT: '20s' },
    dangerouslyIgnoreUnhandledErrors: false,
    allowOnly: false,
    restoreMocks: true,
    unstubEnvs: true,
  },
});
