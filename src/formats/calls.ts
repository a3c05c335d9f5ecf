/**
 * Operations with the frames that asked and answered, in one pass over a session: what is in flight at a time is held, and
 * nothing else. They come in the order in which they ended.
 */
import type { StoredFrame } from '../store/block.ts';
import type { OperationRecord } from '../store/record.ts';
import type { Source } from './source.ts';

export interface Call {
  readonly operation: OperationRecord;
  /** Undefined where there is no such frame, as of an operation that was never answered. */
  readonly request: StoredFrame | undefined;
  readonly answer: StoredFrame | undefined;
}

type Open = { -readonly [Member in keyof Call]: Call[Member] };

export function* callsOf(source: Source): Generator<Call> {
  const operations = source.operations()[Symbol.iterator]();
  let next = operations.next();
  /** By the frame they end with. */
  const open = new Map<number, Open[]>();
  for (const frame of source.frames()) {
    for (; next.done !== true && next.value.firstSeq <= frame.seq; next = operations.next()) {
      const operation = next.value;
      const request = operation.firstSeq === frame.seq ? frame : undefined;
      const lastSeq = Math.max(operation.lastSeq, frame.seq);
      open.set(lastSeq, [...(open.get(lastSeq) ?? []), { operation, request, answer: undefined }]);
    }
    for (const call of open.get(frame.seq) ?? []) {
      if (frame.seq !== call.operation.firstSeq && isAnswer(frame, call.operation)) call.answer = frame;
      yield call;
    }
    open.delete(frame.seq);
  }
  for (const calls of open.values()) yield* calls;
  for (; next.done !== true; next = operations.next())
    yield { operation: next.value, request: undefined, answer: undefined };
}

function isAnswer({ kind, channel }: StoredFrame, { initiator }: OperationRecord): boolean {
  return channel !== initiator && (kind === 'result' || kind === 'error' || kind === 'batch');
}

/** Holds back so many bytes at most to give pieces in the order in which they began; beyond it they come as they end. */
const MAX_HELD_BYTES = 64 * 1024 * 1024;

/** Sorts pieces, each with the time of its beginning, of which `earliestOpenUs` says that none before it is to come. */
export class ByBeginning {
  #held: { readonly atUs: number; readonly text: string }[] = [];
  #bytes = 0;

  *add(atUs: number, text: string, earliestOpenUs: number): Generator<string> {
    let at = this.#held.length;
    while (at > 0 && (this.#held[at - 1]?.atUs ?? 0) > atUs) at -= 1;
    this.#held.splice(at, 0, { atUs, text });
    this.#bytes += text.length;
    let first = this.#held[0];
    while (first !== undefined && (first.atUs < earliestOpenUs || this.#bytes > MAX_HELD_BYTES)) {
      this.#held.shift();
      this.#bytes -= first.text.length;
      yield first.text;
      first = this.#held[0];
    }
  }

  *rest(): Generator<string> {
    for (const { text } of this.#held) yield text;
    this.#held = [];
  }
}
