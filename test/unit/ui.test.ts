/** The parts of the page that need no browser: the rows of a tree, the order of a picture, what is copied, what a log line says. */
import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { copiesOf } from '../../src/ui/message/copies.ts';
import { findIn } from '../../src/ui/message/find.ts';
import {
  above,
  idOf,
  MAX_DEPTH,
  MAX_ROWS,
  pathText,
  rowsOf,
  type TreeRow,
} from '../../src/ui/message/treeRows.ts';
import type { Operation, Session } from '../../src/ui/session/data.ts';
import type { Frame } from '../../src/ui/session/frames.ts';
import { logLine } from '../../src/ui/session/logLine.ts';
import type { InFlight } from '../../src/ui/session/inFlight.ts';
import { ordered, spanOf, ticks, withOpen, zoomed } from '../../src/ui/session/order.ts';
import { partsOf } from '../../src/ui/stats/series.ts';
import { duration, size } from '../../src/ui/words.ts';

const NONE: ReadonlyMap<string, boolean> = new Map();
const labels = (rows: readonly TreeRow[]): unknown[] =>
  rows.map(({ key, part, size: members, value }) => part ?? key ?? members ?? value);

describe('the rows of a tree', () => {
  it('are those of what is open, a large list in parts', () => {
    const { rows } = rowsOf(
      { a: [1], list: Array.from({ length: 2500 }, (_, index) => index) },
      new Map([['/list', true]]),
    );
    expect(labels(rows)).toEqual([2, 'a', 0, 'list', [0, 1000], [1000, 2000], [2000, 2500]]);
  });

  it('stop at a bound, and say so', () => {
    const value = Array.from({ length: MAX_ROWS }, () => [1]);
    const { rows, isCut } = rowsOf(value, NONE, true);
    expect(rows).toHaveLength(MAX_ROWS);
    expect(isCut).toBe(true);
  });

  it('end at a depth, however deep the value is', () => {
    const deep = JSON.parse(`${'['.repeat(5000)}1${']'.repeat(5000)}`) as unknown;
    const { rows } = rowsOf(deep, NONE, true);
    expect(rows).toHaveLength(MAX_DEPTH + 1);
    expect(rows.at(-1)?.size).toBeUndefined();
  });

  it('hold every value once when all is open, each under an id of its own', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        const { rows } = rowsOf(value, NONE, true);
        expect(new Set(rows.map(({ id }) => id)).size).toBe(rows.length);
        for (const row of rows) {
          const found = row.path.reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], value);
          expect(found).toBe(row.value);
        }
      }),
    );
  });

  it('show what was found once all above it is open', () => {
    const value = { list: Array.from({ length: 3000 }, (_, index) => ({ name: `n${index}` })) };
    const [path = []] = findIn(value, 'N2999').paths;
    expect(pathText(path)).toBe('$.list[2999].name');
    const { rows } = rowsOf(value, new Map(above(value, path).map((id) => [id, true])));
    expect(rows.map(({ id }) => id)).toContain(idOf(path));
  });

  it('are found in the order in which they stand, in keys and in values', () => {
    expect(findIn({ b: 'x', x: [0, 'ax'], c: 10 }, 'x').paths.map(pathText)).toEqual([
      '$.b',
      '$.x',
      '$.x[1]',
    ]);
    expect(findIn({ c: 10 }, '1').paths.map(pathText)).toEqual(['$.c']);
  });
});

const operation = (operationId: number, startedAtUs: number, parentOperationId?: number): Operation =>
  ({
    operationId,
    startedAtUs,
    endedAtUs: startedAtUs + 10,
    parentOperationId,
    outcome: 'ok',
    stream: false,
  }) as Operation;

describe('a picture of operations', () => {
  it('puts each under the one that caused it, whatever the order in which they came', () => {
    const placed = ordered([operation(3, 30, 1), operation(2, 20), operation(1, 10), operation(4, 40, 3)]);
    expect(placed.map(({ operation: { operationId }, depth }) => [operationId, depth])).toEqual([
      [1, 0],
      [3, 1],
      [4, 2],
      [2, 0],
    ]);
  });

  it('has those without an end where they began, and never between a cause and what it caused', () => {
    const open = (operationId: number, startedAtUs: number): InFlight => ({
      ...{ operationId, startedAtUs, method: 'tools/call', fromServer: false, seq: 0 },
    });
    const placed = ordered([operation(1, 10), operation(2, 20, 1), operation(3, 30)]);
    const lines = withOpen(placed, [open(6, 40), open(4, 5), open(5, 15)]);
    const ids = lines.map((line) => ('open' in line ? line.open.operationId : line.operation.operationId));
    expect(ids).toEqual([4, 1, 2, 5, 3, 6]);
    expect(withOpen(placed, [])).toBe(placed);
  });

  it('has an operation whose cause is not there, or that names itself, at the left', () => {
    const placed = ordered([operation(1, 10, 99), operation(2, 20, 2)]);
    expect(placed.map(({ depth }) => depth)).toEqual([0, 0]);
  });

  it('has round times at its top, and is never looked at wider than it is', () => {
    const all = spanOf(1000, 4_001_000);
    expect(ticks(all, 1000, 6)).toEqual([0, 1e6, 2e6, 3e6, 4e6]);
    const closer = zoomed(all, 0.5, all);
    expect(closer && closer.toUs - closer.fromUs).toBeCloseTo((all.toUs - all.fromUs) / 2, 0);
    expect(zoomed(all, 2, all)).toBeUndefined();
  });

  it('counts what failed and how long it took in equal parts of time', () => {
    const parts = partsOf([operation(1, 0), { ...operation(2, 99), outcome: 'timeout' }], 2);
    expect(parts.map(({ calls, failed, p50Us }) => [calls, failed, p50Us])).toEqual([
      [1, 0, 10],
      [1, 1, 10],
    ]);
    expect(partsOf([], 2)).toEqual([]);
  });
});

describe('what is copied', () => {
  const session = {
    id: 's1',
    target: 'http://127.0.0.1:3000/',
    era: 'modern',
    protocolVersion: '2026-07-28',
  } as Session;

  it('is a command that a shell reads as it was meant, whatever the message says', () => {
    fc.assert(
      fc.property(
        fc.string().filter((text) => !text.includes('\0')),
        (text) => {
          const message = { method: 'tools/call', params: { name: text, arguments: { [text]: text } } };
          const body = JSON.stringify(message);
          const curl = copiesOf(session, message, body, '/mcp').find(({ name }) => name === 'curl');
          const words = execFileSync('sh', ['-c', `curl() { printf '%s\\0' "$@"; }\n${curl?.text() ?? ''}`], {
            encoding: 'utf8',
          });
          const [, url, ...rest] = words.split('\0');
          expect(url).toBe('http://127.0.0.1:3000/mcp');
          expect(rest.slice(-3)).toEqual(['--data-raw', body, '']);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('is the params of a call as a client takes them, and nothing of the kind for other messages', () => {
    const call = { method: 'tools/call', params: { name: 'echo', _meta: { a: 1 } } };
    const copies = copiesOf(session, call, '', undefined);
    expect(JSON.parse(copies.find(({ name }) => name === 'tools/call')?.text() ?? '')).toEqual({
      name: 'echo',
      arguments: {},
    });
    expect(copiesOf(session, { result: {} }, '', undefined).map(({ name }) => name)).toEqual([
      'JSON',
      'CLI command',
    ]);
  });
});

describe('a line of the log', () => {
  const frame = (changes: Partial<Frame>): Frame =>
    ({ kind: 'notification', channel: 'server_to_client', ...changes }) as Frame;

  it.each([
    [{ channel: 'stderr', kind: 'stderr', text: '{"a":1}' }, 'stderr', '{"a":1}'],
    [
      { kind: 'lifecycle', text: '{"fact":"server_exited","code":null,"signal":"SIGKILL"}' },
      'process',
      'server exited, signal SIGKILL',
    ],
    [
      { method: 'notifications/message', text: '{"params":{"level":"error","logger":"db","data":{"a":1}}}' },
      'error',
      'db: {"a":1}',
    ],
    [
      { method: 'notifications/message', text: '{"params":{"level":"info","data":"a long te' },
      'info',
      '"a long te…',
    ],
  ] as const)('says what %j says', (changes, level, text) => {
    expect(logLine(frame(changes))).toEqual({ level, text });
  });
});

describe('numbers', () => {
  it.each([
    [0, '0 µs'],
    [999, '999 µs'],
    [1500, '1.50 ms'],
    [99_960, '100 ms'],
    [2_000_000, '2.00 s'],
    [61_000_000, '1 min 1 s'],
    [3_660_000_000, '1 h 1 min'],
  ])('of %d µs are %s', (us, text) => {
    expect(duration(us)).toBe(text);
  });

  it.each([
    [10, '10 B'],
    [1536, '1.5 KiB'],
    [10 * 1024 * 1024, '10 MiB'],
  ])('of %d bytes are %s', (bytes, text) => {
    expect(size(bytes)).toBe(text);
  });
});
