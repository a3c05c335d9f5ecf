// Lets the conformance suite, which asks for Node 22, run on Node 20: all it misses there is the name `globSync` in `fs`, for
// a command that we do not use. Preloaded with --import.
import { register } from 'node:module';

const inline = (source) => `data:text/javascript,${encodeURIComponent(source)}`;
const fs = inline(`
  export * from 'node:fs';
  export { default } from 'node:fs';
  export const globSync = undefined;`);

register(
  inline(`
    export const resolve = (specifier, context, next) =>
      specifier === 'fs' ? { url: ${JSON.stringify(fs)}, shortCircuit: true } : next(specifier, context);`),
);
