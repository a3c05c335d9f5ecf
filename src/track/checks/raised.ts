/** What the checks have told of a session: the same about the same thing is told once. */
import type { FindingRule } from '../../event/findings.ts';
import type { FramePlace, Session } from '../session.ts';

/** Things told of. A peer that makes up names must not fill the memory, nor the log. */
const MAX_SUBJECTS = 1000;
/** Of a subject's text. */
const MAX_SUBJECT_CHARS = 300;

export class Raised {
  readonly #session: Session;
  #told: Set<string> | undefined;
  #overflowed = false;

  constructor(session: Session) {
    this.#session = session;
  }

  /** `subject`: what it is about, raw, kept here only. `detail` is cleaned. */
  once(
    rule: FindingRule,
    subject: string | number,
    where: FramePlace,
    detail: string,
    operationId?: number,
  ): void {
    const key = `${rule} ${subject}`.slice(0, MAX_SUBJECT_CHARS);
    this.#told ??= new Set();
    if (this.#told.has(key)) return;
    if (this.#told.size < MAX_SUBJECTS) {
      this.#told.add(key);
      this.#session.raise(rule, where, detail, operationId);
      return;
    }
    if (!this.#overflowed)
      this.#session.raise('tracking_overflow', where, `${MAX_SUBJECTS} findings of checks`);
    this.#overflowed = true;
  }
}
