/**
 * The words that start a server through Sidelight, and how they are recognised in a command. It knows what is ours by the words alone:
 * nothing is kept beside a config file.
 */

/** Where a script of ours lies under `node_modules`, as npx and a global install have it. */
const OUR_SCRIPT = /(?:^|[\\/])sidelight[\\/]dist[\\/]main\.js$/;
const OUR_NAME = /^(?:.*[\\/])?sidelight(?:@[^\\/\s]+)?(?:\.(?:cmd|exe|ps1))?$/i;
/** What may stand before Sidelight's own name: what starts programs, and its flags. */
const STARTS =
  /^(?:.*[\\/])?(?:cmd|env|node|npx|npm|exec|bunx?|pnpx?|pnpm|dlx|yarn|deno|run|x)(?:\.(?:cmd|exe))?$|^-|^\/c$|^sidelight(?:@[^\\/\s]+)?$/i;

export interface Sidelight {
  /** Program and first arguments. */
  readonly words: readonly [string, ...string[]];
  /** The script of the Sidelight that runs now, if it is one: a checkout may have any name. */
  readonly script: string | undefined;
}

/** What a launched command is, by its words: how many of them are ours, the first `--` included. */
export interface Launched {
  readonly own: number;
  /** `run` was written out, which says that there was no `args` before. */
  readonly saysRun: boolean;
}

/** Our words before the server's own command. */
export function launchWords(
  { words }: Sidelight,
  name: string,
  hadArgs: boolean,
): readonly [string, ...string[]] {
  // What the option would not take is left out: the server then has the name that it says.
  const named = /^\P{Cc}+$/u.test(name) && name !== '--' ? ['--name', name] : [];
  return [...words, ...(hadArgs ? [] : ['run']), ...named, '--'];
}

/** Undefined: the command does not go through Sidelight. */
export function launched(words: readonly string[], script: string | undefined): Launched | undefined {
  const name = words.findIndex((word) => isOurs(word, script));
  if (name === -1 || !words.slice(0, name).every((word) => STARTS.test(word))) return undefined;
  // `npx --package sidelight sidelight`.
  const last = isOurs(words[name + 1] ?? '', script) ? name + 1 : name;
  const next = words[last + 1] ?? '';
  const dashes = words.indexOf('--', last + 1);
  if ((next !== 'run' && !next.startsWith('-')) || dashes === -1 || dashes === words.length - 1) {
    return undefined;
  }
  return { own: dashes + 1, saysRun: next === 'run' };
}

/** Sidelight, but in front of no server: `sidelight mcp`. */
export function isSidelight(words: readonly string[], script: string | undefined): boolean {
  const name = words.findIndex((word) => isOurs(word, script));
  return name !== -1 && words.slice(0, name).every((word) => STARTS.test(word));
}

function isOurs(word: string, script: string | undefined): boolean {
  return word === script || OUR_NAME.test(word) || OUR_SCRIPT.test(word);
}

/**
 * How clients are to start Sidelight: as it was started now. npx keeps what it runs in a cache that it may empty, so there it is npx
 * again; anything installed is named by full paths, since clients that are no shell often have no PATH.
 */
export function sidelightOf(self: readonly [string, ...string[]], platform: NodeJS.Platform): Sidelight {
  const script = self[1];
  const isCached = script === undefined || /[\\/]_npx[\\/]/.test(script);
  if (!isCached) return { words: self, script };
  const npx = ['npx', '-y', 'sidelight'] as const;
  return { words: platform === 'win32' ? ['cmd', '/c', ...npx] : npx, script };
}
