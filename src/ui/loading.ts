/** Something that is asked of the API: not there yet, there, or failed. An answer to an older question is dropped. */
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';

export type Loading<T> =
  | { readonly is: 'loading'; readonly before?: T | undefined }
  | { readonly is: 'ready'; readonly value: T }
  | { readonly is: 'failed'; readonly error: Error; readonly before?: T | undefined };

export interface Asked<T> {
  readonly state: Loading<T>;
  /** Asks again; what is shown stays until the answer is there. */
  readonly again: () => void;
}

/** `key` names the question: another key is another question, and what was shown is none of its answer. */
export function useAsked<T>(key: string, ask: () => Promise<T>): Asked<T> {
  const [shown, show] = useState<{ readonly key: string; readonly state: Loading<T> }>({
    key,
    state: { is: 'loading' },
  });
  const latest = useRef({ turn: 0, ask });
  latest.current.ask = ask;
  const again = useCallback(() => {
    const turn = (latest.current.turn += 1);
    const answer = (state: (before: T | undefined) => Loading<T>): void => {
      if (turn === latest.current.turn)
        show((old) => ({ key, state: state(old.key === key ? valueOf(old.state) : undefined) }));
    };
    latest.current.ask().then(
      (value) => answer(() => ({ is: 'ready', value })),
      (error: unknown) => answer((before) => ({ is: 'failed', error: asError(error), before })),
    );
  }, [key]);
  useEffect(() => {
    again();
    return () => {
      latest.current.turn += 1;
    };
  }, [again]);
  return { state: shown.key === key ? shown.state : { is: 'loading' }, again };
}

export function valueOf<T>(state: Loading<T>): T | undefined {
  return state.is === 'ready' ? state.value : state.before;
}

export function asError(cause: unknown): Error {
  return cause instanceof Error ? cause : new Error(String(cause));
}
