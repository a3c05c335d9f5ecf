import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { childSource, type Source, streamSource } from '../../src/tap/source.ts';

const TEXT = Array.from({ length: 100_000 }, (_, line) => `line ${line}\n`).join('');

/** A child that writes the text, and waits for its stdin in between, so that it comes in many chunks. */
function talkative(): { source: Source; more: () => void } {
  const script = `const text = Array.from({ length: 100_000 }, (_, line) => 'line ' + line + '\\n').join('');
    let at = 0;
    process.stdin.on('data', () => {
      process.stdout.write(text.slice(at, at + 100_000));
      at += 100_000;
      if (at >= text.length) process.stdin.destroy();
    });`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.on('error', () => undefined);
  return { source: childSource(child.stdout), more: () => child.stdin.write('.') };
}

it('never writes over a chunk that somebody still needs', async () => {
  const { source, more } = talkative();
  const kept: Buffer[] = [];
  source.onChunk((chunk) => {
    kept.push(chunk);
    more();
    return false;
  });
  more();
  await once(source.stream, 'end');
  expect(Buffer.concat(kept).toString()).toBe(TEXT);
  expect(new Set(kept.map(({ buffer }) => buffer)).size).toBe(kept.length);
});

it('reads into the same memory again when nobody needs what was in it', async () => {
  const { source, more } = talkative();
  const memory = new Set<ArrayBufferLike>();
  let text = '';
  source.onChunk((chunk) => {
    memory.add(chunk.buffer);
    text += chunk.toString();
    more();
    return true;
  });
  more();
  await once(source.stream, 'end');
  expect(text).toBe(TEXT);
  expect(memory.size).toBe(1);
});

it('gives nothing while it is paused, and everything after', async () => {
  const { source, more } = talkative();
  const { stream } = source;
  let text = '';
  let whilePaused = 0;
  source.onChunk((chunk) => {
    if (stream.isPaused()) whilePaused += chunk.length;
    text += chunk.toString();
    stream.pause();
    more();
    setImmediate(() => stream.resume());
    return true;
  });
  more();
  await once(stream, 'end');
  expect([text === TEXT, whilePaused]).toEqual([true, 0]);
});

it('passes on the chunks of a stream without a handle as they are', async () => {
  for (const open of [streamSource, childSource]) {
    const given = [Buffer.from('one'), Buffer.from('two')];
    const source = open(Readable.from(given).pipe(new PassThrough()));
    const got: Buffer[] = [];
    source.onChunk((chunk) => got.push(chunk) > 0);
    await once(source.stream, 'end');
    expect(Buffer.concat(got).toString()).toBe('onetwo');
  }
});
