/** Finds what somebody most likely meant to write. It never guesses when nothing is near. */

/** A share of the longer word that may differ: `recrod` is `record`, `foo` is not `record`. */
const MAX_DIFFERENCE = 0.4;
/** `warning` has `warn` in it, and that says something; that it has `in` in it does not. */
const MIN_PART_CHARS = 3;

/** The nearest candidate, or undefined. Case and the separators `. - _` do not count. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  const wanted = bare(word);
  let best: { readonly candidate: string; readonly difference: number } | undefined;
  for (const candidate of candidates) {
    const found = bare(candidate);
    const difference = differenceOf(wanted, found);
    if (difference <= MAX_DIFFERENCE && difference < (best?.difference ?? Infinity)) {
      best = { candidate, difference };
    }
  }
  return best?.candidate;
}

/** `; did you mean X?`, or nothing. */
export function didYouMean(near: string | undefined): string {
  return near === undefined ? '' : `; did you mean ${near}?`;
}

function bare(word: string): string {
  return word.toLowerCase().replace(/[-._]/g, '');
}

function differenceOf(a: string, b: string): number {
  const [short, long] = a.length < b.length ? [a, b] : [b, a];
  const difference = editDistance(a, b) / Math.max(long.length, 1);
  const isPart = short.length >= MIN_PART_CHARS && long.includes(short);
  return isPart ? Math.min(difference, MAX_DIFFERENCE) : difference;
}

/** Damerau-Levenshtein (optimal string alignment): insertions, deletions, substitutions and swaps of neighbours. */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const same = a[row - 1] === b[column - 1];
      let cost = Math.min(
        at(last, column) + 1,
        at(current, column - 1) + 1,
        at(last, column - 1) + (same ? 0 : 1),
      );
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        cost = Math.min(cost, at(beforeLast, column - 2) + 1);
      }
      current.push(cost);
    }
    [beforeLast, last] = [last, current];
  }
  return at(last, b.length);
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Infinity;
}
