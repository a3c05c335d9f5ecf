/**
 * When sessions came to the local store, as far as somebody who ships looked: an imported recording may be old, and a fleet's
 * store may be new, and neither has waited. Holds a few marks and forgets the rest.
 */
import type { Shipments } from './shipment.ts';

/** A mark at most so often. */
const MARK_US = 60_000_000;
/** Marks that are older than this are thinned out to a few for each bound of age. */
const FINE_US = 60 * MARK_US;
const COARSE_PARTS = 16;
/** Without a bound of age. */
const DAY_US = 24 * 60 * MARK_US;

export class Arrivals {
  readonly #shipments: Shipments;

  constructor(shipments: Shipments) {
    this.#shipments = shipments;
  }

  /** Notes what is there now. `ageUs`: the longest time that anybody will ask about. */
  mark(nowUs: number, ageUs: number = DAY_US): void {
    const { remote } = this.#shipments;
    const last = this.#shipments.one('SELECT max(at) FROM shipping_mark WHERE remote = ?', remote);
    // The clock was set back: what was noted by it then says nothing now.
    if (last > nowUs)
      this.#shipments.sql('DELETE FROM shipping_mark WHERE remote = ? AND at > ?').run(remote, nowUs);
    const add = this.#shipments.sql(
      'INSERT INTO shipping_mark (remote, at, number) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
    );
    if (last === 0) {
      add.run(remote, nowUs, 0);
      return;
    }
    if (nowUs - last < Math.min(MARK_US, ageUs / COARSE_PARTS)) return;
    add.run(remote, nowUs, this.#shipments.one('SELECT coalesce(max(number), 0) FROM session'));
    this.#shipments
      .sql(
        'DELETE FROM shipping_mark WHERE remote = @remote AND at < @fine AND EXISTS (SELECT 1 FROM shipping_mark AS other ' +
          'WHERE other.remote = @remote AND other.at < shipping_mark.at AND other.at / @step = shipping_mark.at / @step)',
      )
      .run({ remote, fine: nowUs - FINE_US, step: Math.max(1, Math.floor(ageUs / COARSE_PARTS)) });
    this.#shipments
      .sql(
        'DELETE FROM shipping_mark WHERE remote = @remote AND at < ' +
          '(SELECT max(at) FROM shipping_mark WHERE remote = @remote AND at <= @before)',
      )
      .run({ remote, before: nowUs - ageUs });
  }

  /** Sessions up to this number were there at that time. */
  before(us: number): number {
    const sql = 'SELECT max(number) FROM shipping_mark WHERE remote = ? AND at <= ?';
    return this.#shipments.one(sql, this.#shipments.remote, us);
  }

  /** A time at which the session was not there yet, in microseconds since the epoch; 0: none is known. */
  notYet(session: number): number {
    const sql = 'SELECT max(at) FROM shipping_mark WHERE remote = ? AND number < ?';
    return this.#shipments.one(sql, this.#shipments.remote, session);
  }
}
