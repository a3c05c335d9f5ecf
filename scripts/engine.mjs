/** ClickHouse 26.7, embedded (https://github.com/chdb-io/chdb-node): 550 MB, installed under .tmp/ for the fleet's tests and its bench alone. */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { root, step } from './step.mjs';

const ENGINE = 'chdb@3.4.0';

/** The folder of the package; it is installed when it is not there. */
export function engineFolder() {
  if (process.env.FLEET_ENGINE !== undefined) return process.env.FLEET_ENGINE;
  const prefix = join(root, `.tmp/${ENGINE}`);
  const path = join(prefix, 'node_modules/chdb');
  if (!existsSync(path)) {
    const install = ['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund'];
    mkdirSync(prefix, { recursive: true });
    step(`fleet: ${ENGINE}`, 'npm', [...install, '--prefix', prefix, ENGINE]);
  }
  return path;
}
