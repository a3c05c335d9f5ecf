/** The frame around every page: where one can go, how the connection stands, the help of keys, what was last said. */
import type { ReadonlySignal } from '@preact/signals';
import type { ComponentChildren, VNode } from 'preact';
import { useEffect, useErrorBoundary, useRef, useState } from 'preact/hooks';
import { useKeys } from './keys.ts';
import { asError } from './loading.ts';
import type { LiveState } from './live.ts';
import { usePage } from './page.ts';
import { Link } from './parts/link.tsx';
import { Empty, Failed } from './parts/states.tsx';
import { ReplayPage } from './replay/replay.tsx';
import { Replays } from './replay/replays.tsx';
import { SessionPage } from './session/session.tsx';
import { Sessions } from './sessions/sessions.tsx';
import { Stats } from './stats/stats.tsx';

const LIVE_WORDS: Readonly<Record<LiveState, string>> = {
  connecting: 'connecting',
  live: 'live',
  broken: 'disconnected, trying again',
};

const PAGES = [
  { name: 'Sessions', href: '/', key: 'g s', is: (first: string) => first === '' || first === 'sessions' },
  { name: 'Statistics', href: '/stats', key: 'g t', is: (first: string) => first === 'stats' },
  { name: 'Replays', href: '/replays', key: 'g p', is: (first: string) => first === 'replays' },
] as const;

export function App({ said }: { readonly said: ReadonlySignal<string> }): VNode {
  const { place, keys, live } = usePage();
  const [helps, help] = useState(false);
  const [first = '', second] = place.now.value.path;
  useKeys(keys, [
    ...PAGES.map(({ name, href, key }) => ({
      key,
      does: `go to ${name.toLowerCase()}`,
      run: () => place.go(href),
    })),
    {
      key: '/',
      does: 'search',
      run: () => document.querySelector<HTMLInputElement>('input[type="search"]')?.focus(),
    },
    { key: '?', does: 'show the keys', run: () => help(true) },
  ]);
  return (
    <div class="app">
      <a class="skip" href="#content">
        Skip to the content
      </a>
      <header class="bar">
        <Link href="/" class="brand" label="Sidelight, all sessions">
          <img src="/icon.svg" alt="" width="18" height="18" /> <span class="name">Sidelight</span>
        </Link>
        <nav aria-label="Pages">
          {PAGES.map(({ name, href, is }) => (
            <Link key={href} href={href} current={is(first)}>
              {name}
            </Link>
          ))}
        </nav>
        <span class="spring" />
        {live.value !== undefined && (
          <span class={`connection ${live.value}`} role="status">
            <span aria-hidden="true">●</span> {LIVE_WORDS[live.value]}
          </span>
        )}
        <button type="button" class="plain" aria-label="Keys" title="Keys (?)" onClick={() => help(true)}>
          ?
        </button>
      </header>
      <main id="content" tabIndex={-1}>
        <Guarded key={first + (second ?? '')}>
          {first === '' && <Sessions />}
          {first === 'sessions' && second !== undefined && <SessionPage key={second} id={second} />}
          {first === 'stats' && <Stats />}
          {first === 'replays' &&
            (second === undefined ? <Replays /> : <ReplayPage key={second} id={second} />)}
          {!PAGES.some(({ is }) => is(first)) && (
            <Empty title="There is no such page">
              <p>
                <Link href="/">All sessions</Link>
              </p>
            </Empty>
          )}
        </Guarded>
      </main>
      {helps && <Help close={() => help(false)} />}
      <Said said={said} />
    </div>
  );
}

/** A view that breaks is a fault of ours: it says so, and the rest of the page stays. */
function Guarded({ children }: { readonly children: ComponentChildren }): VNode {
  const [error, reset] = useErrorBoundary((cause) => console.error(cause)) as [unknown, () => void];
  return error === undefined ? <>{children}</> : <Failed error={asError(error)} again={reset} />;
}

/** Gone after a while; screen readers have said it by then. */
const SAID_MS = 4000;

function Said({ said }: { readonly said: ReadonlySignal<string> }): VNode {
  const text = said.value;
  const [shown, show] = useState('');
  useEffect(() => {
    show(text);
    const timer = setTimeout(() => show(''), SAID_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return (
    <div class={`said ${shown === '' ? '' : 'shown'}`} role="status">
      {shown}
    </div>
  );
}

function Help({ close }: { readonly close: () => void }): VNode {
  const { keys } = usePage();
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} class="help" aria-labelledby="help-title" onClose={close}>
      <h2 id="help-title">Keys</h2>
      <dl>
        {keys.list().map(({ key, does }) => (
          <div key={key}>
            <dt>
              {(key === ' ' ? ['space'] : key.split(' ')).map((one) => (
                <kbd key={one}>{one}</kbd>
              ))}
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
      <button type="button" onClick={() => dialog.current?.close()}>
        Close
      </button>
    </dialog>
  );
}
