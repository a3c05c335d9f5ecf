/** The figures of all runs, asked for by the name of a run and of a system. Never averages: medians and worst cases. */

export class Figures {
  #results = new Map();

  add(run, system, result) {
    const key = `${run}/${system}`;
    this.#results.set(key, [...(this.#results.get(key) ?? []), result]);
  }

  /** Every result of a run for one system; empty when it was not run. */
  of(run, system = 'sidelight') {
    return this.#results.get(`${run}/${system}`) ?? [];
  }

  /** Undefined when it was not run. */
  median(run, system, value) {
    return middle(this.of(run, system).map(value));
  }

  worst(run, system, value) {
    const values = this.of(run, system).map(value);
    return values.length === 0 ? undefined : Math.max(...values);
  }

  /** The median over rounds of a figure made of all three systems of a round. */
  rounds(run, value) {
    const [direct, bare, sidelight] = ['direct', 'bare', 'sidelight'].map((system) => this.of(run, system));
    return middle(sidelight.map((ours, round) => value(ours, bare[round], direct[round])));
  }
}

function middle(values) {
  if (values.length === 0) return undefined;
  const sorted = values.toSorted((a, b) => a - b);
  const half = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}
