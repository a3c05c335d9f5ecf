/**
 * The demo: a real MCP server behind Sidelight, on stdio and over HTTP, driven by the real SDK client, with a real OTLP
 * receiver and scrapes of /metrics. It prints what came out of each, checks it, and ends by itself.
 */
import { httpAct } from './demo/http.mjs';
import { print, red, Stage, title } from './demo/stage.mjs';
import { stdioAct } from './demo/stdio.mjs';

/** Something hangs: say so instead of waiting with it. */
const DEADLINE_MS = 60_000;

const deadline = setTimeout(() => {
  print(`\n${red('✗')} the demo did not end within ${DEADLINE_MS / 1000} s`);
  process.exit(1);
}, DEADLINE_MS);

const stage = new Stage();
await stdioAct(stage);
await httpAct(stage);

const { checks, failed, dataDir } = stage;
title(failed === 0 ? `All ${checks} checks hold.` : `${failed} of ${checks} checks do not hold.`);
print(`The recording is in ${dataDir}. Look at it:`);
const again = `node dist/main.js`;
print(`  ${again} show last --data-dir ${dataDir}`);
print(`  ${again} sessions --data-dir ${dataDir}`);
print('Then put Sidelight before a server of your own:');
print(`  ${again} -- <your server's command>`);
print(`  ${again} http --target <your server's URL>`);

clearTimeout(deadline);
process.exit(failed === 0 ? 0 : 1);
