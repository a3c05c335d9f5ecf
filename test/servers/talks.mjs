// A server whose arguments are its script, for streams and endings that no MCP server would have:
//   out:TEXT err:TEXT (JSON escapes allowed), out-hex:HEX, sleep:MS, read-line, read-all, close-stdin, close-stdout,
//   flood:BYTES, flood-err:BYTES, fill:MS (stdout, until nothing of it was read for so long; stderr then says the bytes), tick:MS (a numbered, timed notification every so often, until nobody reads them),
//   answer (each request, until the end of stdin), exit:CODE, kill:SIGNAL, ignore:SIGNAL, stay (until killed),
//   spawn-holder:MS (a child that keeps stdout)
import { spawn } from 'node:child_process';
import { closeSync, readSync, writeSync } from 'node:fs';

const chunk = Buffer.alloc(65_536);
const write = (fd, bytes) => {
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
    }
  }
};
const read = () => {
  for (;;) {
    try {
      return chunk.subarray(0, readSync(0, chunk));
    } catch (error) {
      if (error.code === 'EOF') return chunk.subarray(0, 0);
      if (error.code !== 'EAGAIN') throw error;
    }
  }
};
const unescape = (text) => JSON.parse(`"${text}"`);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const flood = (fd, bytes) => {
  const line = Buffer.alloc(65_536, 'x');
  line[65_535] = 10;
  for (let left = bytes; left > 0; left -= line.length)
    write(fd, line.subarray(0, Math.min(left, line.length)));
};
/** What fits between a server and a client that does not read depends on the machine and on Node. */
const fill = (ms) => {
  // Whoever opens it makes the descriptor non-blocking.
  void process.stdout;
  const line = Buffer.alloc(1024, 'x');
  line[1023] = 10;
  const pause = new Int32Array(new SharedArrayBuffer(4));
  let filled = 0;
  for (let until = Date.now() + ms; Date.now() < until;) {
    try {
      filled += writeSync(1, line, filled % line.length);
      until = Date.now() + ms;
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
      Atomics.wait(pause, 0, 0, 10);
    }
  }
  write(2, Buffer.from(`filled ${filled}\n`));
};
const actions = {
  out: (text) => write(1, Buffer.from(unescape(text))),
  err: (text) => write(2, Buffer.from(unescape(text))),
  'out-hex': (hex) => write(1, Buffer.from(hex, 'hex')),
  sleep: (ms) => sleep(Number(ms)),
  'read-line': () => {
    for (let bytes = read(); bytes.length > 0 && !bytes.includes(10);) bytes = read();
  },
  'read-all': () => {
    while (read().length > 0);
  },
  'close-stdin': () => closeSync(0),
  'close-stdout': () => closeSync(1),
  flood: (bytes) => flood(1, Number(bytes)),
  'flood-err': (bytes) => flood(2, Number(bytes)),
  fill: (ms) => fill(Number(ms)),
  tick: async (ms) => {
    for (let n = 0; ; n += 1) {
      const params = { n, at: Date.now() };
      write(1, Buffer.from(`${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/tick', params })}\n`));
      await sleep(Number(ms));
    }
  },
  answer: () => {
    let text = '';
    for (let bytes = read(); bytes.length > 0; bytes = read()) {
      const lines = (text + bytes.toString()).split('\n');
      text = lines.pop();
      for (const { id } of lines.map((line) => JSON.parse(line))) {
        write(1, Buffer.from(`${JSON.stringify({ jsonrpc: '2.0', id, result: {} })}\n`));
      }
    }
  },
  exit: (code) => process.exit(Number(code)),
  kill: async (signal) => {
    process.kill(process.pid, signal);
    await sleep(10_000);
  },
  ignore: (signal) => process.on(signal, () => write(2, Buffer.from(`ignored ${signal}\n`))),
  stay: () => sleep(60_000),
  'spawn-holder': (ms) =>
    spawn(process.execPath, ['-e', `setTimeout(() => {}, ${Number(ms)})`], {
      stdio: ['ignore', 'inherit', 'ignore'],
      detached: true,
    }).unref(),
};

for (const step of process.argv.slice(2)) {
  const [, name, argument] = /^([\w-]+):?([\s\S]*)$/.exec(step);
  await actions[name](argument);
}
process.exit(0);
