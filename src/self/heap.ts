/**
 * Lets V8 prefer a small heap to a quick one once it is large. What a long-lived process remembers is made and forgotten piece
 * by piece; V8 leaves the holes, and an observer at its bounds would hold three times what is alive in it.
 */
import { getHeapStatistics, setFlagsFromString } from 'node:v8';

/** Most never come here. From here on, compacting is worth more than the half of the observer's speed that it costs. */
const LARGE_BYTES = 192 * 1024 * 1024;
const SMALL_BYTES = 128 * 1024 * 1024;

export class HeapSize {
  #isLarge = false;

  /** To be called now and then, in the thread whose heap it is. The flag is of the process, and looked up at each collection. */
  check(): void {
    const { total_heap_size: bytes } = getHeapStatistics();
    const isLarge = bytes > (this.#isLarge ? SMALL_BYTES : LARGE_BYTES);
    if (isLarge === this.#isLarge) return;
    this.#isLarge = isLarge;
    setFlagsFromString(isLarge ? '--optimize-for-size' : '--no-optimize-for-size');
  }
}
