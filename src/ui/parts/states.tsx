/** What stands where there is nothing to show: loading, empty, failed. Each says what can be done. */
import type { ComponentChildren, VNode } from 'preact';
import { asError, type Loading, valueOf } from '../loading.ts';
import { plain } from './text.tsx';

export function Empty({
  title,
  children,
}: {
  readonly title: string;
  readonly children?: ComponentChildren;
}): VNode {
  return (
    <div class="state">
      <h2>{title}</h2>
      {children}
    </div>
  );
}

export function Waiting({ what }: { readonly what: string }): VNode {
  return (
    <div class="state waiting" role="status">
      <span class="spinner" aria-hidden="true" /> {what} …
    </div>
  );
}

export function Failed({
  error,
  again,
}: {
  readonly error: Error;
  readonly again?: (() => void) | undefined;
}): VNode {
  return (
    <div class="state failed" role="alert">
      <h2>This could not be read</h2>
      <p>{wordsOf(error)}</p>
      {again && (
        <button type="button" onClick={again}>
          Try again
        </button>
      )}
    </div>
  );
}

/** `fetch` says only that it failed. */
export function wordsOf(error: Error): string {
  if (error instanceof TypeError)
    return 'Sidelight does not answer. Is `sidelight serve` still running? The page goes on when it is back.';
  return plain(error.message);
}

export interface AsyncProps<T> {
  readonly state: Loading<T>;
  readonly what: string;
  readonly again?: () => void;
  readonly children: (value: T) => ComponentChildren;
}

/** Keeps showing what was there while something newer is asked for, or could not be had. */
export function Async<T>({ state, what, again, children }: AsyncProps<T>): VNode {
  const value = valueOf(state);
  if (value !== undefined)
    return (
      <>
        {state.is === 'failed' && (
          <p class="notice" role="alert">
            {wordsOf(asError(state.error))}
          </p>
        )}
        {children(value)}
      </>
    );
  return state.is === 'failed' ? <Failed error={state.error} again={again} /> : <Waiting what={what} />;
}
