/** What the window is like, and the time, as values that a component follows. */
import { useEffect, useState } from 'preact/hooks';

/** The same as in the style sheets. */
const NARROW = '(max-width: 760px)';

export function useNarrow(): boolean {
  const [is, set] = useState(() => window.matchMedia(NARROW).matches);
  useEffect(() => {
    const query = window.matchMedia(NARROW);
    const look = (): void => set(query.matches);
    query.addEventListener('change', look);
    return () => query.removeEventListener('change', look);
  }, []);
  return is;
}

/** In milliseconds; it stands still while nobody looks. */
export function useNow(everyMs: number): number {
  const [now, set] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible') set(Date.now());
    }, everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}
