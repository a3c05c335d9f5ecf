/** Steps through a replay in the terminal: shows what is about to be sent and what came of it, and asks what to do. */
import type { PlannedStep } from '../replay/plan.ts';
import type { LiveStep, Decision } from '../replay/run.ts';
import type { Json } from '../replay/scenario.ts';
import { type Move, Stepper } from '../replay/stepper.ts';
import { duration, indented, safe, type Terminal } from './terminal.ts';

/** Asks one line of the person; undefined: there is nobody any more. */
export type Question = (text: string) => Promise<string | undefined>;

/** Asks the person what a server is answered, one question after the other; an empty line answers nothing. */
export function answeringWith(
  ask: Question,
  terminal: Terminal,
): (method: string, params: unknown) => Promise<Json | undefined> {
  const question = async (method: string, params: unknown): Promise<Json | undefined> => {
    await terminal.line(`    ${terminal.paint('bold', safe(method))}`);
    for (const line of indented(JSON.stringify(params ?? {}))) await terminal.line(`      ${line}`);
    for (;;) {
      const answer = await ask('result? {json}, or enter for none: ');
      if (answer === undefined || answer.trim() === '') return undefined;
      const result = objectFrom(answer);
      if (result !== undefined) return result;
    }
  };
  let before: Promise<unknown> = Promise.resolve();
  return (method, params) => {
    const answer = before.then(() => question(method, params));
    before = answer;
    return answer;
  };
}

const HELP =
  'enter: send   s: skip   e {json}: send these params instead   c: send all that follow   q: stop   ?: help';

export class TerminalStepper {
  readonly #ask: Question;
  readonly #terminal: Terminal;
  readonly #stepper = new Stepper(true);

  constructor(ask: Question, terminal: Terminal) {
    this.#ask = ask;
    this.#terminal = terminal;
  }

  async before(planned: PlannedStep): Promise<Decision> {
    if (!this.#stepper.paused) return this.#stepper.before(planned);
    const { step, params, safety, blocked } = planned;
    await this.#terminal.line(
      `\n${this.#terminal.paint('bold', `${step.index}  ${nameOf(planned)}`)}  ${safety}`,
    );
    for (const line of indented(JSON.stringify(params ?? {}))) await this.#terminal.line(`    ${line}`);
    for (const why of blocked)
      await this.#terminal.line(this.#terminal.paint('red', `    blocked: ${safe(why)}`));
    const decision = this.#stepper.before(planned);
    while (this.#stepper.waiting !== undefined) {
      const answer = await this.#ask('send? ');
      const move: Move | undefined = answer === undefined ? { is: 'stop' } : moveOf(answer.trim());
      const refusal = move === undefined ? undefined : this.#stepper.move(move);
      if (refusal === 'other_tool')
        await this.#terminal.line(this.#terminal.paint('red', 'these params are of another tool'));
      else if (move === undefined) await this.#terminal.line(this.#terminal.paint('dim', HELP));
    }
    return decision;
  }

  async after({ outcome, answer, durationUs }: LiveStep): Promise<void> {
    if (outcome === 'not_sent') return;
    await this.#terminal.line(`    ${outcome} after ${duration(durationUs)}`);
    if (answer === undefined) return;
    const said = 'result' in answer ? answer.result : answer.error;
    for (const line of indented(said === undefined ? '' : JSON.stringify(said)))
      await this.#terminal.line(`    ${line}`);
  }
}

const MOVES: Readonly<Record<string, Move>> = {
  '': { is: 'send' },
  s: { is: 'skip' },
  q: { is: 'stop' },
  c: { is: 'continue' },
};

function moveOf(answer: string): Move | undefined {
  if (!answer.startsWith('e ')) return Object.hasOwn(MOVES, answer) ? MOVES[answer] : undefined;
  const params = objectFrom(answer.slice(2));
  return params && { is: 'send', params };
}

function objectFrom(text: string): Json | undefined {
  try {
    const value = JSON.parse(text) as unknown;
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined;
  } catch {
    return undefined;
  }
}

export function nameOf(planned: PlannedStep | undefined): string {
  const step = planned?.step;
  return step === undefined ? '' : safe([step.method, step.target].filter(Boolean).join(' '));
}
