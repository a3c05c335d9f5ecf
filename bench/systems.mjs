/** The three things that are compared, each opened for one run: its command, and afterwards what it left behind. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { startReceiver, startServer } from './tools.mjs';

const here = import.meta.dirname;
const MAIN = join(here, '../dist/main.js');
const SCRAPE_EVERY_MS = 1000;

/**
 * `open({ tools, folder, server, wrap, hang, flags })` gives `{ command, finish, drive }`; `server` is the server's
 * command, `drive` what the driver must know beside the options of the run.
 */
const STDIO = {
  direct: ({ server }) => ({ command: server, finish: nothing }),
  bare: ({ server }) => ({
    command: [process.execPath, join(here, 'relay.mjs'), ...server],
    finish: nothing,
  }),
  sidelight: async (run) => {
    const { options, finish } = await openOutputs(run);
    return { command: [process.execPath, MAIN, 'run', ...options, '--', ...run.server], finish };
  },
};

/** A relay of a pipe leaves nothing behind. */
async function nothing() {}

/** Here the command listens: directly it is the server, else a relay in front of one that was started before. */
const HTTP = {
  direct: STDIO.direct,
  bare: async ({ server, wrap }) => {
    const { url, finish } = await startServer(wrap(server));
    const command = [process.execPath, join(here, 'http-relay.mjs'), url];
    return { command, finish, drive: { control: new URL(url).port } };
  },
  sidelight: async (run) => {
    const { url, finish: endServer } = await startServer(run.wrap(run.server));
    const { options, finish } = await openOutputs(run);
    const listens = ['--target', url, '--listen', '127.0.0.1:0'];
    return {
      command: [process.execPath, MAIN, 'http', ...listens, ...options],
      drive: { control: new URL(url).port },
      finish: async () => {
        await endServer();
        return finish();
      },
    };
  },
};

/** What speaks with what, by the protocol of a run. */
export const PROTOCOLS = {
  stdio: { systems: STDIO, driver: 'driver', server: 'server' },
  http: { systems: HTTP, driver: 'http-driver', server: 'http-server' },
};

/** Whether what was built knows the HTTP mode. */
export function relaysHttp() {
  const { stdout } = spawnSync(process.execPath, [MAIN, 'http', '--help'], { encoding: 'utf8' });
  return stdout.includes('--target');
}

/** Every output on: a recording, traces, metrics that are scraped once a second, a log. */
async function openOutputs({ tools, folder, wrap, hang = false, flags = [] }) {
  const dataDir = mkdtempSync(join(folder, 'data-'));
  const receiver = await startReceiver(wrap([tools.receiver, ...(hang ? ['hang'] : [])]));
  const port = await freePort();
  const scraper = scrape(`http://127.0.0.1:${port}/metrics`);
  const outputs = {
    'data-dir': dataDir,
    'otlp-endpoint': receiver.url,
    admin: `127.0.0.1:${port}`,
    'log-file': join(dataDir, 'sidelight.log'),
  };
  return {
    options: [...Object.entries(outputs).flatMap(([name, value]) => [`--${name}`, value]), ...flags],
    finish: async () => {
      try {
        const { spans } = await receiver.finish();
        return { spans, ...scraper.finish(), ...readStore(dataDir) };
      } finally {
        rmSync(dataDir, { recursive: true, force: true });
      }
    },
  };
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Scrapes until it is finished; what is dropped is read from the last page, which a run with a settling time has whole. */
function scrape(url) {
  let scrapes = 0;
  let page = '';
  const timer = setInterval(() => {
    const get = request(url, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () => {
        scrapes += 1;
        page = Buffer.concat(chunks).toString();
      });
    });
    // Before it listens and after it has ended there is nothing to scrape.
    get.on('error', () => undefined).end();
  }, SCRAPE_EVERY_MS);
  return {
    finish: () => {
      clearInterval(timer);
      return { scrapes, dropped: samples(page, 'sidelight_dropped_total') };
    },
  };
}

/** The samples of one metric that are not zero, by their labels. */
function samples(page, name) {
  const lines = page.split('\n').filter((line) => line.startsWith(`${name}{`));
  const found = lines.map((line) => /\{(.*)\} (\S+)/.exec(line)?.slice(1) ?? ['?', NaN]);
  return Object.fromEntries(
    found.map(([labels, value]) => [labels, Number(value)]).filter(([, n]) => n !== 0),
  );
}

/** The row of the first session, what all of them hold together, and how many gaps their frames have. */
function readStore(dataDir) {
  const Database = createRequire(import.meta.url)('better-sqlite3');
  const db = new Database(join(dataDir, 'sidelight.db'), { readonly: true });
  try {
    const session = db.prepare('SELECT * FROM session').get();
    const all = db
      .prepare(
        `SELECT count(*) AS sessions, total(bytes) AS bytes, total(dropped_bytes) AS dropped_bytes,
                total(dropped_events) AS dropped_events FROM session`,
      )
      .get();
    const { operations } = db.prepare('SELECT count(*) AS operations FROM operation').get();
    const { gaps } = db.prepare("SELECT count(*) AS gaps FROM frame WHERE kind = 'gap'").get();
    return { session, all, operations, gaps };
  } finally {
    db.close();
  }
}
