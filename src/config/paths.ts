/** Where Sidelight keeps its things on each platform, and what a written path means. It never touches the disk. */
import { posix, win32 } from 'node:path';

export interface Place {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absolute; undefined when the system cannot tell. */
  readonly homedir: string | undefined;
  readonly platform: NodeJS.Platform;
}

export const CONFIG_FILE = 'sidelight.yaml';
const FOLDER = 'sidelight';
const MAC_FOLDER = 'Library/Application Support';

type Base = (place: Place) => string | undefined;

/** A row per platform that differs from the XDG base directory specification. */
const STATE: Partial<Record<NodeJS.Platform, Base>> = {
  darwin: (place) => inHome(place, MAC_FOLDER),
  win32: (place) => fromEnv(place, 'LOCALAPPDATA') ?? inHome(place, 'AppData/Local'),
};
const CONFIG: Partial<Record<NodeJS.Platform, Base>> = {
  darwin: (place) => inHome(place, MAC_FOLDER),
  win32: (place) => fromEnv(place, 'APPDATA') ?? inHome(place, 'AppData/Roaming'),
};

/** The folder of the recording; undefined when there is no home. */
export function stateDir(place: Place): string | undefined {
  const xdg: Base = () => fromEnv(place, 'XDG_STATE_HOME') ?? inHome(place, '.local/state');
  const base = (STATE[place.platform] ?? xdg)(place);
  return base === undefined ? undefined : pathOf(place).join(base, FOLDER);
}

/** The config file of the user; undefined when there is no home. */
export function userConfigFile(place: Place): string | undefined {
  const xdg: Base = () => fromEnv(place, 'XDG_CONFIG_HOME') ?? inHome(place, '.config');
  const base = (CONFIG[place.platform] ?? xdg)(place);
  return base === undefined ? undefined : pathOf(place).join(base, FOLDER, CONFIG_FILE);
}

/** Absolute: `~/x` is in the home, anything relative is in `base`. Clients start us without a shell to expand `~`. */
export function resolvePath(place: Place, base: string, written: string): string {
  if (place.homedir !== undefined && (written === '~' || /^~[/\\]/.test(written))) {
    return pathOf(place).join(place.homedir, written.slice(1));
  }
  return pathOf(place).resolve(base, written);
}

/** A relative path in these variables is to be ignored, says the XDG base directory specification. */
function fromEnv(place: Place, name: string): string | undefined {
  const value = place.env[name];
  return value !== undefined && pathOf(place).isAbsolute(value) ? value : undefined;
}

function inHome(place: Place, folder: string): string | undefined {
  return place.homedir === undefined ? undefined : pathOf(place).join(place.homedir, folder);
}

function pathOf({ platform }: Place): typeof posix {
  return platform === 'win32' ? win32 : posix;
}
