/** The first of some revisions that is bad, with as few trials as halving takes. Each trial is somebody else's run. Pure. */

export type Tried = 'good' | 'bad' | 'untestable';

/** Positions in the list of revisions: every one up to `good` is good, `bad` is bad. */
export interface Narrowed {
  /** -1: the one before the first. */
  readonly good: number;
  /** The first bad one, where nothing stands between the two; otherwise what does could not be tried. */
  readonly bad: number;
}

/** The one before the first of `count` revisions is known to be good, the last to be bad. */
export async function narrow(count: number, trial: (at: number) => Promise<Tried>): Promise<Narrowed> {
  const untestable = new Set<number>();
  let good = -1;
  let bad = count - 1;
  for (;;) {
    const at = middleOf(good, bad, untestable);
    if (at === undefined) return { good, bad };
    const tried = await trial(at);
    if (tried === 'good') good = at;
    else if (tried === 'bad') bad = at;
    else untestable.add(at);
  }
}

/** The one nearest to the middle that can be tried. */
function middleOf(good: number, bad: number, untestable: ReadonlySet<number>): number | undefined {
  const middle = Math.floor((good + bad) / 2);
  for (let away = 0; away < bad - good; away += 1)
    for (const at of [middle + away, middle - away])
      if (at > good && at < bad && !untestable.has(at)) return at;
  return undefined;
}
