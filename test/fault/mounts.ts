import { spawnSync } from 'node:child_process';

/** A command behind which mounts are its own, and go with the process; undefined where nobody may mount. Tries it on `folder`. */
export function mountNamespace(folder: string): readonly string[] | undefined {
  const ways = [
    ['unshare', '-m'],
    ['unshare', '-Urm'],
  ];
  return ways.find(([command = '', ...args]) => {
    const probe = [...args, 'mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder];
    return spawnSync(command, probe).status === 0;
  });
}
