import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ExchangeFeed } from '../../src/feed.ts';
import { createRing, RingReader, type RingRecord, RingWriter } from '../../src/tap/ring.ts';
import type { ExchangeFact } from '../../src/wire/exchange.ts';

const CAPACITY = 256 * 1024;
const ASKED: ExchangeFact = {
  fact: 'request',
  connection: 1,
  client: { address: '127.0.0.1', port: 1 },
  method: 'POST',
  target: '/mcp',
  httpVersion: '1.1',
  headers: [],
};
const ENDED: ExchangeFact = { fact: 'response_ended', end: 'complete', trailers: [] };

function fed() {
  const ring = createRing(CAPACITY);
  const writer = new RingWriter(ring, () => undefined);
  const reader = new RingReader(ring);
  const feed = new ExchangeFeed({
    record: (...record) => writer.push(...record),
    tell: (fact, atUs) => writer.pushLifecycle(fact, atUs),
    delayed: () => undefined,
  });
  const records: RingRecord[] = [];
  const drain = (): void => {
    while (reader.read((record) => records.push({ ...record, bytes: record.bytes.slice() })));
  };
  return { feed, records, drain };
}

const json = ({ bytes }: RingRecord): unknown => JSON.parse(new TextDecoder().decode(bytes));

describe('what the tap tells of exchanges', () => {
  it('says of each exchange exactly how much is missing where, whatever the order of writes and reads', () => {
    const step = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({ exchange: fc.integer({ min: 1, max: 4 }), bytes: fc.nat(60_000) }),
      },
      { weight: 1, arbitrary: fc.constant('read' as const) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const { feed, records, drain } = fed();
        const sent = new Map<number, number>();
        for (const [atUs, action] of steps.entries()) {
          if (action === 'read') {
            drain();
            continue;
          }
          feed.body(action.exchange, 'server_to_client', Buffer.alloc(action.bytes, 1), atUs, 0);
          sent.set(action.exchange, (sent.get(action.exchange) ?? 0) + action.bytes);
        }
        drain();
        // The last one always fits: it tells where the exchange stands.
        for (const exchange of sent.keys()) feed.body(exchange, 'server_to_client', Buffer.alloc(0), 99, 0);
        drain();
        for (const [exchange, bytes] of sent) {
          const own = records.filter((record) => record.exchange === exchange);
          const got = own.reduce((sum, record) => sum + record.bytes.length, 0);
          let expected = 0;
          let missing = 0;
          for (const { offset, bytes: part } of own) {
            missing += offset - expected;
            expected = offset + part.length;
          }
          expect(got + missing).toBe(bytes);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('tells later of ends that did not fit', () => {
    const { feed, records, drain } = fed();
    feed.fact(1, ASKED, 0);
    for (let at = 0; at < 300; at += 1) feed.body(1, 'server_to_client', Buffer.alloc(1000), at, 0);
    feed.fact(1, ENDED, 11);
    feed.fact(2, ASKED, 12);
    feed.fact(2, ENDED, 12);
    drain();
    feed.fact(3, ENDED, 13);
    drain();
    const lost = records.filter(({ kind }) => kind === 'lifecycle').map(json);
    expect(lost).toEqual([{ fact: 'exchanges_lost', exchanges: [1], unseen: 1 }]);
    expect(records.filter(({ kind }) => kind === 'response').map(({ exchange }) => exchange)).toEqual([3]);
  });

  it('tells at the end what it could not tell before', () => {
    const { feed, records, drain } = fed();
    for (let at = 0; at < 300; at += 1) feed.body(1, 'server_to_client', Buffer.alloc(1000), at, 0);
    feed.fact(2, ASKED, 12);
    feed.fact(2, ENDED, 12);
    drain();
    feed.end(13);
    feed.end(14);
    drain();
    const lost = records.filter(({ kind }) => kind === 'lifecycle').map(json);
    expect(lost).toEqual([{ fact: 'exchanges_lost', exchanges: [], unseen: 1 }]);
  });
});
