/** What the acts of the demo share: printing, checking, an OTLP receiver, and Sidelight as a user would run it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '../step.mjs';

const require = createRequire(import.meta.url);
const { MockOtlpServer, normalizeTrace } = require('@elastic/mockotlpserver');

export const SIDELIGHT = join(root, 'dist/main.js');
export const EVERYTHING = require.resolve('@modelcontextprotocol/server-everything/dist/index.js');

const colour = process.stdout.isTTY && !process.env.NO_COLOR;
const paint = (code, text) => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);
const WIDTH = Math.min(process.stdout.columns ?? 110, 140) - 2;

export const bold = (text) => paint(1, text);
export const dim = (text) => paint(2, text);
export const red = (text) => paint(31, text);
export const print = (text = '') => process.stdout.write(`${text}\n`);
export const title = (text) => print(`\n${bold(text)}`);
export const fit = (text) => (text.length > WIDTH - 2 ? `${text.slice(0, WIDTH - 3)}…` : text);

export class Stage {
  /** Of the recording and the logs. */
  dataDir = mkdtempSync(join(tmpdir(), 'sidelight-demo-'));
  checks = 0;
  failed = 0;

  check(holds, what) {
    this.checks += 1;
    if (!holds) this.failed += 1;
    print(`  ${holds ? paint(32, '✓') : red('✗')} ${what}`);
  }

  /** A command of Sidelight on what was recorded. */
  async sidelight(...words) {
    const child = spawn(process.execPath, [SIDELIGHT, ...words, '--data-dir', this.dataDir], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, COLUMNS: String(WIDTH) },
    });
    let out = '';
    child.stdout.setEncoding('utf8').on('data', (text) => (out += text));
    await once(child, 'close');
    return out;
  }

  async read(...words) {
    return JSON.parse(await this.sidelight(...words, '--json'));
  }

  /** The newest session, once it has ended. */
  async ended() {
    for (;;) {
      const recording = await this.read('show', 'last');
      if (recording.session.endedAtUs !== undefined) return recording;
    }
  }

  async printOperations() {
    print((await this.sidelight('show', 'last', '--no-frames')).trimEnd().replace(/^/gm, '  '));
  }
}

/** An OTLP receiver that is not ours; `spans` grows as they come. */
export async function openReceiver() {
  const spans = [];
  const receiver = new MockOtlpServer({
    services: ['http'],
    httpHostname: '127.0.0.1',
    httpPort: 0,
    logLevel: 'fatal',
    onTrace: (raw) => {
      for (const { scopeSpans } of normalizeTrace(raw).resourceSpans)
        spans.push(...scopeSpans.flatMap((scope) => scope.spans));
    },
  });
  await receiver.start();
  return { endpoint: receiver.httpUrl.origin, spans, close: () => receiver.close() };
}

export function printSpans(spans, told) {
  for (const { name, kind, traceId, attributes } of spans) {
    const side = String(kind).replace('SPAN_KIND_', '').toLowerCase();
    print(`  ${dim(traceId.slice(0, 8))}  ${side.padEnd(8)}  ${name.padEnd(52)} ${dim(told(attributes))}`);
  }
}

/** Some labels are left out here, for reading; Prometheus gets every label. */
export function printMetrics(metrics, wanted) {
  for (const line of (metrics.match(wanted) ?? []).slice(0, 9))
    print(
      `  ${dim(
        line
          .replaceAll(/(?:server|initiator)="[^"]*",?|\w+="",?/g, '')
          .replace(',}', '}')
          .replace('{}', ''),
      )}`,
    );
}

/** What a call came to, in a word: a result, an error inside a result, or the message of the error. */
export const outcome = (promise) =>
  promise.then((result) => (result.isError ? 'isError' : 'result')).catch((error) => error.message);

/** The deadline of the whole demo ends a wait in vain. */
export async function until(condition) {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
}

export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  return port;
}

/** A command line as one would type it: paths of this project are shortened. */
export function typed(args) {
  const shorten = (arg) =>
    arg.startsWith(root) ? arg.slice(root.length) : arg === process.execPath ? 'node' : arg;
  return args.map(shorten).join(' ');
}
