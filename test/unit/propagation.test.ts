import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Propagation, propagatedLines } from '../../src/propagation.ts';
import { LineEditor, MAX_HELD_BYTES } from '../../src/tap/lineEditor.ts';
import { PropagatedIds } from '../../src/track/propagatedIds.ts';
import type { PropagatedFact } from '../../src/wire/propagated.ts';

/** Ids that count. */
function counting() {
  let count = 0;
  const next = (digits: number) => () => (count += 1).toString(16).padStart(digits, '0');
  return { newTraceId: next(32), newSpanId: next(16) };
}

const failed = (cause: unknown): void => {
  throw cause;
};
const open = () => new Propagation({ ids: counting(), failed });

const trace = (digit: string) => digit.repeat(32);
const span = (digit: string) => digit.repeat(16);
const from = (flags: string, version = '00') => `${version}-${trace('a')}-${span('b')}-${flags}`;
const id = (number: number, digits: number) => number.toString(16).padStart(digits, '0');

const call = (params?: object, method = 'tools/call', requestId: string | number = 1) =>
  JSON.stringify({ jsonrpc: '2.0', id: requestId, method, ...(params && { params }) });
const text = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString();
const toldIn = (bytes: Uint8Array | undefined) =>
  (JSON.parse(text(bytes)) as { params: { _meta: { traceparent: string } } }).params._meta.traceparent;

describe('the context of a request', () => {
  it.each([
    ['none before: a new trace, sampled', undefined, `00-${id(1, 32)}-${id(2, 16)}-01`],
    ['the caller’s, sampled', from('01'), `00-${trace('a')}-${id(1, 16)}-01`],
    ['the caller’s, not sampled', from('00'), `00-${trace('a')}-${id(1, 16)}-00`],
    ['the caller’s random trace id', from('03'), `00-${trace('a')}-${id(1, 16)}-03`],
    ['flags that nobody knows', from('fd'), `00-${trace('a')}-${id(1, 16)}-01`],
    ['a later version', `${from('01', '42')}-more`, `00-${trace('a')}-${id(1, 16)}-01`],
    ['malformed: a new trace', 'nonsense', `00-${id(1, 32)}-${id(2, 16)}-01`],
    [
      'a trace id of zeros: a new trace',
      `00-${trace('0')}-${span('b')}-00`,
      `00-${id(1, 32)}-${id(2, 16)}-01`,
    ],
  ])('%s', (_name, traceparent, expected) => {
    const edited = open().line(Buffer.from(call({ _meta: { traceparent } })));
    expect(toldIn(edited?.line)).toBe(expected);
    const [, traceId, spanId] = expected.split('-');
    expect(edited?.fact).toEqual({ fact: 'propagated', spans: [{ id: 1, traceId, spanId }] });
  });

  it.each([
    ['a retry with input', call({ name: 'x', inputResponses: {} })],
    ['a retry with state', call({ name: 'x', requestState: 's' })],
    ['the poll of a task', call({ taskId: 't' }, 'tasks/get')],
    ['the result of a task', call({ taskId: 't' }, 'tasks/result')],
    ['the cancellation of a task', call({ taskId: 't' }, 'tasks/cancel')],
  ])('%s goes on with another operation and is left alone', (_name, message) => {
    expect(open().line(Buffer.from(message))).toBeUndefined();
  });

  it('of a batch is told for each request', () => {
    const batch = `[${call(undefined, 'a', 'x')},${call({ requestState: '' }, 'b', 2)},${call(undefined, 'c', 3)}]`;
    const edited = open().line(Buffer.from(batch));
    expect(edited?.fact.spans).toEqual([
      { id: 'x', traceId: id(1, 32), spanId: id(2, 16) },
      { id: 3, traceId: id(3, 32), spanId: id(4, 16) },
    ]);
    expect(text(edited?.line)).toContain(call({ requestState: '' }, 'b', 2));
  });

  it('is not written when that fails: it is told, and the line goes on as it came', () => {
    const causes: unknown[] = [];
    const broken = () => {
      throw new Error('no ids');
    };
    const propagation = new Propagation({
      ids: { newTraceId: broken, newSpanId: broken },
      failed: (cause) => causes.push(cause),
    });
    expect(propagation.line(Buffer.from(call()))).toBeUndefined();
    expect(propagation.request('meta', Buffer.from(call()), [])).toBeUndefined();
    expect(causes).toHaveLength(2);
  });
});

describe('a request over HTTP', () => {
  const headers = ['Host', 'h', 'content-length', '1', 'Accept', '*/*'];

  it('gets the length that its body has now, where it stood', () => {
    const edited = open().request('meta', Buffer.from(call()), headers);
    expect(edited?.headers).toEqual([
      'Host',
      'h',
      'content-length',
      String(edited?.body.length),
      'Accept',
      '*/*',
    ]);
    expect(toldIn(edited?.body)).toBe(`00-${id(1, 32)}-${id(2, 16)}-01`);
  });

  it('is below the span of its header where the message tells of none', () => {
    const traced = [...headers, 'TraceParent', from('00')];
    const inHeader = open().request('meta', Buffer.from(call({ _meta: { traceparent: 'x' } })), traced);
    expect(toldIn(inHeader?.body)).toBe(`00-${trace('a')}-${id(1, 16)}-00`);
    const inMessage = `00-${trace('c')}-${span('d')}-01`;
    const both = open().request('meta', Buffer.from(call({ _meta: { traceparent: inMessage } })), traced);
    expect(toldIn(both?.body)).toBe(`00-${trace('c')}-${id(1, 16)}-01`);
  });

  it('is left alone where a header vouches for its body', () => {
    for (const name of ['Content-Digest', 'Signature', 'X-Amz-Content-Sha256'])
      expect(open().request('meta', Buffer.from(call()), [...headers, name, 'x'])).toBeUndefined();
  });

  it('has ours in its header alone, where that is asked for', () => {
    const body = Buffer.from(call());
    const added = open().request('header', body, headers);
    expect(added?.headers).toEqual([...headers, 'traceparent', `00-${id(1, 32)}-${id(2, 16)}-01`]);
    expect(added?.body).toBe(body);
    const traced = ['Traceparent', from('00'), 'tracestate', 'a=b', ...headers];
    const replaced = open().request('header', body, traced);
    expect(replaced?.headers).toEqual([
      'Traceparent',
      `00-${trace('a')}-${id(1, 16)}-00`,
      'tracestate',
      'a=b',
      ...headers,
    ]);
  });

  it('with several requests has none in its header: it could tell of one span only', () => {
    const batch = `[${call(undefined, 'a', 1)},${call(undefined, 'b', 2)}]`;
    expect(open().request('header', Buffer.from(batch), headers)).toBeUndefined();
  });
});

describe('lines', () => {
  const doubled = (line: Buffer) => (line.includes('x') ? Buffer.concat([line, line]) : undefined);
  const through = (editor: LineEditor, chunks: readonly Buffer[]): string =>
    Buffer.concat(
      [...chunks.map((chunk) => editor.push(chunk)), editor.end()].filter((part) => part !== undefined),
    ).toString();

  it('are the same, edited or not, wherever the chunks are cut', () => {
    const input = fc
      .array(fc.constantFrom('x', 'y', '\n', '\r\n', 'é', ''), { maxLength: 30 })
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(input, fc.array(fc.nat({ max: 60 }), { maxLength: 8 }), (all, cuts) => {
        const bytes = Buffer.from(all);
        const places = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)), bytes.length].sort(
          (a, b) => a - b,
        );
        // The memory of a chunk is used again once it was taken.
        const memory = Buffer.alloc(bytes.length);
        const editor = new LineEditor(doubled);
        const passed: Buffer[] = [];
        for (const [index, to] of places.entries()) {
          const chunk = memory.subarray(0, bytes.copy(memory, 0, places[index - 1] ?? 0, to));
          const part = editor.push(chunk);
          if (part !== undefined) passed.push(Buffer.from(part));
          memory.fill(0);
        }
        const rest = editor.end();
        if (rest !== undefined) passed.push(rest);
        const lines = all.split(/(?<=\n)/);
        const expected = lines.map((line) =>
          line.includes('x') && line.endsWith('\n') ? line + line : line,
        );
        expect(Buffer.concat(passed).toString()).toBe(expected.join(''));
      }),
      { numRuns: 2000 },
    );
  });

  it('a chunk in which nothing changes is passed on and not copied', () => {
    const chunk = Buffer.from('a\nb\n');
    expect(new LineEditor(doubled).push(chunk)).toBe(chunk);
  });

  it('a line of the longest size is edited; a longer one passes as it comes, and the next one is edited again', () => {
    const fits = `x${'y'.repeat(MAX_HELD_BYTES - 2)}\n`;
    expect(through(new LineEditor(doubled), [Buffer.from(fits)])).toBe(fits + fits);
    const long = Buffer.from(`x${fits}x\n`);
    const next = 'x\nx\n';
    for (const size of [long.length, 64 * 1024, MAX_HELD_BYTES]) {
      const chunks: Buffer[] = [];
      for (let at = 0; at < long.length; at += size) chunks.push(long.subarray(at, at + size));
      expect(through(new LineEditor(doubled), chunks)).toBe(`x${fits}${next}`);
    }
  });

  it('of a line that is too long, nothing is held any more', () => {
    const editor = new LineEditor(doubled);
    expect(editor.push(Buffer.alloc(MAX_HELD_BYTES, 'x'))).toBeUndefined();
    expect(editor.push(Buffer.from('yz'))?.length).toBe(MAX_HELD_BYTES + 2);
    expect(editor.push(Buffer.from('x'))?.toString()).toBe('x');
    expect(editor.end()).toBeUndefined();
  });

  it('of one chunk are told in one fact, before they go on', () => {
    const facts: PropagatedFact[] = [];
    const lines = propagatedLines(open(), (fact) => facts.push(fact));
    const [first, second] = [call(undefined, 'a', 1), call(undefined, 'b', 2)];
    expect(lines.push(Buffer.from(`${first}\n${second.slice(0, 9)}`))).toBeDefined();
    expect(lines.push(Buffer.from(`${second.slice(9)}\n${first}\n`))).toBeDefined();
    lines.push(Buffer.from('no request\n'));
    expect(facts.map(({ spans }) => spans.map((told) => told.id))).toEqual([[1], [2, 1]]);
  });
});

describe('a span that a server was told of', () => {
  const told = { id: 1, traceId: trace('e'), spanId: span('f') };
  const made = (ids: PropagatedIds, requestId: string | number, exchange = 0) =>
    ids.open(requestId, exchange, () => [ids.newTraceId(), ids.newSpanId()]);

  it('is the span of the request that it was told for, once', () => {
    const ids = new PropagatedIds(counting());
    ids.told([told], 0);
    expect(ids.newSpanId()).toBe(id(1, 16));
    expect(made(ids, 2)).not.toContain(told.spanId);
    expect(made(ids, '1')).not.toContain(told.spanId);
    expect(made(ids, 1)).toEqual([told.traceId, told.spanId]);
    expect(made(ids, 1)).not.toContain(told.spanId);
  });

  it('is nobody’s on another exchange, or after others were told', () => {
    const ids = new PropagatedIds(counting());
    ids.told([told], 7);
    expect(made(ids, 1, 8)).not.toContain(told.spanId);
    ids.told([{ ...told, id: 2 }], 7);
    expect(made(ids, 1, 7)).not.toContain(told.spanId);
    expect(made(ids, 2, 7)).toEqual([told.traceId, told.spanId]);
  });

  it('is forgotten with an operation that cannot be opened', () => {
    const ids = new PropagatedIds(counting());
    ids.told([told], 0);
    expect(() =>
      ids.open(1, 0, () => {
        throw new Error('no');
      }),
    ).toThrow('no');
    expect(ids.newSpanId()).not.toBe(told.spanId);
  });
});
