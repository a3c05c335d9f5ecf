/** A histogram as plain numbers: counting is one loop and two additions, with no label and no allocation. */

export interface BucketCounts {
  /** One per upper bound and one more for what is above the last; not cumulative. */
  readonly counts: ArrayLike<number>;
  readonly sum: number;
}

export class Buckets implements BucketCounts {
  readonly counts: Float64Array;
  sum = 0;
  readonly #bounds: readonly number[];

  /** `bounds` ascend; a value equal to a bound is below it. */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  /** Returns the index of the bucket that the value fell into. */
  observe(value: number): number {
    let index = 0;
    while (index < this.#bounds.length && value > (this.#bounds[index] ?? 0)) index += 1;
    this.counts[index] = (this.counts[index] ?? 0) + 1;
    this.sum += value;
    return index;
  }
}
