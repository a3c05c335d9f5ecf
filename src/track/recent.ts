/** A map that keeps what came to it last, up to a bound, and forgets the rest. Empty, it costs next to nothing. */

interface Kept<K, V> {
  readonly values: Map<K, V>;
  /** In the order in which they came: a ring. The map alone would do, but looking for its oldest entry passes over all
   * that were deleted before. */
  readonly keys: K[];
}

export class Recent<K, V> {
  #kept: Kept<K, V> | undefined;
  #at = 0;
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  get(key: K): V | undefined {
    return this.#kept?.values.get(key);
  }

  /** A key that is known keeps its age. */
  set(key: K, value: V): void {
    const { values, keys } = (this.#kept ??= { values: new Map(), keys: [] });
    const known = values.has(key);
    values.set(key, value);
    if (known) return;
    const oldest = keys[this.#at];
    if (oldest !== undefined) values.delete(oldest);
    keys[this.#at] = key;
    this.#at = (this.#at + 1) % this.#max;
  }
}
