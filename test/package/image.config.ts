/** How the images are built by hand: `npx vitest run --config test/package/image.config.ts`, as root on Debian. */
import { defineConfig } from 'vitest/config';

const MINUTES = 60_000;

export default defineConfig({
  test: {
    include: ['test/package/image.build.ts'],
    testTimeout: 2 * MINUTES,
    // A base system, the packages of the project, its build.
    hookTimeout: 20 * MINUTES,
  },
});
