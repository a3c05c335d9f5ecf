/** Steps through a replay in the terminal: shows what is about to be sent and what came of it, and asks what to do. */
import type { PlannedStep } from '../replay/plan.ts';
import type { LiveStep, Decision } from '../replay/run.ts';
import type { Json } from '../replay/scenario.ts';
import { duration, indented, safe, type Terminal } from './terminal.ts';

/** Asks one line of the person; undefined: there is nobody any more. */
export type Question = (text: string) => Promise<string | undefined>;

const HELP =
  'enter: send   s: skip   e {json}: send these params instead   c: send all that follow   q: stop   ?: help';

export class Stepper {
  readonly #ask: Question;
  readonly #terminal: Terminal;
  #runsOn = false;

  constructor(ask: Question, terminal: Terminal) {
    this.#ask = ask;
    this.#terminal = terminal;
  }

  async before(planned: PlannedStep): Promise<Decision> {
    if (this.#runsOn) return 'go';
    const { step, params, safety, blocked } = planned;
    await this.#terminal.line(
      `\n${this.#terminal.paint('bold', `${step.index}  ${nameOf(planned)}`)}  ${safety}`,
    );
    for (const line of indented(JSON.stringify(params ?? {}))) await this.#terminal.line(`    ${line}`);
    for (const why of blocked)
      await this.#terminal.line(this.#terminal.paint('red', `    blocked: ${safe(why)}`));
    if (blocked.length > 0) return 'skip';
    for (;;) {
      const answer = await this.#ask('send? ');
      const decision = answer === undefined ? 'stop' : this.#decide(answer.trim());
      if (decision !== undefined) return decision;
      await this.#terminal.line(this.#terminal.paint('dim', HELP));
    }
  }

  async after({ outcome, answer, durationUs }: LiveStep): Promise<void> {
    if (outcome === 'not_sent') return;
    await this.#terminal.line(`    ${outcome} after ${duration(durationUs)}`);
    if (answer === undefined) return;
    const said = 'result' in answer ? answer.result : answer.error;
    for (const line of indented(said === undefined ? '' : JSON.stringify(said)))
      await this.#terminal.line(`    ${line}`);
  }

  #decide(answer: string): Decision | undefined {
    if (answer === '') return 'go';
    if (answer === 's') return 'skip';
    if (answer === 'q') return 'stop';
    if (answer === 'c') {
      this.#runsOn = true;
      return 'go';
    }
    if (!answer.startsWith('e ')) return undefined;
    try {
      const params = JSON.parse(answer.slice(2)) as unknown;
      return typeof params === 'object' && params !== null && !Array.isArray(params)
        ? { params: params as Json }
        : undefined;
    } catch {
      return undefined;
    }
  }
}

export function nameOf(planned: PlannedStep | undefined): string {
  const step = planned?.step;
  return step === undefined ? '' : safe([step.method, step.target].filter(Boolean).join(' '));
}
