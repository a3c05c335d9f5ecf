/** The files of a folder and their size. Links are not followed. */
import { lstatSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';

/** Paths relative to `root`, of what is in `folder`. */
export function filesIn(folder: string, root = folder): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
}

export function bytesIn(folder: string): number {
  return filesIn(folder).reduce((sum, path) => sum + lstatSync(join(folder, path)).size, 0);
}
