/** What every part of the page is handed: the API, where the page is, the keys, and what is said to the person. */
import type { ReadonlySignal, Signal } from '@preact/signals';
import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { Client, LiveMessage } from '../api/client.ts';
import type { Keys } from './keys.ts';
import type { Following, LiveState } from './live.ts';
import type { Place } from './place.ts';

export interface Page {
  readonly client: Client;
  readonly place: Place;
  readonly keys: Keys;
  readonly follow: (filter: string, tell: (message: LiveMessage) => void) => Following;
  /** How the connection of what is shown now stands; undefined where nothing is followed. */
  readonly live: Signal<LiveState | undefined>;
  /** Sessions can be changed here: pinned, noted, imported. Not by every token, and not in a fleet. */
  readonly writes: ReadonlySignal<boolean>;
  /** Said once, at the foot of the page and to screen readers. */
  readonly say: (text: string) => void;
  readonly copy: (what: string, text: string) => void;
}

export const PageContext = createContext<Page | undefined>(undefined);

export function usePage(): Page {
  const page = useContext(PageContext);
  if (page === undefined) throw new Error('outside of the page');
  return page;
}
