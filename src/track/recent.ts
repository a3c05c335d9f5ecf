/** A map that keeps what came to it last, up to a bound, and forgets the rest. */

export class Recent<K, V> {
  readonly #values = new Map<K, V>();
  /** The keys in the order in which they came: a ring. The map alone would do, but looking for its oldest entry passes
   * over all that were deleted before. */
  readonly #keys: K[] = [];
  #at = 0;
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  get(key: K): V | undefined {
    return this.#values.get(key);
  }

  /** A key that is known keeps its age. */
  set(key: K, value: V): void {
    const known = this.#values.has(key);
    this.#values.set(key, value);
    if (known) return;
    const oldest = this.#keys[this.#at];
    if (oldest !== undefined) this.#values.delete(oldest);
    this.#keys[this.#at] = key;
    this.#at = (this.#at + 1) % this.#max;
  }
}
