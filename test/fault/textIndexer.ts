/** Makes the index of texts of a store, or removes it: bundled and run by textIndex.test.ts, which kills it. */
import { tidy } from '../../src/store/housekeeping.ts';
import type { TextIndexRules } from '../../src/store/textIndex.ts';

const [, , dataDir = '', does] = process.argv;
console.log('begins');
const tidied = await tidy({
  dataDir,
  rules: { ageUs: undefined, failedAgeUs: undefined, bytes: undefined, sessions: undefined },
  texts: { does: does as TextIndexRules['does'], maxStoreBytes: undefined },
  // The lease of one that was killed is over.
  holder: 'the same',
  nowUs: () => Date.now() * 1000,
  pause: () => Promise.resolve(true),
});
process.exitCode = tidied === undefined ? 1 : 0;
