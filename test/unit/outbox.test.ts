/** How much goes to a fleet's store at once. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { ShippingRules } from '../../src/store/shipment.ts';
import { openForWriting } from '../../src/store/open.ts';
import { Outbox } from '../../src/store/outbox.ts';
import { folder, stored } from './recordings.ts';
import { ended, frame, operation, sessionId, started } from './storeEvents.ts';

const RULES: ShippingRules = { payloads: 'none', payloadsByServer: {}, slowMs: 10_000, sample: 0 };
const SESSIONS = 30;

function session(number: number, operations: number) {
  const id = sessionId(number);
  return [
    started(id),
    frame(id, 0),
    ...Array.from({ length: operations }, (_, one) => operation(id, one)),
    ended(id, { operations, failedOperations: 0 }),
  ];
}

it('many small sessions go in one batch, however many operations the recording has had before', async () => {
  const dataDir = join(folder(), 'data');
  const before = session(1, 12_000);
  const small = Array.from({ length: SESSIONS }, (_, one) => session(2 + one, 2)).flat();
  await stored(dataDir, before);
  await stored(dataDir, small);
  const db = await openForWriting(dataDir);
  try {
    const outbox = new Outbox(db, 'there');
    const sizes: number[] = [];
    let ids = 0;
    for (;;) {
      const batch = outbox.next(RULES, () => `batch-${(ids += 1)}`);
      if (batch === undefined) break;
      sizes.push(batch.parts.length);
      outbox.arrived(batch, { there: {}, rejected: {}, letters: [] }, 0);
    }
    // The long one in two parts, the second with the small ones.
    expect(sizes).toEqual([1, 1 + SESSIONS]);
  } finally {
    db.close();
  }
});
