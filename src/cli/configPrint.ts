/** `sidelight config print`: the configuration on stdout, what was ignored on stderr. */
import type { Loaded } from '../config/load.ts';
import { printConfig, printConfigJson } from '../config/print.ts';
import type { Terminal } from './terminal.ts';

export async function configPrint(
  loaded: Loaded,
  options: { readonly json?: boolean },
  terminal: Terminal,
): Promise<number> {
  for (const warning of loaded.warnings) terminal.problem(warning);
  await terminal.line(options.json === true ? printConfigJson(loaded) : printConfig(loaded));
  return 0;
}
