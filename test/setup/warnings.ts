/** Turns a warning of the test process into an uncaught error, so that vitest fails the run and names the file. */

process.on('warning', (warning) => {
  throw warning;
});
