/** Where the page is: path and query of the URL, which hold every state that is worth a link. Nothing else moves the URL. */
import { type ReadonlySignal, signal } from '@preact/signals';

export interface Where {
  readonly path: readonly string[];
  readonly query: Readonly<Record<string, string>>;
}

/** Undefined takes a member away. */
export type Changes = Readonly<Record<string, string | number | undefined>>;

export interface Place {
  readonly now: ReadonlySignal<Where>;
  /** Goes there, and back with the browser's own button. */
  readonly go: (href: string) => void;
  /** The same page in another state. `replace`: nothing to go back to, as while somebody types or moves through a list. */
  readonly set: (changes: Changes, replace?: boolean) => void;
  /** The URL of the same page in another state. */
  readonly with: (changes: Changes) => string;
}

export function placeOf(window: Window): Place {
  const now = signal(read(window.location));
  const refresh = (): void => {
    now.value = read(window.location);
  };
  window.addEventListener('popstate', refresh);
  const move = (href: string, replace: boolean): void => {
    if (replace) window.history.replaceState(null, '', href);
    else window.history.pushState(null, '', href);
    refresh();
  };
  const hrefWith = (changes: Changes): string => hrefOf(now.value.path, { ...now.value.query, ...changes });
  return {
    now,
    go: (href) => move(href, false),
    set: (changes, replace = false) => {
      const href = hrefWith(changes);
      if (href !== window.location.pathname + window.location.search) move(href, replace);
    },
    with: hrefWith,
  };
}

export function hrefOf(path: readonly string[], query: Changes = {}): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    if (value !== undefined && value !== '') parameters.set(name, String(value));
  const text = parameters.toString();
  return `/${path.map(encodeURIComponent).join('/')}${text === '' ? '' : `?${text}`}`;
}

function read({ pathname, search }: Location): Where {
  const path = pathname
    .split('/')
    .filter((part) => part !== '')
    .map(decoded);
  return { path, query: Object.fromEntries(new URLSearchParams(search)) };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
