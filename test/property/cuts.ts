/** Chunking and run settings that the property tests share. */

/** A failure is told with its seed; `SEED=n` runs it again. */
export function settings(numRuns: number): { numRuns: number; seed: number } {
  const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);
  console.info(`seed ${seed}`);
  return { numRuns, seed };
}

/** Cuts bytes at offsets, which are taken modulo the size; equal ones give empty chunks. */
export function chunked(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const offsets = cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b);
  return [...offsets, bytes.length].map((to, index) => bytes.subarray(offsets[index - 1] ?? 0, to));
}
