/** The keyboard: who is on the page says which keys do what; the newest one that knows a key gets it. Keys typed into a field are left alone. */
import { useEffect, useRef } from 'preact/hooks';

export interface KeyAction {
  /** As `KeyboardEvent.key`; two keys after each other with a blank between. */
  readonly key: string;
  readonly does: string;
  readonly run: () => void;
}

export interface Keys {
  /** Undone by what is returned. */
  readonly add: (actions: () => readonly KeyAction[]) => () => void;
  /** What can be pressed now, the newest first, each key once. */
  readonly list: () => readonly KeyAction[];
}

/** The second of two keys comes in this time. */
const SEQUENCE_MS = 1500;
const FIELDS = 'input, textarea, select, [contenteditable]';

export function keysOf(window: Window): Keys {
  const layers: (() => readonly KeyAction[])[] = [];
  let first = '';
  let firstAt = 0;
  const list = (): readonly KeyAction[] => {
    const byKey = new Map<string, KeyAction>();
    for (const actions of layers.toReversed())
      for (const action of actions()) if (!byKey.has(action.key)) byKey.set(action.key, action);
    return [...byKey.values()];
  };
  window.addEventListener('keydown', (event) => {
    const { key, target, ctrlKey, metaKey, altKey } = event;
    if (ctrlKey || metaKey || altKey || event.defaultPrevented) return;
    const element = target instanceof Element ? target : undefined;
    if (element?.matches(FIELDS) === true || element?.closest('dialog')) return;
    // A button that has the focus is pressed by them.
    if ((key === ' ' || key === 'Enter') && element?.closest('button, a, summary, [role="treeitem"]')) return;
    const both = event.timeStamp - firstAt < SEQUENCE_MS && first !== '' ? `${first} ${key}` : undefined;
    const known = list();
    const action = known.find((one) => one.key === both) ?? known.find((one) => one.key === key);
    first = known.some((one) => one.key.startsWith(`${key} `)) ? key : '';
    firstAt = event.timeStamp;
    if (action === undefined) return;
    event.preventDefault();
    action.run();
  });
  return {
    list,
    add: (actions) => {
      layers.push(actions);
      return () => {
        layers.splice(layers.indexOf(actions), 1);
      };
    },
  };
}

/** For as long as the component is on the page; always those of its last rendering. */
export function useKeys(keys: Keys, actions: readonly KeyAction[]): void {
  const latest = useRef(actions);
  latest.current = actions;
  useEffect(() => keys.add(() => latest.current), [keys]);
}
